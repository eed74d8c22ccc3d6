"""Split: pairs into train, validation and test, with the proof of what these have in common."""

from goutbench.split.balance import Balance
from goutbench.split.proof import broken
from goutbench.split.schemes import SCHEMES, Choice
from goutbench.split.stage import Split, check, split

__all__ = ["SCHEMES", "Balance", "Choice", "Split", "broken", "check", "split"]
