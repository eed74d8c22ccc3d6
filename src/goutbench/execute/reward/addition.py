"""What a test adds to the tests before it, by the records of their executions."""

from dataclasses import dataclass

from goutbench.records import Execution, MutantStatus, MutantVerdict, Status

UNNOTICED = frozenset({MutantStatus.SURVIVED, MutantStatus.NO_COVERAGE})
"""Verdicts on which a kill adds something. One that timed out, or was not run, may be noticed already."""


@dataclass(frozen=True, slots=True)
class Addition:
    """What a test adds to the tests before it.

    `branches` are the outcomes of branches that it is the first to take, as "line.column code: outcome",
    `mutants` those that it is the first to kill. `blocks` are statements that it is the first to run, as
    "line.column-line.column": only where branches were not measured.
    """

    branches: tuple[str, ...] = ()
    mutants: tuple[MutantVerdict, ...] = ()
    blocks: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return len(self.branches) + len(self.mutants) + len(self.blocks)

    def __str__(self) -> str:
        """ "2 branches, 1 mutant"; "nothing" for an empty one."""
        counts = {"branch": self.branches, "mutant": self.mutants, "block of statements": self.blocks}
        parts = [_counted(len(items), name) for name, items in counts.items() if items]
        return ", ".join(parts) or "nothing"


def _counted(count: int, name: str) -> str:
    if count == 1:
        return f"1 {name}"
    plural = {"branch": "branches", "block of statements": "blocks of statements"}
    return f"{count} {plural.get(name, name + 's')}"


def addition(record: Execution, existing: Execution) -> Addition:
    """What the test with this record adds to what `existing` lacks; nothing of one that does not pass."""
    if record.status is not Status.PASSED:
        return Addition()
    killed = {m.id for m in mutants_of(record) if m.verdict is MutantStatus.KILLED}
    mutants = tuple(m for m in mutants_of(existing) if m.verdict in UNNOTICED and m.id in killed)
    if existing.branches is None:
        missed = set(record.uncovered) if record.statements else set(existing.uncovered)
        return Addition((), mutants, tuple(block for block in existing.uncovered if block not in missed))
    if record.branches is None:
        return Addition((), mutants)
    taken = (text for text in existing.uncovered_branches if text not in record.uncovered_branches)
    return Addition(tuple(taken), mutants)


def mutants_of(record: Execution) -> tuple[MutantVerdict, ...]:
    """The verdicts of an execution on its mutants; none where no mutants were run."""
    return record.mutation.mutants if record.mutation is not None else ()
