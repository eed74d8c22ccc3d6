"""Datasets and runs in object storage: a local copy for a command, and its changes back."""
