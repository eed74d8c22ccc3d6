"""The last step of the ladder: the mutants of the focal file, their runs, and the score."""
