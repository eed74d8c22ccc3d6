"""Everything that knows Go and nothing about models."""
