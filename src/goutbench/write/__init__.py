"""Write: a model writes tests for a work tree, and those that add something to its own tests are offered."""

from goutbench.write.options import WriteOptions
from goutbench.write.stage import write

__all__ = ["WriteOptions", "write"]
