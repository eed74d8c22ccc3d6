"""Commands that make, describe or select from a dataset."""
