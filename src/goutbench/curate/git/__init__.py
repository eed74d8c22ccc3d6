"""Git repositories: opening, cloning, history, objects."""
