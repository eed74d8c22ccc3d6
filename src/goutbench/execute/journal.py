"""The finished executions of a run folder: the journal, and the tables written from it."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from goutbench.dataset.journal import Journal
from goutbench.dataset.store import write_rows
from goutbench.records import Execution, MutantStatus, MutantVerdict, Mutation, Rung, Status

JOURNAL = "executions.jsonl"
_CONVENTIONS = ("score_timed_out_detected", "score_timed_out_excluded")
_TUPLES = {"declared", "passed", "failed", "skipped", "flaky", "uncovered"}


def open_journal(folder: Path) -> Journal[Execution]:
    """The executions of a run folder by their id. Raises StorageError."""
    return Journal(folder / JOURNAL, Execution, key="id", decode=decode)


def decode(row: dict[str, Any]) -> Execution:
    """The record of a journal line."""
    mutation = row["mutation"]
    if mutation is not None:
        lists = {name: tuple(mutation[name]) for name in ("results", "survivors")}
        mutants = tuple(
            MutantVerdict(**{**mutant, "verdict": MutantStatus(mutant["verdict"])})
            for mutant in mutation.get("mutants", ())
        )
        mutation = Mutation(**{**mutation, **lists, "mutants": mutants})
    lists = {name: tuple(row[name]) for name in _TUPLES}
    status, rung = Status(row["status"]), Rung(row["rung"])
    return Execution(**{**row, **lists, "mutation": mutation, "status": status, "rung": rung})


def write_table(path: Path, records: Iterable[Execution]) -> None:
    """One Parquet row for each record, sorted, with the mutation's fields as `mutation_*` columns.

    `mutation_mutants` is a list of the fields of `MutantVerdict`.
    """
    rows = []
    for record in sorted(records, key=lambda record: (record.pair_id, record.model, record.candidate_id)):
        row = {field.name: getattr(record, field.name) for field in fields(record)}
        mutation = row.pop("mutation")
        for name in (*(field.name for field in fields(Mutation)), *_CONVENTIONS):
            row[f"mutation_{name}"] = getattr(mutation, name) if mutation else None
        if mutation:
            row["mutation_mutants"] = [asdict(mutant) for mutant in mutation.mutants]
        rows.append({name: list(value) if isinstance(value, tuple) else value for name, value in row.items()})
    write_rows(path, rows)


def reference_row(record: Execution) -> dict[str, Any]:
    """What a repository's own test reaches: the baseline for all candidates of its pair.

    `verified`: it passes, is stable, and covers its focal file.
    """
    passed, mutation = record.status is Status.PASSED, record.mutation
    return {
        "id": record.pair_id,
        "reference_status": record.status,
        "reference_rung": record.rung,
        "reference_reason": record.reason,
        "reference_statements": record.statements,
        "reference_covered": record.covered,
        "reference_coverage": record.covered / record.statements if record.statements else None,
        **{
            f"reference_mutation_{name}": getattr(mutation, name) if mutation else None
            for name in ("score", *_CONVENTIONS)
        },
        "reference_seconds": record.run_seconds / record.repeats if record.repeats else None,
        "verified": passed and record.repeats > 1 and record.covered > 0,
    }
