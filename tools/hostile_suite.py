"""The hostile candidates of the tests under one sandbox, where no test framework is installed.

    python tools/hostile_suite.py SANDBOX [--image IMAGE] [CASE ...]

Prints a line for each candidate, and fails if one gets a status that is not the expected one.
"""

import argparse
import os
import re
import shutil
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.machine import open_machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.sandbox import cgroup
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, Tree

DATA = Path(__file__).parents[1] / "tests" / "data" / "execute"
OPTIONS = ExecuteOptions(repeat=1, test_seconds=8.0, memory_mib=512, build_seconds=600.0)

SLOW = {"disk_fill", "empty_files"}
"""They write much, and may take longer on a busy machine."""


def expected(case: Path, sandbox: str) -> list[str]:
    """The statuses that a case may get; none if the sandbox does not promise what it tests."""
    code = case.read_text()
    if re.search(rf"^// not under {sandbox}: ", code, re.MULTILINE):
        return []
    if case.name.startswith("memory_many") and not cgroup.parents()[1]:
        return []  # only a cgroup sees the sum
    own = re.search(rf"^// want under {sandbox}: (.*)$", code, re.MULTILINE)
    line = own or re.search(r"^// want: (.*)$", code, re.MULTILINE)
    assert line is not None
    return line[1].split()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sandbox")
    parser.add_argument("--image", default="", help="of a container engine")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    arguments = parser.parse_intermixed_args()
    name, only = arguments.sandbox, arguments.cases
    machine = open_machine(sandbox=name, image=arguments.image)
    root = machine.workspace.trees / f"calc-{os.getpid()}"
    shutil.copytree(DATA / "calc", root)
    tree = Tree("example/calc", "1", root.resolve())
    package = PackageUnderTest(tree, tree.root, "calc.go", "calc_test.go", machine.toolchain)
    wrong = 0
    with closing(Worker(machine.workspace, machine.sandbox, OPTIONS, 0, b"salt")) as worker:
        reference = (DATA / "calc" / "calc_test.go").read_text()
        # the first one compiles the standard library
        climb(worker, package, text_candidate("pair", "reference", reference))
        for case in sorted((DATA / "hostile").glob("*.go.txt")):
            stem, want = case.name.partition(".")[0], expected(case, name)
            if not want or (only and stem not in only):
                continue
            seconds = 60.0 if stem in SLOW else OPTIONS.test_seconds
            patient = replace(worker, options=replace(OPTIONS, test_seconds=seconds))
            record = climb(patient, package, text_candidate("pair", "hostile", case.read_text()))
            good = record.status in want
            wrong += not good
            print(f"{'ok' if good else 'WRONG':6}{stem}: {record.status} {record.reason}", flush=True)
            if not good:
                print(record.evidence)
    shutil.rmtree(root)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
