"""Generate: a model writes tests for the pairs of a dataset, through Inspect AI.

`generate` is the library's call, and `goutbench generate` the same on the command line.
`inspect eval goutbench/unit_tests -T dataset=DIR` runs the Inspect task alone.
"""

from goutbench.generate.options import GenerateOptions
from goutbench.generate.stage import generate

__all__ = ["GenerateOptions", "generate"]
