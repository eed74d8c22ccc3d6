"""A frozen list of tasks: items that a verified reference test proves to be solvable and telling."""
