"""What the model is asked about a file under test."""
