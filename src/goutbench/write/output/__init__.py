"""What a run shows and writes: lines for a terminal, JSON and a page."""
