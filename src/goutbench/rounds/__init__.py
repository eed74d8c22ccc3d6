"""Rounds: a model writes tests, they are executed, and it gets feedback; with `generate` and
`execute`."""

from goutbench.rounds.options import RoundOptions
from goutbench.rounds.stage import generate_in_rounds

__all__ = ["RoundOptions", "generate_in_rounds"]
