"""From model replies to one Go test file."""
