"""The go command and the Go helper: type checks, formatting, mutation, test output."""
