"""Before any record is written: execute a good and a bad test, and refuse to continue if their results are
wrong.

A machine on which every test passes, or none, would write a column of wrong results.
"""

from dataclasses import replace

from goutbench.errors import ToolError
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.folders import Workspace
from goutbench.execute.workspace.package import PackageUnderTest, Tree
from goutbench.golang.toolchain.installation import Toolchain
from goutbench.records import Candidate, Execution, Status

_FILES = {
    "go.mod": "module canary\n\ngo 1.22\n",
    "add.go": "package canary\n\nfunc Add(a, b int) int {\n\treturn a + b\n}\n",
    "add_test.go": "package canary\n",
}
_TEST = """package canary

import "testing"

func TestAdd(t *testing.T) {
	if got := Add(2, 3); got != %d {
		t.Fatalf("Add(2, 3) = %%d", got)
	}
}
"""

GOOD, BAD = (
    Candidate(f"canary-{name}", "canary", "canary", (), _TEST % answer, "canary", "append", ())
    for name, answer in (("good", 5), ("bad", 6))
)


def canary_package(workspace: Workspace, toolchain: Toolchain) -> PackageUnderTest:
    """Write the canary's package into the workspace."""
    root = (workspace.trees / "canary").resolve()
    root.mkdir(exist_ok=True)
    for name, text in _FILES.items():
        (root / name).write_text(text)
    return PackageUnderTest(Tree("canary", "0", root), root, "add.go", "add_test.go", toolchain)


def quick_worker(worker: Worker) -> Worker:
    """The worker with the options of the canary."""
    return replace(worker, options=replace(worker.options, repeat=1, mutants=None, siblings="all"))


def check_canary(good: Execution, bad: Execution) -> None:
    """Raises ToolError when the good test does not pass and cover, or the bad one does not fail."""
    if good.status is not Status.PASSED or good.covered != 1:
        problem, record = "a correct test does not pass", good
    elif bad.status is not Status.TESTS_FAILED or bad.failed != ("TestAdd",):
        problem, record = "a wrong test does not fail", bad
    else:
        return
    raise ToolError(
        f"{problem} ({record.status}, {record.reason}): {record.evidence[:1500]}",
        where="canary",
        hint="this machine does not distinguish good tests from bad ones; run `goutbench doctor`",
    )
