"""Training rows: selected, encoded, checked."""
