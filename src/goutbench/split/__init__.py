"""Split: divides pairs into train, validation and test, and counts what these have in common."""

from goutbench.split.balance import Balance
from goutbench.split.proof import broken_promises
from goutbench.split.schemes import SCHEMES, SplitOptions
from goutbench.split.stage import Split, check, split

__all__ = ["SCHEMES", "Balance", "Split", "SplitOptions", "broken_promises", "check", "split"]
