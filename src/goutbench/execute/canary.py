"""Before any record is written: run a good and a bad test, and refuse to continue if their results are wrong.

A machine on which every test passes, or none, would write a column of wrong results. Both tests are in one
binary, since its compilation is most of the cost.
"""

import shutil
from dataclasses import replace

from goutbench.errors import ToolError
from goutbench.execute.ladder.build import compile_test
from goutbench.execute.ladder.runs import CompiledTest, RunResult, hidden, run_tests
from goutbench.execute.ladder.type_check import check_types
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.folders import Workspace
from goutbench.execute.workspace.package import PackageUnderTest, Tree
from goutbench.golang.toolchain.installation import Toolchain
from goutbench.records import Status

_FILES = {
    "go.mod": "module canary\n\ngo 1.22\n",
    "add.go": "package canary\n\nfunc Add(a, b int) int {\n\treturn a + b\n}\n",
    "add_test.go": "package canary\n",
}
_GOOD, _BAD = "TestGood", "TestBad"
_TESTS = f"""package canary

import "testing"

func {_GOOD}(t *testing.T) {{ check(t, 5) }}
func {_BAD}(t *testing.T)  {{ check(t, 6) }}

func check(t *testing.T, want int) {{
	if got := Add(2, 3); got != want {{
		t.Fatalf("Add(2, 3) = %d", got)
	}}
}}
""".encode()


def canary_package(workspace: Workspace, toolchain: Toolchain) -> PackageUnderTest:
    """Write the canary's package into the workspace."""
    root = (workspace.trees / "canary").resolve()
    root.mkdir(exist_ok=True)
    for name, text in _FILES.items():
        (root / name).write_text(text)
    return PackageUnderTest(Tree("canary", "0", root), root, "add.go", "add_test.go", toolchain)


def canary_facts(options: ExecuteOptions) -> tuple[str, ...]:
    """What the canary's result depends on, beside the machine."""
    return (*_FILES.values(), _TESTS.decode(), repr(options))


def run_canary(worker: Worker, package: PackageUnderTest) -> None:
    """Type-check, compile and run the tests as those of a candidate.

    Raises ToolError when the good test does not pass and cover, or the bad one does not fail.
    """
    worker = replace(worker, options=replace(worker.options, siblings="all"))
    _, checked = check_types(worker, package, _TESTS)
    if checked.errors:
        raise _wrong("a correct test does not type-check", "\n".join(map(str, checked.errors)))
    folder = worker.workspace.scratch_folder("run")
    try:
        build = compile_test(worker, package, {package.test: _TESTS}, folder)
        if build.binary is None:
            raise _wrong(f"a correct test does not build ({build.reason})", build.evidence)
        test = hidden(CompiledTest(worker, package, build.binary, folder, (_GOOD,), cover=build.cover))
        good, bad = run_tests(test, cover=True), run_tests(replace(test, tests=(_BAD,)), cover=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    check_canary(good, bad)


def check_canary(good: RunResult, bad: RunResult) -> None:
    """Raises ToolError when the good test does not pass and cover, or the bad one does not fail."""
    if good.status is not Status.PASSED or good.coverage.covered != 1:
        raise _wrong(f"a correct test does not pass ({good.status}, {good.reason})", good.evidence)
    if bad.status is not Status.TESTS_FAILED or bad.culprits != (_BAD,):
        raise _wrong(f"a wrong test does not fail ({bad.status}, {bad.reason})", bad.evidence)


def _wrong(what: str, evidence: str) -> ToolError:
    return ToolError(
        f"{what}: {evidence[:1500]}",
        where="canary",
        hint="this machine does not distinguish good tests from bad ones; run `goutbench doctor`",
    )
