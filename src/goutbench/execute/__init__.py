"""Execute: say by running it whether a test compiles, passes, is stable, covers and catches.

`evaluate` is the library's call; `goutbench execute` is the same from the command line.
"""

from goutbench.execute.evaluate import evaluate, prepare
from goutbench.execute.options import Options

__all__ = ["Options", "evaluate", "prepare"]
