"""A byte order mark in a package: only `go test -cover` fails on it, so coverage is not measured."""

import shutil
from dataclasses import replace

import pytest
from plain_go import plain_go

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.machine import Machine
from goutbench.execute.stage import summary
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, Tree
from goutbench.records import Execution, MutantStatus, Rung, Status

MARK = "\ufeff"
CODE = "package p\n\nfunc Two(a int) int {\n\treturn 2 * a\n}\n"
TEST = (
    'package p\n\nimport "testing"\n\n'
    "func TestTwo(t *testing.T) {\n\tif Two(3) != 6 {\n\t\tt.Fatal()\n\t}\n}\n"
)
PACKAGES = {
    "focal": {"x.go": MARK + CODE},
    "sibling": {"x.go": CODE, "y.go": MARK + "package p\n"},
    "test": {"x.go": CODE, "y_test.go": MARK + "package p\n"},
    "other": {"x.go": CODE, "y.go": 'package p\n\nimport _ "example.test/bom/focal"\n'},
}
MEASURED = {"test", "other"}


@pytest.fixture(scope="module")
def packages(machine: Machine) -> dict[str, PackageUnderTest]:
    root = machine.workspace.trees / "byte-order-mark"
    shutil.rmtree(root, ignore_errors=True)
    for folder, files in PACKAGES.items():
        (root / folder).mkdir(parents=True)
        for name, text in files.items():
            (root / folder / name).write_text(text, encoding="utf-8")
    (root / "go.mod").write_text("module example.test/bom\n\ngo 1.22\n")
    tree = Tree("example/bom", "1", root)
    return {
        folder: PackageUnderTest(tree, root / folder, "x.go", "x_test.go", machine.toolchain)
        for folder in PACKAGES
    }


def run(worker: Worker, package: PackageUnderTest, code: str) -> Execution:
    options = replace(worker.options, mutants=0, build_seconds=600)
    return climb(replace(worker, options=options), package, text_candidate("p", "m", code))


@pytest.mark.parametrize("folder", PACKAGES)
def test_the_verdict_is_that_of_go_test(
    worker: Worker, machine: Machine, packages: dict[str, PackageUnderTest], folder: str
) -> None:
    package = packages[folder]
    record = run(worker, package, TEST)
    assert record.status is Status.PASSED
    assert record.mutation is not None
    assert (record.rung, record.mutation.score) == (Rung.MUTATION, 1.0)
    assert not any(MutantStatus.NO_COVERAGE in line for line in record.mutation.results)
    measured = (record.reason, record.statements, record.covered)
    assert measured == (("", 1, 1) if folder in MEASURED else ("coverage-not-measured", 0, 0))
    assert summary([record])["mean_coverage_all"] == (1.0 if folder in MEASURED else None)
    (package.folder / "x_test.go").write_text(TEST)
    try:
        for flag, passes in (("-v", True), ("-cover", folder in MEASURED)):
            done = plain_go(machine.toolchain, ["test", flag, "."], package.folder)
            assert (done.returncode == 0) == passes, done.stdout
    finally:
        (package.folder / "x_test.go").unlink()


def test_a_candidate_is_blamed_for_its_own_faults(
    worker: Worker, packages: dict[str, PackageUnderTest]
) -> None:
    failing = run(worker, packages["focal"], TEST.replace("!=", "=="))
    assert (failing.status, failing.reason) == (Status.TESTS_FAILED, "assertion")
    unresolved = run(worker, packages["focal"], TEST + "\nfunc missing()\n")
    assert (unresolved.status, unresolved.statements) == (Status.BUILD_FAILED, 0)
