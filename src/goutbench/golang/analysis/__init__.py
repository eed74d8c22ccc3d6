"""Properties of Go code: features, purity, self-contained tests, test usage, build constraints."""
