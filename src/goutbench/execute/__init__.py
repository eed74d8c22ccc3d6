"""Execute: does a test compile, pass, stay stable, cover its focal code and kill mutants?

`evaluate` is the call for programs; `goutbench execute` does the same on files.
"""

from goutbench.execute.evaluate import evaluate, prepare
from goutbench.execute.options import ExecuteOptions

__all__ = ["ExecuteOptions", "evaluate", "prepare"]
