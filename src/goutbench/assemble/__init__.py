"""Assemble: turns a model's replies into one Go test file."""
