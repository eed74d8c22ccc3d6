"""Branch coverage: files whose branches and outcomes were counted by hand, and what it leaves unchanged."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from plain_go import plain_go
from sandboxes import DATA

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.build import branch_plan
from goutbench.execute.ladder.climb import climb
from goutbench.execute.machine import Machine
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, Tree
from goutbench.records import Candidate, Execution, Status

CASES = sorted((DATA / "branches").glob("*.txt"))
TEST = 'package p\n\nimport "testing"\n\nfunc TestIt(t *testing.T) {{\n{}}}\n'


def new_package(machine: Machine, name: str, focal: str) -> PackageUnderTest:
    root = machine.workspace.trees / f"branches-{name}"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    (root / "go.mod").write_text("module example.test/p\n\ngo 1.23\n")
    (root / "p.go").write_text(focal)
    return PackageUnderTest(
        Tree("example/p", "1", root.resolve()), root.resolve(), "p.go", "p_test.go", machine.toolchain
    )


def candidate(body: str, *focal: str) -> Candidate:
    return replace(text_candidate("p", "m", TEST.format(body)), focal=focal)


def counted(record: Execution) -> tuple[int | None, int | None]:
    return record.branches, record.branches_covered


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_branches_and_outcomes_are_those_counted_by_hand(
    machine: Machine, worker: Worker, path: Path
) -> None:
    focal, rest = path.read_text().split("-- test --\n")
    body, listed = rest.split("-- branches --\n")
    lines = listed.splitlines()
    package = new_package(machine, path.stem, focal)
    record = climb(worker, package, candidate(body))
    assert record.status is Status.PASSED, record.evidence
    outcomes = list(map(str, branch_plan(worker, package).outcomes))
    assert outcomes == [line[2:] for line in lines]
    assert list(record.uncovered_branches) == [line[2:] for line in lines if line[0] == "-"]
    assert counted(record) == (len(lines), sum(line[0] == "+" for line in lines))
    assert (record.statements, record.covered) == statements(package, TEST.format(body))


def statements(package: PackageUnderTest, test: str) -> tuple[int, int]:
    """Statements and covered statements of the focal file in the profile of `go test`."""
    folder = package.folder
    (folder / package.test).write_text(test)
    done = plain_go(package.toolchain, ["test", "-coverprofile=c.out", "."], folder)
    (folder / package.test).unlink()
    assert done.returncode == 0, done.stdout
    profile = (folder / "c.out").read_text().splitlines()[1:]
    rows = [line.split()[1:] for line in profile if f"/{package.focal}:" in line]
    return sum(int(n) for n, _ in rows), sum(int(n) for n, hit in rows if hit != "0")


def test_focal_functions_have_branches_of_their_own(machine: Machine, worker: Worker) -> None:
    focal = "package p\n\nfunc A(a bool) int {\n\tif a {\n\t\treturn 1\n\t}\n\treturn 2\n}\n\nfunc B() {}\n"
    package = new_package(machine, "focal", focal)
    of_a, of_b = (climb(worker, package, candidate("A(true)\nB()\n", name)) for name in ("A", "B"))
    assert counted(of_a) == counted(of_b) == (2, 1)
    assert (of_a.focal_branches, of_a.focal_branches_covered, of_a.branch_coverage) == (2, 1, 0.5)
    assert (of_b.focal_branches, of_b.focal_branches_covered, of_b.branch_coverage) == (0, 0, None)


def test_where_counters_do_not_compile_statements_are_measured_and_branches_are_not(
    machine: Machine, worker: Worker
) -> None:
    """What falls through needs a variable, and so a block, which no goto can enter."""
    switch = "again:\n\tswitch n {\n\tcase 1:\n\t\tfallthrough\n\tcase 2:\n\t\tn = 3\n\t\tgoto again\n\t}\n"
    focal = f"package p\n\nfunc A(n int) {{\n\tif n > 5 {{\n\t\tgoto again\n\t}}\n{switch}}}\n"
    package = new_package(machine, "goto", focal)
    record = climb(worker, package, candidate("A(1)\n"))
    assert record.status is Status.PASSED, record.evidence
    assert counted(record) == (None, None)
    assert (record.statements, record.covered) == statements(package, TEST.format("A(1)\n"))
    assert record.branch_coverage is None
    assert record.uncovered_branches == ()


def test_a_failing_test_has_the_branches_that_it_reached(machine: Machine, worker: Worker) -> None:
    focal = "package p\n\nfunc A(a bool) bool { return a || !a }\n"
    package = new_package(machine, "failing", focal)
    record = climb(worker, package, candidate("A(true)\nt.Error()\n"))
    assert (record.status, counted(record)) == (Status.TESTS_FAILED, (4, 1))
    record = climb(worker, package, candidate("undefined()\n"))
    assert (record.status, counted(record)) == (Status.BUILD_FAILED, (None, None))


def test_a_verdict_comes_from_a_build_without_mutants(machine: Machine, worker: Worker) -> None:
    """A mutant without the copy lets the parameter escape, and with it the caller's array: in the build with
    mutants the test fails, although no mutant is in effect."""
    focal = 'package p\n\nimport "slices"\n\nfunc Copy(b []byte) []byte {\n\tif len(b) == 0 || b[0] > 9 {\n'
    focal += "\t\treturn nil\n\t}\n\treturn slices.Clone(b)\n}\n"
    body = "allocations := testing.AllocsPerRun(9, func() { var b [16]byte; kept = Copy(b[:]) })\n"
    body += "if allocations != 1 { t.Error(allocations) }\n"
    test = replace(candidate(body), code=TEST.format(body) + "\nvar kept []byte\n")
    mutating = replace(worker, options=replace(worker.options, mutants=0))
    record = climb(mutating, new_package(machine, "allocations", focal), test)
    assert record.status is Status.PASSED, record.evidence
    assert counted(record) == (4, 2)
    assert record.mutation is not None
    assert record.mutation.reason.startswith("the tests fail without any mutant in effect")


ALLOCATING = """package p

type V struct{ a, b, c int }

func New(a, b, c int) *V {
	if a > 0 && b > 0 && c > 0 && a < 9 && b < 9 {
		return &V{a, b, c}
	}
	return &V{}
}
"""
INLINED = (
    "sum := 0\nif n := testing.AllocsPerRun(9, func() { sum += New(1, 2, 3).a }); n != 0 { t.Error(n) }\n"
)


def test_counters_decide_no_verdict(machine: Machine, worker: Worker) -> None:
    """With counters the function is too long to be inlined, and so its value is allocated."""
    package = new_package(machine, "inlined", ALLOCATING)
    test = TEST.format(INLINED)
    record = climb(worker, package, replace(candidate(""), code=test))
    assert (record.status, record.repeats, record.failed) == (Status.PASSED, worker.options.repeat, ())
    assert (record.statements, record.covered) == statements(package, test)
    assert counted(record) == (None, None)
    two = test + "\nfunc TestTwo(t *testing.T) { t.Error() }\n"
    record = climb(worker, package, replace(candidate(""), code=two))
    assert (record.status, record.passed, record.failed) == (Status.TESTS_FAILED, ("TestIt",), ("TestTwo",))


def test_counters_decide_no_verdict_of_a_candidate_that_another_file_runs(
    machine: Machine, worker: Worker
) -> None:
    package = new_package(machine, "inlined-entry", ALLOCATING)
    header = 'package p\n\nimport "testing"\n\n'
    runs_all = "func TestAll(t *testing.T) {\n\tfor _, check := range checks {\n\t\tcheck(t)\n\t}\n}\n"
    (package.folder / "all_test.go").write_text(f"{header}var checks []func(*testing.T)\n\n{runs_all}")
    added = f"func init() {{\n\tchecks = append(checks, func(t *testing.T) {{\n{INLINED}}})\n}}\n"
    record = climb(worker, package, replace(candidate(""), code=header + added))
    assert record.status is Status.PASSED, (record.reason, record.evidence)


def test_a_candidate_that_another_file_runs_has_the_branches_that_it_adds(
    machine: Machine, worker: Worker
) -> None:
    focal = "package p\n\nfunc A(a bool) int {\n\tif a {\n\t\treturn 1\n\t}\n\treturn 2\n}\n"
    package = new_package(machine, "entry", focal)
    header = 'package p\n\nimport "testing"\n\n'
    runs_all = "func TestAll(t *testing.T) {\n\tfor _, check := range checks {\n\t\tcheck(t)\n\t}\n}\n"
    own = "var checks = []func(*testing.T){func(*testing.T) { A(false) }}\n\n"
    (package.folder / "all_test.go").write_text(header + own + runs_all)
    added = "func init() {\n\tchecks = append(checks, func(*testing.T) { A(true) })\n}\n"
    record = climb(worker, package, replace(candidate(""), code=header + added))
    assert record.status is Status.PASSED, (record.reason, record.evidence)
    assert record.entry == "TestAll in all_test.go"
    assert (record.uncovered_branches, counted(record)) == (("4.5 if a: false",), (2, 1))


def test_what_vet_refuses_is_refused_with_counters(machine: Machine, worker: Worker) -> None:
    """vet sees what go tool cover writes, where an operand may stand in the call that counts it."""
    conditions = ["n == 1 || n == 1", "n == 1 && n == 2", "!(n != 1 || (n != 2))", "m && (n > 1 && m)"]
    conditions += ["len(s) == 1 && len(s) == 2", "len(s[1:]) > n || m || len(s[1:]) > n"]
    conditions += ["(m || m) && n > 1", "bool(m) || n > 1 || bool(m)", "(n > 1 && m) || m || (n > 1 && m)"]
    conditions += ["len(s) == 1 && len(s) == 2", "len(s[1:]) > n || m || len(s[1:]) > n"]
    for number, condition in enumerate(conditions):
        focal = (
            f"package p\n\nfunc A(n int, m bool, s string) bool {{\n\tif {condition} {{\n\t\treturn m\n\t}}\n"
        )
        package = new_package(machine, f"vet{number}", focal + "\treturn m && n > 3\n}\n")
        done = plain_go(package.toolchain, ["vet", "-bools", "."], package.folder)
        record = climb(worker, package, candidate('A(1, true, "ab")\n'))
        assert (done.returncode, record.reason) == (1, "package-fails-vet"), (condition, record.evidence)


def test_a_failure_of_the_helper_is_not_kept(machine: Machine, worker: Worker) -> None:
    package = new_package(machine, "helper", "package p\n\nfunc A(a bool) bool { return a && a == a }\n")
    worker.helper(package)._timeout = 0  # no request is answered in time
    assert "no answer within" in branch_plan(worker, package).reason
    worker.helper(package)._timeout = 20
    assert len(branch_plan(worker, package).outcomes) == 4


def test_a_package_may_have_any_file(machine: Machine, worker: Worker) -> None:
    package = new_package(machine, "name", "package p\n\nfunc A(a bool) bool { return a || B() }\n")
    (package.folder / "goutbench_branches.go").write_text("package p\n\nfunc B() bool { return true }\n")
    record = climb(worker, package, candidate("A(true)\n"))
    assert counted(record) == (4, 1)
