"""What the answers to tasks are worth, by the records of their executions."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from goutbench.dataset.reading import read_records
from goutbench.dataset.store import to_table, write_table
from goutbench.errors import ConfigError
from goutbench.execute.inputs import PairLocation, read_candidates, read_locations
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.reward.addition import UNNOTICED, addition, mutants_of
from goutbench.locations import EXECUTIONS, TASK_MANIFEST, TASK_PROOF, TASK_RESULTS, TASKS
from goutbench.records import Candidate, Execution, Status, short_hash
from goutbench.tasks.kinds.kind import START, Job, location_before
from goutbench.tasks.kinds.reproduce import fails_every_time, reads_sources
from goutbench.tasks.task import VerifiedTask

READS_SOURCES = "reads-sources"
NOT_REPRODUCED = "passes-before-the-fix"
NOT_EVERY_TIME = "fails-not-every-time-before-the-fix"

_UNSTABLE = (Status.FLAKY, Status.TESTS_FAILED, Status.TIMED_OUT)
_EXECUTIONS_BEFORE = 2
"""Executions before a fix, each of which runs a failing test twice: chance may decide one of them."""

Execute = Callable[[Sequence[Job]], Sequence[Execution]]
"""Executes tests and returns one record for each, in their order."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What an answer to a task is worth.

    `score` is from 0 to 1, None for an infrastructure error; `ceiling` is what the reference gets. It is
    killed ÷ tested mutants, for "extend" of the mutants that the remaining tests miss, and for "reproduce" 1
    if the test fails before the fix and passes after it. `solved`: it passes, for "extend" also adds a kill.
    `reason` says why it is not solved.
    """

    task_id: str
    kind: str
    pair_id: str
    candidate_id: str
    model: str
    sample: int
    status: str
    solved: bool
    score: float | None
    ceiling: float
    reason: str


def score_run(tasks: Path, dataset: Path, out: Path, candidates: Path, execute: Execute) -> list[TaskResult]:
    """Score all candidates of tasks that the run folder has executions of, and write the table there.

    `execute` runs tests before a fix. Raises ConfigError where no candidate is of a task.
    """
    rows, records = read_records(tasks / TASKS, VerifiedTask), read_records(out / EXECUTIONS, Execution)
    by_key = {(task.pair_id, task.focal): task for task in rows}
    answers = {candidate.id: candidate for candidate in read_candidates(candidates)}
    pairs = [
        (by_key[key], answers[record.candidate_id], record)
        for record in records
        if (key := (record.pair_id, answers[record.candidate_id].focal)) in by_key
    ]
    if not pairs:
        hint = "give the tasks that the candidates were generated for"
        raise ConfigError("no candidate is of a task", where=str(tasks), hint=hint)
    before = _before(pairs, read_locations(dataset), execute)
    starts = {r.pair_id: r for r in read_records(tasks / TASK_PROOF, Execution) if r.model == START}
    results = [score(task, answer, record, starts, before) for task, answer, record in pairs]
    write_table(to_table(results, TaskResult), out / TASK_RESULTS)
    return results


def options_for(tasks: Path, options: ExecuteOptions) -> ExecuteOptions:
    """The options with which answers to these tasks are executed.

    Raises ConfigError where other mutants would be run than those of the proofs, or each test only once.
    """
    manifest = read_task_manifest(tasks)
    proof = manifest.get("proof") or {}
    if "reproduce" in manifest.get("kinds", {}):
        if options.repeat < 2:
            what = "a test that ran once may have passed by chance"
            raise ConfigError(what, where=str(tasks), hint="give --repeat 2 or more")
        return replace(options, hide_focal=True)
    if proof.get("mutants") is None:
        return options
    texts = proof.get("ignore_texts", options.ignore_texts)
    if (options.mutants, options.seed, options.ignore_texts) != (proof["mutants"], proof["seed"], texts):
        hint = f"give --mutants {proof['mutants']} --seed {proof['seed']}{' --ignore-texts' * texts}"
        raise ConfigError("the tasks were proven with other mutants", where=str(tasks), hint=hint)
    return options


def read_task_manifest(tasks: Path) -> Mapping[str, Any]:
    """What a folder of tasks says of itself. Raises ConfigError."""
    try:
        content: Mapping[str, Any] = json.loads((tasks / TASK_MANIFEST).read_bytes())
    except (OSError, ValueError):
        hint = "give a folder that `goutbench tasks` wrote"
        raise ConfigError("not a folder of tasks", where=str(tasks), hint=hint) from None
    return content


def score(
    task: VerifiedTask, answer: Candidate, record: Execution, starts: Mapping[str, Execution],
    before: Mapping[str, Sequence[Execution]],
) -> TaskResult:  # fmt: skip
    """The result of one answer. `starts` has the execution of what a task begins with by pair id, `before`
    those of answers before a fix by candidate id."""
    passed = record.status is Status.PASSED
    value: float | None = 0.0
    reason = "" if passed else record.reason or record.status.label
    mutation = record.mutation
    if record.status is Status.INFRA_FAILURE:
        value = None
    elif task.kind == "reproduce":
        value, reason, infra = _reproduced(before.get(answer.id, ()), reason)
        value = None if infra else value
    elif passed and task.kind == "extend":
        start = starts[task.pair_id]
        missing = sum(mutant.verdict in UNNOTICED for mutant in mutants_of(start))
        value = len(addition(record, start).mutants) / missing if missing else 0.0
        reason = "" if value else "adds-nothing"
    elif passed:
        value = mutation.killed / mutation.tested if mutation and mutation.tested else 0.0
    return TaskResult(
        task.id, task.kind, task.pair_id, answer.id, answer.model, answer.sample, record.status,
        not reason, value, task.ceiling_score, reason,
    )  # fmt: skip


def _before(
    pairs: Sequence[tuple[VerifiedTask, Candidate, Execution]],
    locations: Mapping[str, PairLocation],
    execute: Execute,
) -> Mapping[str, Sequence[Execution]]:
    """The executions before the fix of what passes after it, by the ids of the candidates."""
    jobs: list[Job] = []
    answer_ids: list[str] = []
    for task, answer, record in pairs:
        if (
            task.kind == "reproduce"
            and record.status is Status.PASSED
            and not reads_sources(answer.code, task.code_path)
        ):
            location = location_before(task.pair_id, locations[task.pair_id], task.start_revision)
            for number in range(_EXECUTIONS_BEFORE):
                id = short_hash(answer.id, "before", str(number))
                jobs.append((replace(answer, id=id, pair_id=location.id), location))
                answer_ids.append(answer.id)
    before: dict[str, list[Execution]] = {}
    for id, record in zip(answer_ids, execute(jobs) if jobs else (), strict=True):
        before.setdefault(id, []).append(record)
    return before


def _reproduced(before: Sequence[Execution], reason: str) -> tuple[float, str, bool]:
    """Score and reason of an answer, and whether an infrastructure error keeps it from a result."""
    if reason:
        return 0.0, reason, False
    if not before:
        return 0.0, READS_SOURCES, False
    if fails_every_time(before):
        return 1.0, "", False
    statuses = {record.status for record in before}
    if statuses == {Status.PASSED}:
        return 0.0, NOT_REPRODUCED, False
    if Status.INFRA_FAILURE not in statuses and (len(statuses) > 1 or before[0].status in _UNSTABLE):
        return 0.0, NOT_EVERY_TIME, False
    last = next((r for r in before if r.status is Status.INFRA_FAILURE), before[0])
    return 0.0, f"before the fix: {last.reason or last.status.label}", last.status is Status.INFRA_FAILURE


def summary(results: Sequence[TaskResult]) -> dict[str, Any]:
    """Counts and means; answers that could not be executed count as not solved, and have no score."""
    scores = [result.score for result in results if result.score is not None]
    return {
        "answers": len(results),
        "solved": sum(result.solved for result in results),
        "mean_score": round(sum(scores) / len(scores), 4) if scores else None,
        "mean_ceiling": round(sum(result.ceiling for result in results) / len(results), 4),
    }
