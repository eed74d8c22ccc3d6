"""Before any fan-out: one known-good and one known-bad test must be told apart, or nothing runs.

A machine on which everything passes, or nothing does, would write a whole column of wrong verdicts.
"""

from dataclasses import replace

from goutbench.errors import ToolError
from goutbench.execute.ladder.climb import execute
from goutbench.execute.worker import Bench
from goutbench.execute.workspace.subject import Subject
from goutbench.execute.workspace.trees import Tree
from goutbench.golang.toolchain.go import Toolchain
from goutbench.records import Candidate, Execution

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


def check_canary(bench: Bench, toolchain: Toolchain) -> None:
    """Raises ToolError when the good test does not pass and cover, or the bad one does not fail."""
    root = (bench.place.trees / "canary").resolve()
    root.mkdir(exist_ok=True)
    for name, text in _FILES.items():
        (root / name).write_text(text)
    subject = Subject(Tree("canary", "0", root), root, "add.go", "add_test.go", toolchain)
    quick = replace(bench, options=replace(bench.options, repeat=1, mutants=None, siblings="all"))
    good = execute(quick, subject, _candidate("good", 5))
    bad = execute(quick, subject, _candidate("bad", 6))
    if good.status != "PASSED" or good.covered != 1:
        raise _sick("a test that must pass does not", good)
    if bad.status != "TESTS_FAILED" or bad.failed != ("TestAdd",):
        raise _sick("a test that must fail does not", bad)


def _candidate(name: str, answer: int) -> Candidate:
    return Candidate(f"canary-{name}", "canary", "canary", (), _TEST % answer, "canary", "append", ())


def _sick(what: str, record: Execution) -> ToolError:
    return ToolError(
        f"{what} ({record.status}, {record.reason}): {record.evidence[:1500]}",
        where="canary",
        hint="this machine cannot tell good tests from bad ones; `goutbench doctor` may say why",
    )
