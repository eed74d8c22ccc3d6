"""What the grammar of the parser cannot read."""
