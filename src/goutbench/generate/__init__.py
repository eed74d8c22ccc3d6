"""Generate: a model writes tests for the pairs of a dataset, through Inspect AI.

`generate` is the library's call; `goutbench generate` is the same from the command line, and
`inspect eval goutbench/unit_tests -T dataset=DIR` runs the task alone.
"""

from goutbench.generate.options import Options
from goutbench.generate.stage import generate

__all__ = ["Options", "generate"]
