"""The commands on a work tree: without a dataset."""
