"""Candidates on every rung of the ladder, through the library's call, with the real toolchain and sandbox."""

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from goutbench.execute import ExecuteOptions, evaluate
from goutbench.execute.inputs import PairLocation, text_candidate
from goutbench.execute.journal import open_journal, write_table
from goutbench.execute.ladder.climb import climb
from goutbench.execute.machine import Machine
from goutbench.execute.sandbox.command import Command, CommandRun
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, Tree
from goutbench.locations import EXECUTIONS
from goutbench.parallel import RUNNERS
from goutbench.parallel.work import Work
from goutbench.records import Execution, MutantStatus

DATA = Path(__file__).parents[1] / "data" / "execute"
REFERENCE_TEST = (DATA / "calc" / "calc_test.go").read_text()
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


def run(worker: Worker, package: PackageUnderTest, code: str, **changes: object) -> Execution:
    options = replace(worker.options, **changes)  # type: ignore[arg-type]
    return climb(replace(worker, options=options), package, text_candidate("pair", "model", code))


def test_a_candidate_for_one_function_is_scored_on_its_statements_and_mutants_alone(
    worker: Worker, package: PackageUnderTest
) -> None:
    code = body("if Sum(3) != 6 || Add(1, 1) != 2 { t.Fatal() }")
    for_file = run(worker, package, code, repeat=2, mutants=0)
    for_sum = replace(text_candidate("pair", "model", code), focal=("Sum",))
    record = climb(replace(worker, options=replace(worker.options, repeat=2, mutants=0)), package, for_sum)
    assert record.id != for_file.id
    assert (for_file.focal_statements, for_file.focal_covered) == (0, 0)
    assert (record.focal_statements, record.focal_covered) == (4, 4)
    assert (record.statements, record.covered) == (for_file.statements, for_file.covered) == (13, 5)
    assert record.mutation is not None
    assert for_file.mutation is not None
    assert 0 < record.mutation.total < for_file.mutation.total
    assert record.mutation.no_coverage == 0
    assert record.mutation.timed_out  # i++ → i-- never ends, and is ended by its steps
    assert all(line.startswith(("38.", "39.", "40.", "41.", "43.")) for line in record.mutation.survivors)


def test_a_reference_test_reaches_the_highest_rung(worker: Worker, package: PackageUnderTest) -> None:
    record = run(worker, package, REFERENCE_TEST, repeat=3, mutants=0)
    assert (record.status, record.rung, record.repeats) == ("PASSED", "mutation", 3)
    assert record.declared == record.passed == ("TestAdd", "TestClamp")
    assert (record.covered, record.statements) == (6, 13)
    assert record.uncovered
    assert all(re.fullmatch(r"\d+\.\d+-\d+\.\d+", span) for span in record.uncovered)
    mutation = record.mutation
    assert mutation is not None
    assert mutation.killed >= 8
    assert mutation.no_coverage >= 12
    assert len(mutation.survivors) == mutation.survived
    assert mutation.total == mutation.killed + mutation.survived + mutation.no_coverage + mutation.timed_out
    assert mutation.score == mutation.killed / mutation.total


def test_every_mutant_has_a_verdict_that_says_what_changed_and_who_noticed(
    worker: Worker, package: PackageUnderTest, tmp_path: Path
) -> None:
    code = body("if Sum(3) != 6 || Add(1, 1) != 2 { t.Fatal() }")
    record = run(worker, package, code, mutants=0)
    mutation = record.mutation
    assert mutation is not None
    source = package.focal_source.decode().splitlines()
    counts = Counter(mutant.verdict for mutant in mutation.mutants)
    for status in set(MutantStatus) - {MutantStatus.NOT_VIABLE}:
        assert counts[status] == getattr(mutation, status), status
        assert counts[status], "the test has mutants of every kind"
    for mutant in mutation.mutants:
        start, end = (tuple(map(int, part.split("."))) for part in mutant.position.split("-"))
        if start[0] == end[0]:
            assert source[start[0] - 1][start[1] - 1 : end[1] - 1] == mutant.before
        assert mutant.before != mutant.after
        assert (mutant.killer == "TestX") == (mutant.verdict == MutantStatus.KILLED)
        assert bool(mutant.proof) == (mutant.verdict == MutantStatus.EQUIVALENT)
    add = next(mutant for mutant in mutation.mutants if mutant.operator == "arithmetic")
    assert (add.position, add.function, add.before, add.after) == ("11.11-11.12", "Add", "+", "-")
    killed, late, total = mutation.killed, mutation.timed_out, mutation.total
    assert mutation.score == killed / total
    assert mutation.score_timed_out_detected == (killed + late) / total
    assert mutation.score_timed_out_excluded == killed / (total - late)

    with open_journal(tmp_path) as journal:
        journal.add(record.id, record)
    assert open_journal(tmp_path).find(record.id) == record, "a resumed run has the same verdicts"
    write_table(tmp_path / EXECUTIONS, [record])
    (row,) = pq.read_table(tmp_path / EXECUTIONS).to_pylist()
    assert row["mutation_mutants"] == [asdict(mutant) for mutant in mutation.mutants]


def test_mutants_that_no_test_can_kill_do_not_count(machine: Machine, worker: Worker) -> None:
    text = """package calc

func Largest(numbers []int) int {
	start := len(numbers) + 1
	start = 0
	most := make(map[int]int, 100)
	for _, number := range numbers {
		if number > start {
			start = number
		}
	}
	most[0] = start
	return most[0]
}
"""
    root = machine.workspace.trees / "equivalent"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(DATA / "calc", root)
    (root / "calc.go").write_text(text)
    tree = Tree("example/calc", "1", root.resolve())
    package = PackageUnderTest(tree, tree.root, "calc.go", "calc_test.go", machine.toolchain)
    proofs = {}
    for name, code in {
        "weak": "Largest(nil)",
        "strong": "if Largest([]int{2, 9, 4}) != 9 { t.Fatal() }",
    }.items():
        mutation = run(worker, package, body(code), mutants=0).mutation
        assert mutation is not None
        verdicts = {(m.position.split(".")[0], m.before): m.proof for m in mutation.mutants if m.proof}
        proofs[name] = verdicts
        assert mutation.equivalent == sum(m.verdict == MutantStatus.EQUIVALENT for m in mutation.mutants)
        assert mutation.tested == mutation.total == len(mutation.mutants) - mutation.equivalent
        assert mutation.score == mutation.killed / mutation.tested
    assert (
        proofs["weak"]
        == proofs["strong"]
        == {
            ("4", "+"): "the same machine code",
            ("4", "1"): "the same machine code",
            ("6", "100"): "a hint of capacity",
            ("8", ">"): "differs only where both sides are equal, and then takes the same value",
        }
    )


def test_texts_of_errors_are_left_out_only_if_asked_for(worker: Worker, package: PackageUnderTest) -> None:
    for ignore_texts, proofs in ((False, []), (True, ["log entry or the text of an error"])):
        mutation = run(worker, package, REFERENCE_TEST, mutants=0, ignore_texts=ignore_texts).mutation
        assert mutation is not None
        texts = [mutant for mutant in mutation.mutants if mutant.before == '"division by zero"']
        assert [part for part in proofs if part not in texts[0].proof] == []
        assert (texts[0].verdict == MutantStatus.EQUIVALENT) is ignore_texts


def test_names_that_no_command_can_hold_are_the_candidates_failure(
    worker: Worker, package: PackageUnderTest
) -> None:
    tests = "".join(f"func TestNumber{number:07}(t *testing.T) {{}}\n" for number in range(6000))
    record = run(worker, package, f'package calc\n\nimport "testing"\n\n{tests}')
    assert (record.status, record.reason) == ("TESTS_FAILED", "too-many-names")


def test_the_binary_has_the_name_that_go_test_gives_it(worker: Worker, package: PackageUnderTest) -> None:
    code = """package calc

import (
	"os"
	"path/filepath"
	"testing"
)

func TestName(t *testing.T) {
	if name := filepath.Base(os.Args[0]); name != "calc.test" {
		t.Fatal(name)
	}
}
"""
    record = run(worker, package, code)
    assert record.status == "PASSED", record.evidence


def test_an_external_test_package_sees_the_export_file(worker: Worker, package: PackageUnderTest) -> None:
    for siblings in ("all", "needed"):
        record = run(worker, package, EXTERNAL, siblings=siblings)
        assert (record.status, record.covered) == ("PASSED", 2), siblings


@pytest.mark.parametrize(
    ("mode", "status"), [("all", "PASSED"), ("needed", "PASSED"), ("none", "BUILD_FAILED")]
)
def test_a_test_builds_only_with_the_sibling_files_that_hold_its_helpers(
    worker: Worker, package: PackageUnderTest, mode: str, status: str
) -> None:
    record = run(worker, package, REFERENCE_TEST, siblings=mode)
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
def test_a_failing_candidate_gets_its_rung_and_reason(
    worker: Worker, package: PackageUnderTest, code: str, status: str, reason: str, rung: str
) -> None:
    record = run(worker, package, code, test_seconds=1.0 if status == "TIMED_OUT" else 8.0)
    assert (record.status, record.reason, record.rung) == (status, reason, rung), record.evidence


def test_a_crash_does_not_lose_the_coverage_of_the_remaining_tests(
    worker: Worker, package: PackageUnderTest
) -> None:
    code = """package calc

import "testing"

func TestSum(t *testing.T)   { Sum(3) }
func TestCrash(t *testing.T) { panic("boom") }
func TestAdd(t *testing.T)   { Add(1, 1) }
"""
    record = run(worker, package, code)
    assert (record.status, record.reason) == ("TESTS_FAILED", "panic")
    assert record.passed == ("TestSum", "TestAdd")
    assert record.failed == ("TestCrash",)
    assert record.covered == 5  # Sum's four statements and Add's one


def test_a_test_that_writes_to_its_own_folder_gets_a_copy_of_it(
    worker: Worker, package: PackageUnderTest
) -> None:
    record = run(
        worker,
        package,
        body('if err := os.WriteFile("out.txt", nil, 0o644); err != nil { t.Fatal(err) }', ["os"]),
    )
    assert record.status == "PASSED"
    assert not (package.folder / "out.txt").exists()


def test_a_test_that_inspects_the_mutation_switch_gets_no_score(
    worker: Worker, package: PackageUnderTest
) -> None:
    code = body(
        'for _, e := range os.Environ() { if strings.HasPrefix(e, "GOUTBENCH") { t.Fatal(e) } }; Add(1, 2)',
        ["os", "strings"],
    )
    record = run(worker, package, code, mutants=0)
    assert record.status == "PASSED"
    assert record.mutation is not None
    assert record.mutation.score is None
    assert "without any mutant" in record.mutation.reason


def test_a_mutant_that_never_ends_counts_as_timed_out(worker: Worker, package: PackageUnderTest) -> None:
    record = run(worker, package, body("if Sum(3) != 6 { t.Fatal() }"), mutants=0)
    assert record.mutation is not None
    assert record.mutation.timed_out >= 1
    assert any(" timed_out " in line for line in record.mutation.results)


def test_a_package_that_does_not_build_is_an_infrastructure_error(
    machine: Machine, worker: Worker, package: PackageUnderTest
) -> None:
    broken = machine.workspace.trees / "broken"
    shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(DATA / "calc", broken)
    (broken / "helper_test.go").write_text("package calc\n\nvar x = undefinedName\n")
    tree = replace(package.tree, root=broken.resolve())
    record = run(worker, replace(package, tree=tree, folder=broken.resolve()), body("Add(1, 2)"))
    assert (record.status, record.reason) == ("INFRA_FAILURE", "package-broken")


def test_siblings_that_need_the_helpers_of_the_reference_test_are_removed_with_it(
    machine: Machine, worker: Worker, package: PackageUnderTest
) -> None:
    root = machine.workspace.trees / "orphans"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(DATA / "calc", root)
    helper = "package calc\n\nfunc twice(n int) int { return 2 * n }\n"
    (root / package.test).write_text(helper)
    (root / "user_test.go").write_text("package calc\n\nvar four = twice(2)\n")
    (root / "heir_test.go").write_text("package calc\n\nvar five = four + 1\n")
    (root / "other_test.go").write_text("package calc\n\nvar six = 6\n")
    there = replace(package, tree=replace(package.tree, root=root.resolve()), folder=root.resolve())
    record = run(worker, there, body("if Add(1, 2) != 3 || six != 6 { t.Fatal() }"))
    assert (record.status, record.siblings) == ("PASSED", "all but heir_test.go, user_test.go")
    for mode in ("all", "needed"):
        record = run(worker, there, body("if Add(1, 2) != 3 { t.Fatal(four) }"), siblings=mode)
        assert (record.status, record.reason) == ("BUILD_FAILED", "undefined"), mode
    record = run(worker, there, body("if Add(1, 2) != six-3 { t.Fatal() }"), siblings="needed")
    assert (record.status, record.siblings) == ("PASSED", "needed")
    record = run(worker, there, body("if Add(1, 2) != five-2 { t.Fatal() }") + helper.partition("\n")[2])
    assert (record.status, record.siblings) == ("PASSED", "all")


@pytest.mark.parametrize("name", ["test_order", "processors", "shuffled_state"])
def test_a_test_that_depends_on_order_or_processors_is_flaky(
    worker: Worker, package: PackageUnderTest, name: str
) -> None:
    code = (DATA / "flakes" / f"{name}.go.txt").read_text()
    record = run(worker, package, code, repeat=4)
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


def test_evaluate_records_every_candidate_resumes_and_takes_any_runner(
    machine: Machine, repositories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = commit(repositories)
    pairs = {
        "calc": PairLocation("calc", "example/calc", revision, "calc.go", "calc_test.go"),
        "absent": PairLocation("absent", "example/absent", revision, "calc.go", "calc_test.go"),
        "moved": PairLocation("moved", "example/calc", revision, "nowhere.go", "nowhere_test.go"),
    }
    candidates = [
        text_candidate("calc", "reference", REFERENCE_TEST),
        text_candidate("calc", "model", body("t.Fatal(1)")),
        text_candidate("absent", "model", REFERENCE_TEST),
        text_candidate("moved", "model", REFERENCE_TEST),
        text_candidate("unknown", "model", REFERENCE_TEST),
    ]
    out = tmp_path / "out"

    def once(options: ExecuteOptions, runner: str = "threads") -> list[Execution]:
        return evaluate(
            candidates, pairs, repositories=repositories, out=out, options=options, workers=2,
            work=machine.workspace.root, runner=runner,
        )  # fmt: skip

    first = once(ExecuteOptions(repeat=1))
    assert [record.status for record in first] == ["PASSED", "TESTS_FAILED", *["INFRA_FAILURE"] * 3]
    assert [record.reason for record in first[2:]] == ["no-source", "no-source", "unknown-pair"]
    journal = out / "executions.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    finished = [line for line in lines if json.loads(line)["pair_id"] == "calc"]
    # killed while writing the second one: it runs again, the first does not
    journal.write_bytes(finished[0] + finished[1][:40])
    again = once(ExecuteOptions(repeat=1))
    assert [replace(r, **SECONDS) for r in again] == [replace(r, **SECONDS) for r in first]
    resumed = journal.read_bytes().splitlines(keepends=True)
    assert resumed[0] == finished[0]
    assert sum(json.loads(line)["id"] == json.loads(finished[0])["id"] for line in resumed) == 1

    def backwards(work: Work[Any, Any], items: Iterable[Any]) -> Iterator[Any]:
        taken = list(items)
        assert (len(taken), work.workers) == (3, 2)  # the canary is the first
        with work.opened(0) as function:
            yield from map(function, reversed(taken))

    # a new runner is a function and a line
    monkeypatch.setitem(RUNNERS, "backwards", backwards)
    changed = once(ExecuteOptions(repeat=1, seed=2), "backwards")
    assert [record.status for record in changed] == [record.status for record in first]
    assert {record.id for record in changed[:2]} & {record.id for record in first[:2]} == set()


SECONDS = {"gate_seconds": 0.0, "build_seconds": 0.0, "run_seconds": 0.0}


def test_a_run_that_only_waits_is_stopped_and_one_that_works_is_not(worker: Worker) -> None:
    waits = CommandRun(idle=0.4, wall=60.0)
    works = CommandRun({"WORK": "1"}, idle=0.4, wall=60.0)
    script = 'if [ -n "$WORK" ]; then n=0; while [ $n -lt 400000 ]; do n=$((n + 1)); done; else sleep 60; fi'
    command = Command(("/bin/sh", "-c", script), Path("/tmp"), {"PATH": "/bin:/usr/bin"}, runs=(waits, works))
    first, second = worker.sandbox.run(command).reports
    assert first.stopped == "idle"
    assert first.wall_seconds < 30
    assert (second.stopped, second.exit_code) == ("", 0)


def test_many_runs_with_much_output_do_not_block_their_supervisor(worker: Worker) -> None:
    script = 'n=0; while [ $n -lt 300 ]; do echo "a line that fills the pipe"; n=$((n + 1)); done'
    runs = (CommandRun(wall=10.0),) * 60
    outcome = worker.sandbox.run(
        Command(("/bin/sh", "-c", script), Path("/tmp"), {"PATH": "/bin:/usr/bin"}, runs=runs)
    )
    assert outcome.stopped == ""
    assert len(outcome.reports) == 60
    assert sum(len(report.tail) for report in outcome.reports) > 65_536


@pytest.mark.skipif(shutil.which("gcc") is None, reason="the race detector needs a C compiler")
def test_a_test_may_print_as_much_as_verbose_logs_do(worker: Worker, package: PackageUnderTest) -> None:
    """Tests of storage engines print more than 10 MiB."""
    code = body('for range 20 {\n\t\tprintln(strings.Repeat("x", 1<<20))\n\t}', ["strings"])
    record = run(worker, package, code)
    assert record.status == "PASSED", record.reason


def test_the_race_detector_reports_a_race_when_it_is_enabled(
    worker: Worker, package: PackageUnderTest
) -> None:
    code = body(
        """n, done := 0, make(chan bool)
	go func() { n++; done <- true }()
	n++
	<-done
	_ = n"""
    )
    assert run(worker, package, code).status == "PASSED"
    record = run(worker, package, code, race=True, build_seconds=600.0)
    assert (record.status, record.reason) == ("TESTS_FAILED", "data-race")
