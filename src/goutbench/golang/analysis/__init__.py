"""What Go code is like: features, purity, self-contained tests, test usage, build constraints."""
