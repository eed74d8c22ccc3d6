"""What `go test` runs and refuses beside plain tests: fuzz targets, examples, vet, tests that run tests.

Each group of candidates is also given to `go test` itself, a package for each: the verdicts must be the same.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from plain_go import plain_go

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.ladder.type_check import declared_tests
from goutbench.execute.machine import Machine
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, Tree
from goutbench.golang.toolchain.typecheck import TypecheckResult
from goutbench.records import Execution, Rung, Status, short_hash

CALC = Path(__file__).parents[1] / "data" / "execute" / "calc"
MODULE = "module example.test/calc\n\ngo 1.24\n"


def source(code: str, *imports: str) -> str:
    lines = "".join(f'\t"{name}"\n' for name in (*imports, "testing"))
    return f"package calc\n\nimport (\n{lines})\n\nfunc TestAdd(t *testing.T) {{ Add(1, 2) }}\n\n{code}\n"


def untested(code: str, *imports: str) -> str:
    """A file without a `Test` function."""
    lines = "".join(f'\t"{name}"\n' for name in imports)
    return f"package calc\n\nimport (\n{lines})\n\n{code}\n"


RUN = {
    "a seed passes": untested(
        "func FuzzAdd(f *testing.F) { f.Add(2); f.Fuzz(func(t *testing.T, n int) {"
        " if Add(n, n) != 2*n { t.Fatal(n) } }) }",
        "testing",
    ),
    "a seed fails": source(
        "func FuzzSum(f *testing.F) { f.Add(3); f.Add(-3); f.Fuzz(func(t *testing.T, n int) {"
        " if Sum(n) <= 0 { t.Fatal(n) } }) }"
    ),
    "a seed panics": source(
        "func FuzzSum(f *testing.F) { f.Add(0); f.Fuzz(func(t *testing.T, n int) { _ = 1 / n }) }"
    ),
    "a seed of the corpus": source(
        "func FuzzCorpus(f *testing.F) { f.Fuzz(func(t *testing.T, n int) { if n < 0 { t.Fatal(n) } }) }"
    ),
    "no seed": source("func FuzzSum(f *testing.F) { f.Fuzz(func(t *testing.T, n int) { t.Fatal(n) }) }"),
    "a target skips": source('func FuzzSum(f *testing.F) { f.Skip("later") }'),
    "an example passes": untested("func ExampleAdd() {\n\tfmt.Println(Add(1, 2))\n\t// Output: 3\n}", "fmt"),
    "an example fails": source("func ExampleAdd() {\n\tfmt.Println(Add(1, 2))\n\t// Output: 4\n}", "fmt"),
    "an example panics": source('func ExampleAdd() {\n\tpanic("x")\n\t// Output: 4\n}'),
    "lines in any order": source(
        'func ExampleAdd() {\n\tfmt.Print("a\\nb\\n")\n\t// Unordered output:\n\t// b\n\t// a\n}', "fmt"
    ),
    "lines in another order": source(
        'func ExampleAdd() {\n\tfmt.Print("a\\nb\\n")\n\t// Output:\n\t// b\n\t// a\n}', "fmt"
    ),
    "empty output": source("func ExampleAdd() {\n\tfmt.Print(Add(1, 2))\n\t// Output:\n}", "fmt"),
    "only compiled": source('func ExampleAdd() { panic("never run") }'),
    "an inner test fails": source(
        'func TestX(t *testing.T) { if inner("inner", func(t *testing.T) { t.Fail() }) { t.Fatal() } }'
        + "INNER"
    ),
    "a name with spaces": source(
        'func TestX(t *testing.T) { if inner("TestX is inner (0.00s)", func(t *testing.T) { t.Fail() })'
        " { t.Fatal() } }INNER"
    ),
    "a subtest fails": source(
        'func TestX(t *testing.T) { if inner("x", func(t *testing.T) { t.Run("a b", func(t *testing.T) {'
        " t.Fail() }) }) { t.Fatal() } }INNER"
    ),
    "an inner test skips": source(
        'func TestX(t *testing.T) { if !inner("x y", func(t *testing.T) { t.Skip() }) { t.Fatal() } }INNER'
    ),
    "an inner test has the name of the outer one": source(
        'func TestX(t *testing.T) { if inner("TestX", func(t *testing.T) { t.Fail() }) { t.Fatal() } }INNER'
    ),
    "an inner test fails and so does the outer one": source(
        'func TestX(t *testing.T) { inner("x", func(t *testing.T) { t.Fail() }); t.Fatal() }INNER'
    ),
}
RUN = {
    name: code.replace(
        "INNER",
        "\n\nfunc inner(name string, run func(*testing.T)) bool {\n"
        "\treturn testing.RunTests(func(_, _ string) (bool, error) { return true, nil },\n"
        "\t\t[]testing.InternalTest{{Name: name, F: run}})\n}",
    )
    for name, code in RUN.items()
}
"""Candidates that differ in what runs."""

VET = {
    "fault: verb": source('func f(t *testing.T) { t.Errorf("got %s", 1) }'),
    "fault: argument is missing": source('func f(t *testing.T) { t.Errorf("%d %d", 1) }'),
    "fault: argument is left": source('func f(t *testing.T) { t.Logf("%d", 1, 2) }'),
    "fault: directive in Error": source('func f(t *testing.T) { t.Error("got %d", 1) }'),
    "fault: line ending in Println": source('func f() { fmt.Println("x\\n") }', "fmt"),
    "fault: own wrapper": source(
        "func wrap(t *testing.T, s string, args ...any) { t.Errorf(s, args...) }\n\n"
        'func f(t *testing.T) { wrap(t, "%d", "x") }'
    ),
    "fault: format is no constant": source("func f(t *testing.T, s string) { t.Errorf(s) }"),
    "fault: atomic": source("func f(x int32) { x = atomic.AddInt32(&x, 1) }", "sync/atomic"),
    "fault: bools": source("func f(x int) bool { return x == 1 || x == 1 }"),
    "fault: build tag": source("//go:build linux\n\nfunc f() {}"),
    "fault: directive": source("//go:debug panicnil=1\n\nfunc f() {}"),
    "fault: errors.As": source(
        "func f(err error) { var x ErrX; errors.As(err, x) }\n\ntype ErrX struct{}", "errors"
    ),
    "fault: assertion": source("func f(r io.Reader) { _ = r.(interface{ Read() }) }", "io"),
    "fault: function is nil": source("func f() bool { return Add == nil }"),
    "fault: key of slog": source('func f() { slog.Info("x", 1, 2) }', "log/slog"),
    "fault: text of a number": source("func f(n int) string { return string(n) }"),
    "fault: name of an example": source("func ExampleNothing() {}"),
    "fault: method of an example": source("func ExampleAdd_Wrong() {}"),
    "fault: in package calc_test": source('func f(t *testing.T) { t.Errorf("%d", "x") }')
    .replace("package calc", "package calc_test")
    .replace("Add(1, 2)", ""),
    "fine: assignment to itself": source("func f(x int) { x = x }"),
    "fine: result is not used": source('func f() { fmt.Sprint("x") }', "fmt"),
    "fine: lock is copied": source("func f(m sync.Mutex) { n := m; _ = &n }", "sync"),
    "fine: not reached": source("func f() { return; Add(1, 2) }"),
    "fine: tag of a struct": source("type X struct{ A int `json:x` }"),
    "fine: format": source('func f(t *testing.T) { t.Errorf("%d%% of %v", 1, "x") }'),
}
"""Candidates that differ in what vet says. Some faults are outside of the part of vet that `go test` uses."""


def write(folder: Path, files: Mapping[str, str]) -> None:
    """The focal file, a seed of a fuzz target, and more files."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "testdata" / "fuzz" / "FuzzCorpus").mkdir(parents=True)
    (folder / "testdata" / "fuzz" / "FuzzCorpus" / "seed").write_text("go test fuzz v1\nint(-3)\n")
    shutil.copy(CALC / "calc.go", folder)
    for name, text in files.items():
        (folder / name).write_text(text)


def package_with(machine: Machine, name: str, files: Mapping[str, str]) -> PackageUnderTest:
    """A module of one package, as a plain tree."""
    root = machine.workspace.trees / name
    write(root, {"go.mod": MODULE, **files})
    tree = Tree("example/calc", "1", root.resolve())
    return PackageUnderTest(tree, tree.root, "calc.go", "calc_test.go", machine.toolchain)


def run(worker: Worker, package: PackageUnderTest, code: str, **changes: object) -> Execution:
    options = replace(worker.options, **changes)  # type: ignore[arg-type]
    return climb(replace(worker, options=options), package, text_candidate("pair", "model", code))


def go_test(machine: Machine, folder: Path, candidates: Mapping[str, str]) -> dict[str, Status]:
    """The verdict of `go test` on each candidate."""
    (folder / "go.mod").write_text(MODULE)
    for number, code in enumerate(candidates.values()):
        write(folder / f"p{number}", {"calc_test.go": code})
    output = plain_go(machine.toolchain, ["test", "./..."], folder).stdout
    verdicts = {}
    for number, name in enumerate(candidates):
        ok, failed, refused = (
            re.search(rf"^{word}\s+example.test/calc/p{number}\s.*{end}$", output, re.MULTILINE)
            for word, end in (("ok", ""), ("FAIL", "s"), ("FAIL", r"\[build failed\]"))
        )
        assert [bool(ok), bool(failed), bool(refused)].count(True) == 1, output
        verdicts[name] = Status.PASSED if ok else Status.TESTS_FAILED if failed else Status.VET_FAILED
    return verdicts


@pytest.mark.parametrize("group", [RUN, VET], ids=["run", "vet"])
def test_the_verdict_is_that_of_go_test(
    machine: Machine, worker: Worker, tmp_path: Path, group: Mapping[str, str]
) -> None:
    package = package_with(machine, "go-test", {})
    records = {name: run(worker, package, code, build_seconds=600.0) for name, code in group.items()}
    # `go test` says "[build failed]" for what the compiler refuses and for what vet refuses; which of the two
    # comes first for a misplaced directive depends on the release of Go
    verdicts = {
        name: Status.VET_FAILED if record.status is Status.BUILD_FAILED else record.status
        for name, record in records.items()
    }
    assert verdicts == go_test(machine, tmp_path, group), {
        name: (record.reason, record.evidence) for name, record in records.items()
    }


def test_all_that_go_test_runs_is_declared_and_has_a_result(machine: Machine, worker: Worker) -> None:
    package = package_with(machine, "go-test", {})
    record = run(worker, package, RUN["a seed of the corpus"])
    assert (record.declared, record.passed, record.failed) == (
        ("TestAdd", "FuzzCorpus"), ("TestAdd",), ("FuzzCorpus",),
    )  # fmt: skip
    record = run(worker, package, RUN["an example fails"])
    assert (record.declared, record.failed) == (("TestAdd", "ExampleAdd"), ("ExampleAdd",))
    assert run(worker, package, RUN["only compiled"]).declared == ("TestAdd",)
    record = run(worker, package, RUN["an inner test fails and so does the outer one"])
    assert (record.reason, record.passed, record.failed) == ("assertion", ("TestAdd",), ("TestX",))


@pytest.mark.parametrize(
    ("name", "killer"), [("a seed passes", "FuzzAdd"), ("an example passes", "ExampleAdd")]
)
def test_fuzz_targets_and_examples_cover_and_kill_mutants(
    machine: Machine, worker: Worker, name: str, killer: str
) -> None:
    record = run(worker, package_with(machine, "go-test", {}), RUN[name], mutants=0, repeat=2)
    assert (record.status, record.covered, record.repeats) == (Status.PASSED, 1, 2)
    assert record.mutation is not None
    assert record.mutation.killed
    killed = [line.split() for line in record.mutation.results if " killed " in line]
    assert {line[-1] for line in killed} == {killer}


def test_a_test_that_vet_refuses_has_a_status_and_the_words_of_vet(machine: Machine, worker: Worker) -> None:
    record = run(worker, package_with(machine, "go-test", {}), VET["fault: verb"])
    assert (record.status, record.reason, record.rung) == (Status.VET_FAILED, "vet", Rung.TYPES)
    assert "./calc_test.go:9:" in record.evidence
    assert "format %s" in record.evidence
    assert str(machine.workspace.root) not in record.evidence


BAD = 'package calc\n\nimport "testing"\n\nfunc f(t *testing.T) { t.Errorf("%d", "x") }\n'
HELPER = """package calc

import "testing"

func logged(t *testing.T) { report(t, "%d", "x") }
"""
REPORT = "func report(t *testing.T, format string, args ...any) {{ {} }}"


@pytest.mark.parametrize(
    ("files", "code", "status", "reason"),
    [
        ({"helper_test.go": BAD}, source(""), "INFRA_FAILURE", "package-fails-vet"),
        ({"helper_test.go": BAD}, source("var x = 1"), "INFRA_FAILURE", "package-fails-vet"),
        (
            {"helper_test.go": BAD},
            source('func g(t *testing.T) { t.Errorf("%d", "x") }'),
            "VET_FAILED",
            "vet",
        ),
        (
            {"own.go": BAD.replace("_test", "")},
            VET["fault: in package calc_test"].replace('"%d"', '"%s"'),
            "INFRA_FAILURE",
            "package-fails-vet",
        ),
        ({"calc_test.go": BAD}, source(""), "PASSED", ""),
        ({"helper_test.go": HELPER}, source(REPORT.format("t.Logf(format, args...)")), "VET_FAILED", "vet"),
        ({"helper_test.go": HELPER}, source(REPORT.format("t.Log(args...)")), "PASSED", ""),
    ],
    ids=[
        "sibling", "sibling again", "sibling and candidate", "package", "replaced file",
        "sibling by candidate", "sibling that is fine",
    ],
)  # fmt: skip
def test_a_package_that_vet_refuses_without_the_candidate_is_not_its_fault(
    machine: Machine, worker: Worker, files: Mapping[str, str], code: str, status: str, reason: str
) -> None:
    record = run(worker, package_with(machine, f"vet-{short_hash(str(files), code)}", files), code)
    assert (record.status, record.reason) == (status, reason), record.evidence


def test_without_a_type_check_the_syntax_names_what_runs() -> None:
    none = TypecheckResult(False, (), False, False, (), 0.0, "no helper")
    names = {name: declared_tests(none, code.encode()) for name, code in RUN.items()}
    assert names["a seed passes"] == ("FuzzAdd",)
    assert names["an example fails"] == ("TestAdd", "ExampleAdd")
    assert names["lines in any order"] == ("TestAdd", "ExampleAdd")
    assert names["only compiled"] == ("TestAdd",)
