"""extend, repair and reproduce: proven by execution in a repository with a history, asked, and scored."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from judging import with_inspect
from taskbench import ADDING, BUGGY, CODE, OLDEST, REPRODUCING, TEST_BEFORE, Workbench
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.dataset.reading import read_records
from goutbench.dataset.store import read_pairs
from goutbench.errors import ConfigError
from goutbench.generate.items import read_items
from goutbench.generate.options import GenerateOptions
from goutbench.records import Execution, Prompt, Status
from goutbench.tasks.kinds.extend import removed_tests
from goutbench.tasks.kinds.reproduce import fails_every_time, reads_sources
from goutbench.tasks.score import TaskResult
from goutbench.tasks.task import VerifiedTask


def the_task(bench: Workbench, kind: str) -> VerifiedTask:
    (task,) = read_records(bench.tasks(kind) / "tasks.parquet", VerifiedTask)
    assert (task.kind, task.unit, task.group, task.split) == (kind, "file", "g", "test")
    return task


def the_prompt(bench: Workbench, kind: str) -> Prompt:
    dataset = bench.tasks(kind) / "dataset" if kind == "reproduce" else bench.folder / "dataset"
    (item,) = read_items(dataset, GenerateOptions(prompt=kind, tasks=str(bench.tasks(kind))))
    (prompt,) = item.prompts
    return prompt


@with_inspect
def test_extend_credits_only_what_is_added_to_the_remaining_tests(bench: Workbench) -> None:
    task = the_task(bench, "extend")
    assert task.removed == ("TestLarger",)
    assert "TestLarger" not in task.start
    assert "TestClamp" in task.start
    assert "TestSign" in the_prompt(bench, "extend").messages[-1][1]
    header = 'package calc\n\nimport "testing"\n\n'
    results = bench.results(
        "extend", "baseline/reference", "baseline/no-assertions",
        ("adding", header + ADDING), ("failing", header + ADDING.replace("!= 2", "!= 3")),
        ("repeating", task.start),
    )  # fmt: skip
    reference = results["baseline/reference"]
    assert reference.solved
    assert reference.score == reference.ceiling == task.ceiling_score > 0
    assert results["adding"].score == reference.score
    assert results["adding"].solved
    assert (results["repeating"].score, results["repeating"].reason) == (0.0, "adds-nothing")
    assert (results["failing"].score, results["failing"].reason) == (0.0, "assertion")
    assert (results["baseline/no-assertions"].score, results["baseline/no-assertions"].solved) == (0.0, False)
    arguments = ["execute", str(bench.folder / "run-extend-0" / "candidates.parquet"), "--tasks"]
    other = CliRunner().invoke(app, [*arguments, str(bench.tasks("extend")), "--mutants", "7"])
    assert isinstance(other.exception, ConfigError)
    assert "proven with other mutants" in str(other.exception)


def test_a_part_of_the_answers_keeps_the_results_of_the_others(bench: Workbench) -> None:
    out, tasks = bench.folder / "run-part", bench.tasks("extend")
    start = the_task(bench, "extend").start
    rows = [{"pair_id": "calc", "model": model, "code": start} for model in ("one", "two")]
    out.mkdir()
    (out / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = [
        "execute", out / "answers.jsonl", "--dataset", bench.folder / "dataset", "--tasks", tasks,
        "--out", out, "--mutants", "60", *bench.execution(),
    ]  # fmt: skip
    for limit in ("0", "1"):
        bench.run(*arguments, "--limit", limit)
        results = read_records(out / "task_results.parquet", TaskResult)
        assert sorted(result.model for result in results) == ["one", "two"]
    for further, problem in (("--reference", "no answers"), ("--shard=1/2", "has not all answers")):
        refused = CliRunner().invoke(app, [*map(str, arguments), further])
        assert isinstance(refused.exception, ConfigError)
        assert problem in str(refused.exception)


@with_inspect
def test_repair_begins_with_the_latest_test_that_fails_against_the_code(bench: Workbench) -> None:
    task = the_task(bench, "repair")
    assert task.start == OLDEST["calc_test.go"], "the commit in between still passes"
    assert "Max(1, 2)" in the_prompt(bench, "repair").messages[-1][1]
    results = bench.results(
        "repair", "baseline/reference", ("unchanged", task.start), ("repaired", TEST_BEFORE)
    )
    assert results["baseline/reference"].score == results["baseline/reference"].ceiling
    assert (results["unchanged"].score, results["unchanged"].solved) == (0.0, False)
    assert results["repaired"].solved
    assert 0 < (results["repaired"].score or 0) < results["repaired"].ceiling


@with_inspect
def test_reproduce_needs_a_test_that_fails_before_the_fix_and_passes_after_it(bench: Workbench) -> None:
    task = the_task(bench, "reproduce")
    assert (task.start, task.message) == (BUGGY, "Fix Clamp above the range\n\nIt was low.")
    assert [pair.code for pair in read_pairs(bench.tasks("reproduce") / "dataset")] == [CODE]
    text = the_prompt(bench, "reproduce").messages[-1][1]
    assert "It was low." in text
    assert "return high" not in text, "the prompt shows the fix"
    spy = 'import (\n\t"os"\n\t"strings"\n\t"testing"\n)\n\nfunc TestText(t *testing.T) {\n'
    spy += '\ttext, _ := os.ReadFile("calc.go")\n\tif !strings.Contains(string(text), "return high") {\n'
    spy = f"package calc\n\n{spy}\t\tt.Error()\n\t}}\n}}\n"
    hidden = spy.replace('"calc.go"', 'strings.Join([]string{"cal", "c.g", "o"}, "")')
    spy = spy.replace("if !", "if ")
    results = bench.results(
        "reproduce", "baseline/reference", "baseline/no-assertions", ("reproducing", REPRODUCING),
        ("weak", TEST_BEFORE), ("failing", REPRODUCING.replace("!= 1", "!= 7")), ("spy", spy),
        ("hidden", hidden),
    )  # fmt: skip
    assert {name: (result.solved, result.score, result.reason) for name, result in results.items()} == {
        "baseline/reference": (True, 1.0, ""),
        "baseline/no-assertions": (False, 0.0, "passes-before-the-fix"),
        "reproducing": (True, 1.0, ""),
        "weak": (False, 0.0, "passes-before-the-fix"),
        "failing": (False, 0.0, "assertion"),
        "spy": (False, 0.0, "reads-sources"),
        "hidden": (False, 0.0, "assertion"),
    }
    tasks = str(bench.tasks("reproduce"))
    command = ["generate", f"{tasks}/dataset", "--tasks", tasks, "--model", "scripted/echo", "--rounds", "2"]
    assert "feedback would show the fix" in str(CliRunner().invoke(app, command).exception)
    wrong = CliRunner().invoke(app, ["generate", str(bench.folder / "dataset"), *command[2:-2]])
    assert "give the dataset of the fixes" in str(getattr(wrong.exception, "hint", ""))


def test_a_proof_is_executed_once_and_equal_input_gives_equal_rows(bench: Workbench) -> None:
    tasks = bench.tasks("repair")
    before, journal = (tasks / "tasks.parquet").read_bytes(), (tasks / "executions.jsonl").read_bytes()
    limits = ("--min-killed", "3", "--seed", "1")
    bench.run(
        "tasks", bench.folder / "dataset", "--kind", "repair", "--out", tasks, *limits, *bench.execution()
    )
    assert ((tasks / "tasks.parquet").read_bytes(), (tasks / "executions.jsonl").read_bytes()) == (
        before, journal,
    )  # fmt: skip
    proofs = read_records(tasks / "proof.parquet", Execution)
    assert {proof.model: proof.reason for proof in proofs} == {"reference": "", "start": "undefined"}


def test_a_killed_proof_resumes_between_a_failure_and_its_second_attempt(
    bench: Workbench, tmp_path: Path
) -> None:
    tasks = bench.tasks("reproduce")
    failures = [
        line
        for line in (tasks / "executions.jsonl").read_text().splitlines(keepends=True)
        if (record := json.loads(line))["status"] == "TESTS_FAILED" and record["attempts"] == 1
    ]
    assert len(failures) == 1
    (tmp_path / "executions.jsonl").write_text(failures[0])
    limits = ("--min-killed", "3", "--seed", "1")
    bench.run(
        "tasks",
        bench.folder / "dataset",
        "--kind",
        "reproduce",
        "--out",
        tmp_path,
        *limits,
        *bench.execution(),
    )
    assert (tmp_path / "tasks.parquet").read_bytes() == (tasks / "tasks.parquet").read_bytes()


def test_a_third_of_the_tests_is_removed_at_random_and_at_least_one() -> None:
    names = [f"Test{number}" for number in range(10)]
    chosen = removed_tests(names, "1")
    assert len(chosen) == 3
    assert list(chosen) == sorted(chosen)
    assert len({removed_tests(names, str(seed)) for seed in range(20)}) > 5
    assert len(removed_tests(names[:2], "1")) == 1


def test_a_reproduction_fails_in_every_execution_in_the_same_way(bench: Workbench) -> None:
    start = next(
        proof
        for proof in read_records(bench.tasks("reproduce") / "proof.parquet", Execution)
        if proof.status is Status.TESTS_FAILED
    )
    assert fails_every_time([start])
    once, timed_out = replace(start, attempts=1), replace(start, attempts=1, status=Status.TIMED_OUT)
    assert fails_every_time([once, once])
    assert fails_every_time([timed_out, timed_out])
    for other in (timed_out, replace(once, failed=("TestSign",)), replace(once, status=Status.PASSED)):
        assert not fails_every_time([once, other])
    flaky = replace(start, status=Status.FLAKY)
    assert not any(map(fails_every_time, ([once], [timed_out], [flaky, flaky], [start, flaky])))


@pytest.mark.parametrize(
    ("test", "reads"),
    [
        ('os.ReadFile("clamp.go")', True), ('filepath.Glob("*.go")', True), ("//go:embed clamp.go", True),
        ('import "go/parser"', True), ("runtime.FuncForPC(pc)", True), ('Open("other.go")', False),
        ('os.ReadDir(".")', True), ("f.Readdirnames(-1)", True), ('filepath.WalkDir("", f)', True),
        ('import "os"', False), ("runtime.Caller(0)", True), ("runtime.Stack(b, true)", True),
        ("debug.Stack()", True),
        ('import "debug/elf"', True), ("os.Executable()", True), ('Open("/proc/self/exe")', True),
        ('os.Open(".")', True), ('import o "os"', True), ('import (\n\t. "path/filepath"\n)', True),
        ('read("clamp" + ".go")', True), ('import (\n\t"os"\n\t"runtime"\n)', False),
        ("tree.Walk(visit)", False), ("runtime.GC()", False), ("os.Open(name)", False),
    ],
)  # fmt: skip
def test_what_may_tell_the_states_apart_by_their_text(test: str, reads: bool) -> None:
    assert reads_sources(test, "calc/clamp.go") is reads
