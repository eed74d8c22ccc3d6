"""Rows of shards as rows of one run: equal ones once, contradicting ones refused, in the order of one run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from goutbench.dataset.journal import Journal
from goutbench.dataset.store import read_table
from goutbench.errors import ConfigError

Record = TypeVar("Record")
Row = dict[str, Any]

_MEASURED = {"seconds", "gate_seconds", "build_seconds", "run_seconds", "evidence"}
"""Fields that two machines, or one machine twice, can fill differently for the same unit."""


def read_rows(folders: Iterable[Path], name: str, key: Callable[[Row], str]) -> dict[str, Row]:
    """The rows of a table in the folders that have it, by key.

    Raises ConfigError for a contradiction, DatasetError.
    """
    merged: dict[str, tuple[Path, Row]] = {}
    for folder in folders:
        rows = read_table(folder / name).to_pylist() if (folder / name).is_file() else ()
        for row in rows:
            add(merged, key(row), row, folder)
    return {key: row for key, (_, row) in merged.items()}


def add(merged: dict[str, tuple[Path, Row]], key: str, row: Row, folder: Path) -> None:
    """Add a row; of two that differ only in what was measured, the first in the order of their texts counts.

    Raises ConfigError for two that contradict each other.
    """
    first_folder, first = merged.setdefault(key, (folder, row))
    if first is row or first == row:
        return
    if differing := sorted(_contradictions(first, row)):
        raise ConfigError(
            f"two results of the unit {key} differ in {', '.join(differing)}",
            where=f"{first_folder}, {folder}",
            hint="give one of these folders",
        )
    if repr(row) < repr(first):
        merged[key] = folder, row


def _contradictions(first: Mapping[str, Any], second: Mapping[str, Any]) -> set[str]:
    differing = {name for name in {*first, *second} if first.get(name) != second.get(name)} - _MEASURED
    for name in list(differing):
        parts = first.get(name), second.get(name)
        if all(isinstance(part, dict) for part in parts) and not _contradictions(*parts):  # type: ignore[arg-type]
            differing.discard(name)
    return differing


def merge_journals(
    folders: Sequence[Path], out: Path, name: str, record: type[Record], key: str = "key"
) -> None:
    """Write the journals of all folders as one, sorted by key. Raises StorageError.

    A journal has what a run may need again, also what its tables leave out: of two lines with a key, one
    counts.
    """
    merged: dict[str, Record] = {}
    for folder in folders:
        with Journal(folder / name, record, key=key) as journal:
            for one, content in journal.records.items():
                if one not in merged or repr(content) < repr(merged[one]):
                    merged[one] = content
    with Journal(out / name, record, key=key) as journal:
        journal.open()
        for one in sorted(merged):
            journal.add(one, merged[one])
