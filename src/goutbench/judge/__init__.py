"""Judge: a model compares the tests of two runs, item by item, through Inspect AI.

`judge` is the library's call; `goutbench judge` is the same from the command line, and
`inspect eval goutbench/pairwise -T dataset=DIR -T run_a=A -T run_b=B` runs the task alone.
"""

from goutbench.judge.folder import Judge, Juror, load_judge
from goutbench.judge.options import Options
from goutbench.judge.stage import judge

__all__ = ["Judge", "Juror", "Options", "judge", "load_judge"]
