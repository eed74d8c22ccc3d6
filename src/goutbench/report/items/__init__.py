"""What the page loads for an item on demand: its texts, results, mutants and the messages at their lines."""
