"""Judge: models compare the tests of two runs, item by item, through Inspect AI.

`judge` is the library's call, and `goutbench judge` the same on the command line.
`inspect eval goutbench/pairwise -T dataset=DIR -T run_a=A -T run_b=B` runs the Inspect task alone.
"""

from goutbench.judge.config import Judge, JudgeConfig, load_judge
from goutbench.judge.options import JudgeOptions
from goutbench.judge.stage import judge

__all__ = ["Judge", "JudgeConfig", "JudgeOptions", "judge", "load_judge"]
