"""Whether facts still hold: a sample of the reference tests runs again, and every difference is named."""

import random
from ast import literal_eval
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from goutbench.dataset.store import read_pairs
from goutbench.errors import ConfigError
from goutbench.execute.evaluate import evaluate
from goutbench.execute.inputs import read_locations, read_settings, read_sources, reference_candidates
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.progress import Progress
from goutbench.facts.fact import Fact, fact_of, pair_key
from goutbench.facts.table import Facts, read_facts
from goutbench.locations import FACTS
from goutbench.records import Execution, Status

_EQUAL = ("status", "reason", "tests", "fuzz_targets", "examples", "subtests", "statements", "covered",
          "branches", "branches_covered")  # fmt: skip

Execute = Callable[[Sequence[str], ExecuteOptions], Sequence[Execution]]
"""Executes the reference tests of these pairs."""


@dataclass(frozen=True, slots=True)
class FactDifference:
    """A column of a pair's fact that is another one now. `flaky`: the test is, or was."""

    pair_id: str
    test_path: str
    column: str
    fact: str
    now: str
    flaky: bool


def repeat_facts(dataset: Path, count: int, execute: Execute, *, seed: int = 1) -> list[FactDifference]:
    """Execute `count` of the pairs that have facts once more, drawn with a seed; what differs, by path.

    Raises ConfigError where the dataset has no facts, DatasetError.
    """
    path = dataset / FACTS
    if not path.is_file():
        hint = "run `goutbench execute --reference`, and `goutbench facts` on its run"
        raise ConfigError("the dataset has no facts", where=str(path), hint=hint)
    facts = read_facts(path)
    by_key = {row.key: row for row in facts.rows}
    pairs = [pair for pair in read_pairs(dataset) if pair_key(pair) in by_key]
    if not pairs:
        hint = "run `goutbench facts` again: the dataset has changed since"
        raise ConfigError("the facts hold for no pair of the dataset", where=str(path), hint=hint)
    drawn = random.Random(seed).sample(pairs, min(count, len(pairs)))
    records = {record.pair_id: record for record in execute([pair.id for pair in drawn], options_of(facts))}
    return [
        difference
        for pair in sorted(drawn, key=lambda pair: (pair.repository, pair.test_path))
        for difference in differences(by_key[pair_key(pair)], fact_of(pair, records[pair.id]))
    ]


def reference_executor(
    dataset: Path,
    repositories: Path,
    *,
    workers: int = 1,
    work: Path | None = None,
    go: Path | None = None,
    progress: Progress | None = None,
) -> Execute:
    """What executes reference tests of a dataset, as `goutbench execute --reference` does."""

    def execute(pair_ids: Sequence[str], options: ExecuteOptions) -> list[Execution]:
        if progress is not None:
            progress.expect(len(pair_ids), workers)
        return evaluate(
            reference_candidates(dataset, pair_ids),
            read_locations(dataset),
            repositories=repositories,
            options=options,
            workers=workers,
            work=work,
            sources=read_sources(dataset),
            settings=read_settings(dataset),
            go=go,
            retry_alone=True,
            progress=progress,
        )

    return execute


def options_of(facts: Facts) -> ExecuteOptions:
    """The options with which the facts were measured."""
    names = {field.name for field in fields(ExecuteOptions)}
    values: dict[str, Any] = {
        name: text if name == "siblings" else literal_eval(text)
        for name, text in facts.options.items()
        if name in names
    }
    return ExecuteOptions(**values)


def differences(fact: Fact, now: Fact) -> Iterator[FactDifference]:
    """What differs between two facts of a pair. A mutation score must be in the interval of the fact."""
    flaky = Status.FLAKY in (fact.status, now.status)
    for name in _EQUAL:
        before, after = getattr(fact, name), getattr(now, name)
        if before != after:
            yield FactDifference(now.pair_id, now.test_path, name, str(before), str(after), flaky)
    score, low, high = now.mutation_score, fact.mutation_low, fact.mutation_high
    if fact.mutation_score is None or score is None:
        if fact.mutation_score != score:
            yield FactDifference(
                now.pair_id, now.test_path, "mutation_score", str(fact.mutation_score), str(score), flaky
            )
    elif low is not None and high is not None and not low <= score <= high:
        interval = f"{fact.mutation_score:.3f} [{low:.3f}, {high:.3f}]"
        yield FactDifference(now.pair_id, now.test_path, "mutation_score", interval, f"{score:.3f}", flaky)
