"""Rounds with a scripted model, the real sandbox and real git: what each reply makes of each item."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from judging import with_inspect

from goutbench.dataset.reading import read_records
from goutbench.dataset.store import read_table
from goutbench.errors import ConfigError
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.stage import RunExecutor
from goutbench.generate.items import read_items
from goutbench.generate.options import GenerateOptions
from goutbench.generate.stage import generate
from goutbench.generate.summary import summary
from goutbench.harvest.samples import read_runs
from goutbench.inference.models import Server
from goutbench.prompts.feedback.message import EXTEND, FIX
from goutbench.records import Candidate, Execution, Prompt, Refinement, Rung, Status, improves
from goutbench.rounds.budget import Budget
from goutbench.rounds.options import RoundOptions
from goutbench.rounds.stage import generate_in_rounds

OPTIONS = GenerateOptions(unit="function")
KINDS = ("build", "failures", "coverage")


def test(name: str, statement: str) -> str:
    return f"func Test{name}(t *testing.T) {{\n\t{statement}\n}}\n"


test.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it


def reply(*tests: str) -> str:
    return '```go\npackage calc\n\nimport "testing"\n\n' + "\n".join(tests) + "```\n"


INSIDE = test("Inside", 'if got := Clamp(5, 1, 9); got != 5 { t.Errorf("Clamp is %d, want 5", got) }')
SCRIPT = [
    # Clamp gets better in every round: it builds, passes, covers all
    ("tests for `Clamp`", reply(test("Inside", "if Limit(5, 1, 9) != 5 { t.Error() }"))),
    ("undefined: Limit", reply(INSIDE.replace("want 5", "want 4").replace("got != 5", "got != 4"))),
    ("Clamp is 5, want 4", reply(INSIDE)),
    (
        "| \t\treturn high",
        reply(test("Low", 'if Clamp(0, 1, 9) != 1 { t.Error("low") }'),
              test("High", 'if Clamp(10, 1, 9) != 9 { t.Error("high") }')),
    ),
    # Add is complete at once
    ("tests for `Add`", reply(test("Add", 'if Add(1, 2) != 3 { t.Error("sum") }'))),
    # Sum gets worse
    ("tests for `Sum`", reply(test("None", 'if Sum(0) != 0 { t.Error("none") }'))),
    ("| \t\ttotal += i", reply(test("Some", 'if Sum(3) != 7 { t.Error("some") }'))),
    # of Div one test passes, and the correction does not build
    (
        "tests for `Div`",
        reply(test("Halves", 'if half, _ := Div(6, 2); half != 3 { t.Error("half") }'),
              test("Zero", 'if _, err := Div(1, 0); err == nil { t.Error("zero") }'),
              test("Wrong", 'if third, _ := Div(6, 3); third != 3 { t.Error("a third of 6") }')),
    ),
    ("a third of 6", reply(test("Wrong", "nonsense()"))),
]  # fmt: skip


def write_script(path: Path) -> str:
    lines = [{"contains": contains, "reply": text} for contains, text in reversed(SCRIPT)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"scripted/{path}"


def counted_calls(folder: Path) -> tuple[Server, Path]:
    calls = folder / "calls.txt"
    return Server(model_args={"calls": str(calls)}), calls


def candidates_of(out: Path) -> dict[str, dict[int, Candidate]]:
    """The candidates of each item by round."""
    items: dict[str, dict[int, Candidate]] = {}
    for candidate in read_records(out / "candidates.parquet", Candidate):
        items.setdefault(candidate.focal[0], {})[candidate.round] = candidate
    return items


@with_inspect
def test_each_round_keeps_what_works_and_ends_where_nothing_improves(
    executor: RunExecutor, dataset: Path, tmp_path: Path
) -> None:
    model, out = write_script(tmp_path / "script.jsonl"), executor.out
    first = generate(dataset, tmp_path / "first", model, OPTIONS)
    generate_in_rounds(executor, model, OPTIONS, RoundOptions(5, KINDS))

    ends = {end.focal[0]: end for end in read_records(out / "rounds.parquet", Refinement)}
    assert {name: (end.rounds, end.reason) for name, end in ends.items()} == {
        "Clamp": (4, "complete"),
        "Add": (1, "complete"),
        "Sum": (2, "no-improvement"),
        "Div": (2, "complete"),
    }
    items = candidates_of(out)
    assert {name: sorted(rounds) for name, rounds in items.items()} == {
        "Clamp": [0, 1, 2, 3],
        "Add": [0],
        "Sum": [0, 1],
        "Div": [0, 1],
    }
    records = {r.candidate_id: r for r in read_records(out / "executions.parquet", Execution)}
    steps = [records[items["Clamp"][number].id] for number in range(4)]
    assert [(step.status, step.covered and step.coverage) for step in steps] == [
        (Status.BUILD_FAILED, 0),
        (Status.TESTS_FAILED, 0.6),
        (Status.PASSED, 0.6),
        (Status.PASSED, 1.0),
    ]
    last = items["Clamp"][3].code
    assert all(f"func Test{name}(" in last for name in ("Inside", "Low", "High")), "new tests are merged in"
    assert ends["Sum"].candidate_id == items["Sum"][0].id
    assert records[items["Sum"][1].id].status is Status.TESTS_FAILED
    passing = items["Div"][1]
    assert ends["Div"].candidate_id == passing.id
    assert "TestHalves" in passing.code
    assert "TestWrong" not in passing.code
    assert [note.what for note in passing.notes if note.kind == "dropped"] == ["TestWrong"]
    assert records[passing.id].status is Status.PASSED

    rows = read_table(out / "candidates.parquet").to_pylist()
    assert rows[:4] == read_table(tmp_path / "first" / "candidates.parquet").to_pylist()
    assert [candidate.id for candidate in first] == [row["id"] for row in rows[:4]]
    facts = json.loads((out / "run.json").read_text())["rounds"]
    assert facts["ended"] == {"complete": 3, "no-improvement": 1}
    assert facts["calls"] == 4 + 5
    templates = Counter(row["template"] for row in read_table(out / "prompts.parquet").to_pylist())
    assert (templates[FIX], templates[EXTEND]) == (3, 2)
    (run,) = read_runs([out], dataset, Counter())
    asked = {prompt.focal: prompt for item in read_items(dataset, OPTIONS) for prompt in item.prompts}
    assert len(run.samples) == 4 + 5
    for sample in run.samples:  # `harvest` teaches the result of any round as the reply to the first prompt
        first_prompt = asked[sample.candidate.focal]
        assert (sample.prompt_id, sample.messages) == (first_prompt.id, first_prompt.messages)


@with_inspect
def test_a_run_ends_at_its_limits_and_a_longer_one_continues(executor: RunExecutor, tmp_path: Path) -> None:
    model, out = write_script(tmp_path / "script.jsonl"), executor.out
    server, calls = counted_calls(tmp_path)
    with pytest.raises(ConfigError, match="the first answers alone need 4 calls"):
        generate_in_rounds(executor, model, OPTIONS, RoundOptions(3, KINDS, max_calls=3), server=server)
    with pytest.raises(ConfigError, match="a limit of cost needs prices"):
        generate_in_rounds(executor, model, OPTIONS, RoundOptions(3, KINDS, max_cost=1.0), server=server)
    assert not calls.exists()
    generate_in_rounds(executor, model, OPTIONS, RoundOptions(3, KINDS, max_calls=5), server=server)
    ends = Counter(end.reason for end in read_records(out / "rounds.parquet", Refinement))
    assert len(calls.read_text().splitlines()) == 5
    assert ends == {"max-calls": 2, "complete": 2}
    generate_in_rounds(executor, model, OPTIONS, RoundOptions(3, KINDS, max_total_tokens=2000), server=server)
    assert len(calls.read_text().splitlines()) == 5, "every further call could exceed the limit"
    generate_in_rounds(executor, model, OPTIONS, RoundOptions(3, KINDS), server=server)
    asked = calls.read_text().splitlines()
    assert len(asked) == len(set(asked)) == 8, "nothing is asked twice"
    ends = Counter(end.reason for end in read_records(out / "rounds.parquet", Refinement))
    assert ends == {"complete": 2, "no-improvement": 1, "rounds": 1}
    result = summary(out, executor.dataset, ())
    assert result["ended"] == ends
    assert result["next"] == f"goutbench report {out} --dataset {executor.dataset}"
    with pytest.raises(ConfigError, match="the folder has rounds of feedback"):
        generate(executor.dataset, out, model, OPTIONS)


def test_a_prompt_that_does_not_fit_leaves_room_for_those_after_it() -> None:
    budget = Budget(RoundOptions(max_total_tokens=100), 10, None)
    prompts = [Prompt("", "", "", (), "", "", (), tokens) for tokens in (80, 20, 95, 20, 20)]
    assert budget.fitting(prompts) == [True, False, False, False, False]
    assert budget.fitting(prompts[1:]) == [True, False, True, True]
    assert [budget.limit_for(prompt) for prompt in prompts[:3]] == ["", "", "max-total-tokens"]


@with_inspect
def test_a_killed_run_repeats_neither_a_call_nor_an_execution(executor: RunExecutor, tmp_path: Path) -> None:
    model, out = write_script(tmp_path / "script.jsonl"), executor.out
    calls, journal = tmp_path / "calls.txt", out / "executions.jsonl"
    command = [
        sys.executable, "-m", "goutbench", "generate", str(executor.dataset), "--model", model,
        "--out", str(out), "--unit", "function", "--rounds", "5", "--feedback", ",".join(KINDS),
        "--repos", str(executor.repositories), "--work", str(executor.work), "--repeat", "1",
        "--workers", "1", "--test-seconds", "8", "-M", f"calls={calls}",
    ]  # fmt: skip

    def lines(path: Path) -> list[str]:
        return path.read_text().splitlines() if path.exists() else []

    for enough in (2, 6):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
        while len(lines(journal)) < enough and process.poll() is None:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert len(lines(calls)) == len(set(lines(calls))) == 9
    ids = [json.loads(line)["id"] for line in lines(journal)]
    assert len(ids) == len(set(ids))
    ends = {end.focal[0]: end.reason for end in read_records(out / "rounds.parquet", Refinement)}
    assert ends == {"Clamp": "complete", "Add": "complete", "Sum": "no-improvement", "Div": "complete"}


@with_inspect
def test_surviving_mutants_are_told_and_a_further_kill_counts(executor: RunExecutor, tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    weak = reply(test("Add", "Add(1, 2)"))
    strong = reply(test("Sum", 'if Add(2, 3) != 5 { t.Error("sum") }'))
    lines = [{"contains": "No test notices", "reply": strong}, {"contains": "", "reply": weak}]
    script.write_text("".join(json.dumps(line) + "\n" for line in lines))
    options = replace(OPTIONS, limit=1, seed=5)
    with replace(executor, options=replace(executor.options, mutants=0)) as executor:
        generate_in_rounds(executor, f"scripted/{script}", options, RoundOptions(3, ("coverage", "mutants")))
    (end,) = read_records(executor.out / "rounds.parquet", Refinement)
    assert (end.focal, end.rounds, end.reason) == (("Add",), 2, "complete")


def record(status: Status, rung: Rung, covered: int = 0) -> Execution:
    return replace(
        Execution(
            "", "", "", "", status, rung, "", "", (), (), (), (), (), 4, covered, None, 1, 0.0, 0.0, 0.0, "",
            "", "",
        )
    )  # fmt: skip


def test_what_passes_is_never_replaced_by_what_fails_or_covers_less() -> None:
    broken, failing = record(Status.BUILD_FAILED, Rung.NONE), record(Status.TESTS_FAILED, Rung.RUNS, 4)
    half, full = (record(Status.PASSED, Rung.COVERS, covered) for covered in (2, 4))
    order = [broken, failing, half, full]
    for low, high in ((0, 1), (0, 2), (1, 2), (2, 3)):
        assert improves(order[high], order[low])
        assert not improves(order[low], order[high])
    assert improves(broken, broken), "another attempt at what fails"
    assert not improves(half, half)
    assert not improves(record(Status.INFRA_FAILURE, Rung.NONE), broken)


def test_options_of_rounds_are_checked() -> None:
    for options in (
        {"rounds": 0},
        {"feedback": ("style",)},
        {"max_calls": -1},
        {"rounds": 1, "max_calls": 9},
    ):
        with pytest.raises(ConfigError):
            RoundOptions(**options)  # type: ignore[arg-type]
    assert ExecuteOptions().mutants is None
