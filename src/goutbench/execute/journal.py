"""The finished executions of a run folder: a journal that survives `kill -9`, and the tables made from it."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, Any

from goutbench.dataset.store import write_rows
from goutbench.errors import StorageError
from goutbench.records import Execution, Mutation

JOURNAL = "executions.jsonl"
TABLE = "executions.parquet"
_TUPLES = {"declared", "passed", "failed", "skipped", "flaky", "uncovered"}


def load(folder: Path) -> dict[str, Execution]:
    """Every finished execution by id. A last line that a kill cut short is dropped from the file, too."""
    path = folder / JOURNAL
    if not path.exists():
        return {}
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        os.truncate(path, len(whole))
    try:
        records = [decode(json.loads(line)) for line in whole.splitlines()]
    except (ValueError, TypeError, KeyError) as error:
        raise StorageError(
            f"not a journal of this version: {error}", where=str(path), hint="give another --out"
        ) from error
    return {record.id: record for record in records}


def open_journal(folder: Path) -> IO[bytes]:
    """The journal, opened for adding. Raises StorageError when the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / JOURNAL).open("ab", buffering=0)
    except OSError as error:
        raise StorageError(f"cannot write: {error}", where=str(folder), hint="give another --out") from error


def append(journal: IO[bytes], record: Execution) -> None:
    """Add one record in one write, so that a kill leaves at most one broken line, at the end."""
    line = json.dumps(asdict(record), ensure_ascii=True, separators=(",", ":"))
    try:
        journal.write(line.encode("ascii") + b"\n")
    except OSError as error:
        raise StorageError(
            f"cannot write: {error}", where=JOURNAL, hint="free some space and resume"
        ) from error


def decode(row: dict[str, Any]) -> Execution:
    """The record of a journal line."""
    mutation = row["mutation"]
    if mutation is not None:
        lists = {name: tuple(mutation[name]) for name in ("verdicts", "survivors")}
        row["mutation"] = Mutation(**{**mutation, **lists})
    for name in _TUPLES:
        row[name] = tuple(row[name])
    return Execution(**row)


def write_table(path: Path, records: Iterable[Execution]) -> None:
    """One Parquet row for each record, sorted, the mutation's fields as `mutation_*` columns."""
    ordered = sorted(records, key=lambda record: (record.pair_id, record.model, record.candidate_id))
    write_rows(path, [_flat(record) for record in ordered])


def reference_row(record: Execution) -> dict[str, Any]:
    """What a repository's own test reaches: the yardstick of every candidate of its pair.

    `verified`: it passes, is stable, and covers its focal file.
    """
    passed = record.status == "PASSED"
    return {
        "id": record.pair_id,
        "reference_status": record.status,
        "reference_rung": record.rung,
        "reference_reason": record.reason,
        "reference_statements": record.statements,
        "reference_covered": record.covered,
        "reference_coverage": record.covered / record.statements if record.statements else None,
        "reference_mutation_score": record.mutation.score if record.mutation else None,
        "reference_seconds": record.run_seconds / record.repeats if record.repeats else None,
        "verified": passed and record.repeats > 1 and record.covered > 0,
    }


def _flat(record: Execution) -> dict[str, Any]:
    row: dict[str, Any] = {
        field.name: getattr(record, field.name) for field in fields(record) if field.name != "mutation"
    }
    for field in fields(Mutation):
        row[f"mutation_{field.name}"] = getattr(record.mutation, field.name) if record.mutation else None
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}
