"""The hostile candidates of the tests under one sandbox, where no test framework is installed.

    python tools/hostile_suite.py SANDBOX [--image IMAGE] [CASE ...]

Prints a line for each candidate, and fails if one gets a status that is not the expected one.
"""

import argparse
import os
import re
import shutil
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.machine import open_machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.sandbox import cgroup
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, Tree

DATA = Path(__file__).parents[1] / "tests" / "data" / "execute"
CASES = tuple(sorted((DATA / "hostile").glob("*.go.txt")))
OPTIONS = ExecuteOptions(repeat=1, test_seconds=8.0, memory_mib=512, build_seconds=600.0)
_REPEATED = re.compile(r"<<(\d+) (.*?)>>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class HostileCase:
    """A file of `tests/data/execute/hostile`. The lines of its head are options:

    `want: STATUS ...` are the statuses that it may get, `reason: REASON` is the reason; both can be given for
    one sandbox (`want under NAME`). `not under NAME: WHY` names a sandbox that does not promise what it tests
    (`memory cgroup`: where there is none). `seconds: N` and `memory: MIB` are lower limits, or higher ones.
    `<<N TEXT>>` stands for N copies of the text, each with its number in the place of #.
    """

    name: str
    code: str

    def option(self, key: str, sandbox: str = "") -> str:
        """What the head says, of a sandbox if it has a word of its own on that; empty if nothing."""
        for name in (f"{key} under {sandbox}", key):
            if found := re.search(rf"^// {name}: (.*)$", self.code, re.MULTILINE):
                return found[1]
        return ""

    def statuses(self, sandbox: str) -> list[str]:
        """The statuses that it may get; none if the sandbox does not promise what it tests."""
        if self.option(f"not under {sandbox}"):
            return []
        if self.option("not under memory cgroup") and not cgroup.parents()[1]:
            return []
        return self.option("want", sandbox).split()

    def limits(self) -> dict[str, int]:
        """Its own limits, as fields of ExecuteOptions."""
        keys = {"seconds": "test_seconds", "memory": "memory_mib"}
        return {field: int(value) for key, field in keys.items() if (value := self.option(key))}


def read_case(path: Path, names: Mapping[str, str] | None = None) -> HostileCase:
    """A case; `names` replace words of its code that mean something of the machine."""
    code = _REPEATED.sub(
        lambda found: "".join(found[2].replace("#", str(i)) for i in range(int(found[1]))), path.read_text()
    )
    for old, new in (names or {}).items():
        code = code.replace(old, new)
    return HostileCase(path.name.partition(".")[0], code)


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
        for case in map(read_case, CASES):
            want = case.statuses(name)
            if not want or (only and case.name not in only):
                continue
            own = replace(worker, options=replace(OPTIONS, **case.limits()))  # type: ignore[arg-type]
            record = climb(own, package, text_candidate("pair", "hostile", case.code))
            good = record.status in want
            wrong += not good
            print(f"{'ok' if good else 'WRONG':6}{case.name}: {record.status} {record.reason}", flush=True)
            if not good:
                print(record.evidence)
    shutil.rmtree(root)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
