"""Models that need no weights: the floor and the ceiling of every comparison."""
