"""Do two versions produce the same outputs? Every stage, on the standard library, gin and scripted models.

    bench_same_outputs.py record --source OLD/src --gin GIT_DIR --out old [--small]
    bench_same_outputs.py record --source NEW/src --gin GIT_DIR --out new --like old --renames FILE [--small]
    bench_same_outputs.py compare old new --renames FILE

`record` runs the commands of same_outputs/plan.yaml with the goutbench in --source and the packages of
--python (extras `go`, `report` and `train`). It keeps exit codes, standard output and every file, one sub-
folder per stage. With --like, execute, judge and report work on that record's candidates, so a new prompt
template does not change their input. GIT_DIR is a clone of gin-gonic/gin that has the commit of 2024-11-25;
its modules come from GOPROXY. --work holds caches that records share. The first record builds the Go
standard library there: some minutes more.

`compare` reads every file, normalises it (the tables in same_outputs/rules.py), applies the renames to the
old record, and prints per stage how many cells are equal, different and excused. An unexcused difference is
shown with its file, column and first row, and makes the exit code 1. same_outputs/renames.yaml explains its
own format.
"""

import argparse
import os
import sys
from pathlib import Path

from same_outputs.compare import compare, print_comparison
from same_outputs.record import HERE, Version, record
from same_outputs.renames import RenamesError, load_renames


def main() -> int:
    options = parser().parse_args()
    try:
        renames = load_renames(options.renames)
    except RenamesError as error:
        sys.exit(f"error: {error}")
    if options.command == "compare":
        return print_comparison(compare(options.old, options.new, renames), most=options.most)
    os.nice(5)
    out = options.out.resolve()
    version = Version(
        python=options.python.absolute(),  # not resolved: a virtual environment's is a link
        source=options.source.resolve(),
        gin=options.gin.resolve(),
        out=out,
        work=(options.work or out.parent / "work").resolve(),
        like=options.like.resolve() if options.like else None,
        renames=renames,
    )
    record(version, small=options.small)
    return 0


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = root.add_subparsers(dest="command", required=True)
    one = commands.add_parser("record", help="run every stage of one version")
    one.add_argument(
        "--python", type=Path, default=Path(sys.executable), help="a Python with the packages goutbench needs"
    )
    one.add_argument("--source", type=Path, required=True, help="the version's `src` folder")
    one.add_argument("--gin", type=Path, required=True, help="a git directory of gin-gonic/gin")
    one.add_argument("--out", type=Path, required=True, help="a new folder")
    one.add_argument("--like", type=Path, help="a record whose candidates are executed, judged and reported")
    one.add_argument("--work", type=Path, help="caches that records share [OUT/../work]")
    one.add_argument("--small", action="store_true", help="leave out the slow commands")
    one.add_argument("--renames", type=Path, help="how the plan's words are translated; none: as they are")
    two = commands.add_parser("compare", help="compare two records")
    two.add_argument("old", type=Path)
    two.add_argument("new", type=Path)
    two.add_argument("--renames", type=Path, default=HERE / "renames.yaml")
    two.add_argument("--most", type=int, default=40, help="differing columns to print")
    return root


if __name__ == "__main__":
    sys.exit(main())
