"""What a run shows and writes: table, JSON, annotations and page."""
