"""What a test adds to the tests before it, by the records of their executions.

The package's own tests have a record like that of a candidate: what they miss of a file. Each accepted test
reduces it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from goutbench.execute.reward.addition import UNNOTICED, Addition, addition, mutants_of
from goutbench.records import Execution, MutantStatus, MutantVerdict, Mutation


def reduced(existing: Execution, record: Execution) -> Execution:
    """The record of the tests before together with a test: what both miss."""
    killed = {m.id for m in mutants_of(record) if m.verdict is MutantStatus.KILLED}
    missed, untaken = set(record.uncovered), set(record.uncovered_branches)
    if not record.statements:
        missed = set(existing.uncovered)
    if record.branches is None:
        untaken = set(existing.uncovered_branches)
    verdicts = [
        replace(m, verdict=MutantStatus.KILLED) if m.id in killed and m.verdict in UNNOTICED else m
        for m in mutants_of(existing)
    ]
    return replace(
        existing,
        uncovered=tuple(block for block in existing.uncovered if block in missed),
        uncovered_branches=tuple(text for text in existing.uncovered_branches if text in untaken),
        mutation=with_verdicts(existing.mutation, verdicts),
    )


def with_verdicts(mutation: Mutation | None, verdicts: Sequence[MutantVerdict]) -> Mutation | None:
    return None if mutation is None else replace(mutation, mutants=tuple(verdicts))


@dataclass(frozen=True, slots=True)
class Chosen:
    """The choice among the tests of a file: what each accepted one adds, in the order of acceptance, and what
    they all still miss."""

    additions: Mapping[int, Addition]
    missing: Execution


def choose(records: Sequence[Execution], existing: Execution) -> Chosen:
    """Accept tests one by one, each time the one that adds most, the first of equals, until none adds
    anything. The keys of the result are positions in `records`."""
    additions: dict[int, Addition] = {}
    remaining = list(range(len(records)))
    while remaining:
        sizes = {number: addition(records[number], existing) for number in remaining}
        best = max(remaining, key=lambda number: (sizes[number].size, -number))
        if not sizes[best].size:
            break
        additions[best] = sizes[best]
        existing = reduced(existing, records[best])
        remaining.remove(best)
    return Chosen(additions, existing)


def line_of(position: str) -> int:
    """The line of "line.column…"."""
    return int(position.partition(".")[0])


def within(existing: Execution, lines: Collection[int]) -> Execution:
    """The record without what is in other lines."""

    def inside(texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(text for text in texts if line_of(text) in lines)

    verdicts = [m for m in mutants_of(existing) if line_of(m.position) in lines]
    return replace(
        existing,
        uncovered=inside(existing.uncovered),
        uncovered_branches=inside(existing.uncovered_branches),
        mutation=with_verdicts(existing.mutation, verdicts),
    )
