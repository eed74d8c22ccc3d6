"""The work tree: its files, packages and tests, what was changed, and what verdicts depend on."""
