"""Candidates on every rung of the ladder, through the library's call, with the real toolchain and sandbox."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from goutbench.execute import Options, evaluate
from goutbench.execute.evaluate import Site
from goutbench.execute.inputs import PairPlace, candidate
from goutbench.execute.ladder.climb import execute
from goutbench.execute.sandbox.command import Command, Run
from goutbench.execute.worker import Bench
from goutbench.execute.workspace.subject import Subject
from goutbench.records import Execution

DATA = Path(__file__).parents[1] / "data" / "execute"
REFERENCE = (DATA / "calc" / "calc_test.go").read_text()
EXTERNAL = """package calc_test

import (
	"testing"

	"example.test/calc"
)

func TestDiv(t *testing.T) {
	if _, err := calc.Div(1, calc.Zero); err != calc.ErrZero {
		t.Fatal(err)
	}
}
"""


def body(text: str, imports: Sequence[str] = ()) -> str:
    lines = "".join(f'\t"{name}"\n' for name in ("testing", *imports))
    return f"package calc\n\nimport (\n{lines})\n\nfunc TestX(t *testing.T) {{\n{text}\n}}\n"


def run(bench: Bench, subject: Subject, code: str, **changes: object) -> Execution:
    options = replace(bench.options, **changes)  # type: ignore[arg-type]
    return execute(replace(bench, options=options), subject, candidate("pair", "model", code))


def test_of_one_function_only_its_statements_and_mutants_count(bench: Bench, subject: Subject) -> None:
    code = body("if Sum(3) != 6 || Add(1, 1) != 2 { t.Fatal() }")
    whole = run(bench, subject, code, repeat=2, mutants=0)
    asked = replace(candidate("pair", "model", code), focal=("Sum",))
    record = execute(replace(bench, options=replace(bench.options, repeat=2, mutants=0)), subject, asked)
    assert record.id != whole.id
    assert (whole.focal_statements, whole.focal_covered) == (0, 0)
    assert (record.focal_statements, record.focal_covered) == (4, 4)
    assert (record.statements, record.covered) == (whole.statements, whole.covered) == (13, 5)
    assert record.mutation is not None
    assert whole.mutation is not None
    assert 0 < record.mutation.total < whole.mutation.total
    assert record.mutation.not_covered == 0
    assert record.mutation.timed_out  # i++ → i-- never ends, and is ended by its steps
    assert all(line.startswith(("38.", "39.", "40.", "41.", "43.")) for line in record.mutation.survivors)


def test_reference_reaches_the_top(bench: Bench, subject: Subject) -> None:
    record = run(bench, subject, REFERENCE, repeat=3, mutants=0)
    assert (record.status, record.rung, record.repeats) == ("PASSED", "mutation", 3)
    assert record.declared == record.passed == ("TestAdd", "TestClamp")
    assert (record.covered, record.statements) == (6, 13)
    assert record.uncovered
    assert all(re.fullmatch(r"\d+\.\d+-\d+\.\d+", span) for span in record.uncovered)
    mutation = record.mutation
    assert mutation is not None
    assert mutation.killed >= 8
    assert mutation.not_covered >= 12
    assert len(mutation.survivors) == mutation.lived
    assert mutation.total == mutation.killed + mutation.lived + mutation.not_covered + mutation.timed_out
    assert mutation.score == mutation.killed / mutation.total


def test_an_external_test_package_sees_the_export_file(bench: Bench, subject: Subject) -> None:
    for siblings in ("all", "needed"):
        record = run(bench, subject, EXTERNAL, siblings=siblings)
        assert (record.status, record.covered) == ("PASSED", 2), siblings


@pytest.mark.parametrize(
    ("mode", "status"), [("all", "PASSED"), ("needed", "PASSED"), ("none", "BUILD_FAILED")]
)
def test_siblings_hold_the_helpers(bench: Bench, subject: Subject, mode: str, status: str) -> None:
    record = run(bench, subject, REFERENCE, siblings=mode)
    assert (record.status, record.siblings) == (status, mode)


@pytest.mark.parametrize(
    ("code", "status", "reason", "rung"),
    [
        ("", "NO_CODE", "empty", "none"),
        ("I am sorry, I cannot write tests.", "BUILD_FAILED", "syntax", "none"),
        ("package calc\n\nfunc TestX(t *testing.T) {}\n", "BUILD_FAILED", "undefined", "syntax"),
        (body("Nothing()"), "BUILD_FAILED", "undefined", "syntax"),
        (body("", ["example.test/missing"]), "BUILD_FAILED", "missing-package", "syntax"),
        ("package other\n", "BUILD_FAILED", "wrong-package", "syntax"),
        ("package calc\n\nvar caf\udce9 = 1\n", "BUILD_FAILED", "not-unicode", "none"),
        ("package calc\n\n//" + "x" * (50 << 20), "BUILD_FAILED", "too-large", "none"),
        ("package calc\n", "NO_TESTS_RAN", "no-tests-declared", "build"),
        (body("t.Fatal(1)"), "TESTS_FAILED", "assertion", "runs"),
        (body("var m map[int]int; m[1] = Add(1, 2)"), "TESTS_FAILED", "panic", "runs"),
        (body("time.Sleep(time.Minute)", ["time"]), "TIMED_OUT", "wall-time", "runs"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_each_fall_has_its_rung_and_reason(
    bench: Bench, subject: Subject, code: str, status: str, reason: str, rung: str
) -> None:
    record = run(bench, subject, code, test_seconds=3.0)
    assert (record.status, record.reason, record.rung) == (status, reason, rung), record.evidence


def test_a_crash_does_not_lose_the_other_tests_coverage(bench: Bench, subject: Subject) -> None:
    code = """package calc

import "testing"

func TestSum(t *testing.T)   { Sum(3) }
func TestCrash(t *testing.T) { panic("boom") }
func TestAdd(t *testing.T)   { Add(1, 1) }
"""
    record = run(bench, subject, code)
    assert (record.status, record.reason) == ("TESTS_FAILED", "panic")
    assert record.passed == ("TestSum", "TestAdd")
    assert record.failed == ("TestCrash",)
    assert record.covered == 5  # Sum's four statements and Add's one


def test_a_test_may_write_to_its_own_folder_only_in_a_copy(bench: Bench, subject: Subject) -> None:
    record = run(
        bench,
        subject,
        body('if err := os.WriteFile("out.txt", nil, 0o644); err != nil { t.Fatal(err) }', ["os"]),
    )
    assert record.status == "PASSED"
    assert not (subject.package / "out.txt").exists()


def test_a_test_that_looks_at_the_switch_gets_no_score(bench: Bench, subject: Subject) -> None:
    code = body(
        'for _, e := range os.Environ() { if strings.HasPrefix(e, "GOUTBENCH") { t.Fatal(e) } }; Add(1, 2)',
        ["os", "strings"],
    )
    record = run(bench, subject, code, mutants=0)
    assert record.status == "PASSED"
    assert record.mutation is not None
    assert record.mutation.score is None
    assert "without any mutant" in record.mutation.reason


def test_an_endless_mutant_is_timed_out_and_never_killed(bench: Bench, subject: Subject) -> None:
    record = run(bench, subject, body("if Sum(3) != 6 { t.Fatal() }"), mutants=0)
    assert record.mutation is not None
    assert record.mutation.timed_out >= 1
    assert any("timed-out" in line for line in record.mutation.verdicts)


def test_a_broken_package_is_no_ones_fault(site: Site, bench: Bench, subject: Subject) -> None:
    broken = site.place.trees / "broken"
    shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(DATA / "calc", broken)
    (broken / "helper_test.go").write_text("package calc\n\nvar x = undefinedName\n")
    tree = replace(subject.tree, root=broken.resolve())
    record = run(bench, replace(subject, tree=tree, package=broken.resolve()), body("Add(1, 2)"))
    assert (record.status, record.reason) == ("INFRA_FAILURE", "package-broken")


def test_siblings_that_need_the_reference_tests_helpers_go_with_it(
    site: Site, bench: Bench, subject: Subject
) -> None:
    root = site.place.trees / "orphans"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(DATA / "calc", root)
    helper = "package calc\n\nfunc twice(n int) int { return 2 * n }\n"
    (root / subject.test).write_text(helper)
    (root / "user_test.go").write_text("package calc\n\nvar four = twice(2)\n")
    (root / "heir_test.go").write_text("package calc\n\nvar five = four + 1\n")
    (root / "other_test.go").write_text("package calc\n\nvar six = 6\n")
    there = replace(subject, tree=replace(subject.tree, root=root.resolve()), package=root.resolve())
    record = run(bench, there, body("if Add(1, 2) != 3 || six != 6 { t.Fatal() }"))
    assert (record.status, record.siblings) == ("PASSED", "all but heir_test.go, user_test.go")
    record = run(bench, there, body("if Add(1, 2) != 3 { t.Fatal(four) }"))
    assert (record.status, record.reason) == ("BUILD_FAILED", "undefined")
    record = run(bench, there, body("if Add(1, 2) != five-2 { t.Fatal() }") + helper.partition("\n")[2])
    assert (record.status, record.siblings) == ("PASSED", "all")


@pytest.mark.parametrize("name", ["test_order", "processors", "shuffled_state"])
def test_flakes_of_order_and_processors_are_always_found(bench: Bench, subject: Subject, name: str) -> None:
    code = (DATA / "flakes" / f"{name}.go.txt").read_text()
    record = run(bench, subject, code, repeat=4)
    assert record.status == "FLAKY"
    assert record.flaky


@pytest.fixture
def repositories(tmp_path: Path) -> Path:
    """A cache folder with a bare git repository of the calc module, and one commit."""
    work = tmp_path / "work"
    shutil.copytree(DATA / "calc", work)
    git = ["git", "-C", str(work), "-c", "user.name=t", "-c", "user.email=t@example.test"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    bare = tmp_path / "cache" / "example__calc.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True, capture_output=True)
    return bare.parent


def commit(repositories: Path) -> str:
    command = ["git", "--git-dir", str(repositories / "example__calc.git"), "rev-parse", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_evaluate_records_everything_and_resumes(site: Site, repositories: Path, tmp_path: Path) -> None:
    revision = commit(repositories)
    places = {
        "calc": PairPlace("calc", "example/calc", revision, "calc.go", "calc_test.go"),
        "gone": PairPlace("gone", "example/gone", revision, "calc.go", "calc_test.go"),
        "moved": PairPlace("moved", "example/calc", revision, "nowhere.go", "nowhere_test.go"),
    }
    candidates = [
        candidate("calc", "reference", REFERENCE),
        candidate("calc", "model", body("t.Fatal(1)")),
        candidate("gone", "model", REFERENCE),
        candidate("moved", "model", REFERENCE),
        candidate("unheard", "model", REFERENCE),
    ]
    out = tmp_path / "out"

    def once(options: Options) -> list[Execution]:
        return evaluate(
            candidates, places, repositories=repositories, out=out, options=options, workers=2,
            work=site.place.root,
        )  # fmt: skip

    first = once(Options(repeat=1))
    assert [record.status for record in first] == ["PASSED", "TESTS_FAILED", *["INFRA_FAILURE"] * 3]
    assert [record.reason for record in first[2:]] == ["no-source", "no-source", "unknown-pair"]
    journal = out / "executions.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    finished = [line for line in lines if json.loads(line)["pair_id"] == "calc"]
    # killed while writing the second one: it runs again, the first does not
    journal.write_bytes(finished[0] + finished[1][:40])
    again = once(Options(repeat=1))
    assert [replace(r, **SECONDS) for r in again] == [replace(r, **SECONDS) for r in first]
    kept = journal.read_bytes().splitlines(keepends=True)
    assert kept[0] == finished[0]
    assert sum(json.loads(line)["id"] == json.loads(finished[0])["id"] for line in kept) == 1
    changed = once(Options(repeat=1, seed=2))
    assert {record.id for record in changed[:2]} & {record.id for record in first[:2]} == set()


SECONDS = {"gate_seconds": 0.0, "build_seconds": 0.0, "run_seconds": 0.0}


def test_a_run_that_only_waits_is_told_from_one_that_works(bench: Bench) -> None:
    waits = Run(idle=0.4, wall=60.0)
    works = Run({"WORK": "1"}, idle=0.4, wall=60.0)
    script = 'if [ -n "$WORK" ]; then n=0; while [ $n -lt 400000 ]; do n=$((n + 1)); done; else sleep 60; fi'
    command = Command(("/bin/sh", "-c", script), Path("/tmp"), {"PATH": "/bin:/usr/bin"}, runs=(waits, works))
    first, second = bench.sandbox.run(command).reports
    assert first.stopped == "idle"
    assert first.wall_seconds < 30
    assert (second.stopped, second.exit_code) == ("", 0)


def test_many_runs_that_say_much_do_not_fill_the_pipe_of_their_reports(bench: Bench) -> None:
    script = 'n=0; while [ $n -lt 300 ]; do echo "a line that fills the pipe"; n=$((n + 1)); done'
    runs = (Run(wall=10.0),) * 60
    outcome = bench.sandbox.run(
        Command(("/bin/sh", "-c", script), Path("/tmp"), {"PATH": "/bin:/usr/bin"}, runs=runs)
    )
    assert outcome.stopped == ""
    assert len(outcome.reports) == 60
    assert sum(len(report.tail) for report in outcome.reports) > 65_536


@pytest.mark.skipif(shutil.which("gcc") is None, reason="the race detector needs a C compiler")
def test_the_race_detector_finds_a_race_where_it_is_asked_for(bench: Bench, subject: Subject) -> None:
    code = body(
        """n, done := 0, make(chan bool)
	go func() { n++; done <- true }()
	n++
	<-done
	_ = n"""
    )
    assert run(bench, subject, code).status == "PASSED"
    record = run(bench, subject, code, race=True)
    assert (record.status, record.reason) == ("TESTS_FAILED", "data-race")
