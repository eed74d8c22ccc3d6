"""Compares two records file by file, column by column, cell by cell."""

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from same_outputs.documents import ABSENT, TYPE, Document, read_document
from same_outputs.record import FOLDERS
from same_outputs.renames import Excuse, Renames
from same_outputs.rules import Normal, is_skipped

STAGE_OF_FILE = {
    "executions.parquet": "execute",
    "executions.jsonl": "execute",
    "signals.parquet": "describe",
}
"""Files that a stage writes into another one's folder."""
STAGE_OF_FOLDER = {"runs": "execute", "splits": "split"}
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_FENCED = re.compile(r"```\w*\n(.*?)\n?```", re.DOTALL)
_WIDTH = 110


@dataclass(frozen=True)
class Difference:
    """A column that differs: in how many cells, and the first of them."""

    file: str
    column: str
    cells: int
    row: int
    old: Any
    new: Any


@dataclass
class Tally:
    """The cells of one stage."""

    files: int = 0
    same_bytes: int = 0
    rows: int = 0
    cells: int = 0
    different: int = 0
    excused: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass
class Comparison:
    """What came of it."""

    stages: dict[str, Tally]
    differences: list[Difference]
    unused: list[str]
    guesses: dict[str, str]


def compare(old: Path, new: Path, renames: Renames) -> Comparison:
    """Compare two records; `renames` says what the new one calls otherwise."""
    found = Comparison(defaultdict(Tally), [], [], {})
    before, after = _read(old, renames, rename=True), _read(new, renames, rename=False)
    for path in sorted(before.keys() | after.keys()):
        tally = found.stages[_stage(path)]
        tally.files += 1
        one, other = _both(before.get(path), after.get(path))
        found.guesses |= dict(_renamed_columns(path, one, other))
        tally.rows += max(map(len, one.values()), default=0)
        for column in sorted(one.keys() | other.keys()):
            cells = one.get(column, []), other.get(column, [])
            tally.cells += max(map(len, cells))
            different = _difference(path, column, *cells)
            if different is None:
                continue
            excuse = next((each for each in renames.excuses(path, column) if _holds(each, *cells)), None)
            if excuse is None:
                tally.different += different.cells
                found.differences.append(different)
            else:
                tally.excused[excuse.why] += different.cells
                renames.used.add(f"excused: {excuse.why} ({excuse.files}, {excuse.columns})")
    for path in _paths(old):
        twin = new / renames.file(path)
        if twin.is_file() and twin.read_bytes() == (old / path).read_bytes():
            found.stages[_stage(path)].same_bytes += 1
    found.unused = renames.unused()
    found.guesses |= dict(_moved_files(before, after))
    return found


def print_comparison(found: Comparison, *, most: int) -> int:
    """Print the table and what differs; returns the exit code."""
    print(
        f"{'stage':10}{'files':>7}{'same bytes':>12}{'rows':>9}{'cells':>11}{'equal':>11}{'different':>11}"
        f"{'excused':>9}"
    )
    total = Tally()
    for stage, tally in sorted(found.stages.items()):
        _print_row(stage, tally)
        total.files, total.rows = total.files + tally.files, total.rows + tally.rows
        total.same_bytes += tally.same_bytes
        total.cells, total.different = total.cells + tally.cells, total.different + tally.different
        for why, cells in tally.excused.items():
            total.excused[why] += cells
    _print_row("all", total)
    for why, cells in total.excused.items():
        print(f"excused: {cells:,} cells: {why}")
    for entry in found.unused:
        print(f"not needed: {entry}")
    for old, new in found.guesses.items():
        print(f"renamed, by the content: {old} -> {new}")
    for each in found.differences[:most]:
        print(
            f"\n{each.file}: column {each.column!r}: {each.cells:,} cells differ, the first in row {each.row}"
        )
        for name, value in zip(("old", "new"), _excerpts(each.old, each.new), strict=True):
            print(f"  {name}: {value}")
    if len(found.differences) > most:
        print(f"\nand {len(found.differences) - most} columns more")
    return 1 if found.differences else 0


def _print_row(stage: str, tally: Tally) -> None:
    excused = sum(tally.excused.values())
    equal = tally.cells - tally.different - excused
    print(
        f"{stage:10}{tally.files:7,}{tally.same_bytes:12,}{tally.rows:9,}{tally.cells:11,}{equal:11,}"
        f"{tally.different:11,}{excused:9,}"
    )


def _read(record: Path, renames: Renames, *, rename: bool) -> dict[str, Document]:
    """Every compared file of a record, normalised; an old one's in the new version's names."""
    normal = Normal(renames, _folders(record))
    documents: dict[str, Document] = {}
    for path in _paths(record):
        document = read_document(record / path)
        name = renames.file(path) if rename else path
        if rename:
            document = {
                renames.column(name, column): [renames.cell(name, column, cell) for cell in cells]
                for column, cells in document.items()
            }
        documents[name] = document
    for name in sorted(documents):
        normal.learn(name, documents[name])
    return {normal.path(name): normal.document(name, document) for name, document in documents.items()}


def _paths(record: Path) -> Iterator[str]:
    for folder, _, files in os.walk(record):
        for name in files:
            path = Path(folder, name).relative_to(record).as_posix()
            if not is_skipped(path):
                yield path


def _folders(record: Path) -> Mapping[str, str]:
    """Paths of the machine that made a record, the longest first, and what to replace them by."""
    found: dict[str, str] = json.loads((record / FOLDERS).read_bytes())
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def _stage(path: str) -> str:
    parts = path.split("/")
    by_folder = next((STAGE_OF_FOLDER[part] for part in parts if part in STAGE_OF_FOLDER), parts[0])
    return STAGE_OF_FILE.get(parts[-1], by_folder)


def _both(old: Document | None, new: Document | None) -> tuple[Document, Document]:
    """The two sides; where a file is in one record alone, that is the one difference."""
    if old is None or new is None:
        cells = sum(map(len, (old or new or {}).values()))
        here, absent = {"the file": [f"{cells} cells"]}, {"the file": [ABSENT]}
        return (here, absent) if new is None else (absent, here)
    return old, new


def _renamed_columns(path: str, old: Document, new: Document) -> Iterator[tuple[str, str]]:
    """Columns that only one side has, with the same cells: likely a rename that is not in the map."""
    added = {repr(cells): column for column, cells in new.items() if column not in old}
    for column, cells in old.items():
        found = added.pop(repr(cells), None) if column not in new else None
        if found is not None and not column.startswith(TYPE):
            yield f"{path}: {column}", found


def _moved_files(before: Mapping[str, Document], after: Mapping[str, Document]) -> Iterator[tuple[str, str]]:
    """Files that only one record has, with the same content."""
    added = {repr(after[path]): path for path in after.keys() - before.keys()}
    for path in sorted(before.keys() - after.keys()):
        if repr(before[path]) in added:
            yield path, added[repr(before[path])]


def _difference(path: str, column: str, old: Sequence[Any], new: Sequence[Any]) -> Difference | None:
    pairs = enumerate(zip_longest(old, new, fillvalue=ABSENT), 1)
    wrong = [(row, one, other) for row, (one, other) in pairs if not _equal(one, other)]
    return Difference(path, column, len(wrong), *wrong[0]) if wrong else None


def _equal(one: Any, other: Any) -> bool:
    """Equal in value and in type: 1 is not 1.0, nor True; NaN is NaN."""
    return type(one) is type(other) and (one == other or repr(one) == repr(other))


def _holds(excuse: Excuse, old: Sequence[Any], new: Sequence[Any]) -> bool:
    if excuse.still == "rows":
        return len(old) == len(new)
    pattern = {"numbers": _NUMBER, "code": _FENCED}.get(excuse.still)
    if pattern is None:
        return True
    one, other = ("\n".join(_texts(cells)) for cells in (old, new))
    return pattern.findall(one) == pattern.findall(other)


def _texts(cell: Any) -> Iterator[str]:
    if isinstance(cell, Mapping):
        for value in cell.values():
            yield from _texts(value)
    elif isinstance(cell, Sequence) and not isinstance(cell, str):
        for value in cell:
            yield from _texts(value)
    else:
        yield str(cell)


def _excerpts(old: Any, new: Any) -> tuple[str, str]:
    """Both, from shortly before where they part."""
    one, other = (each if isinstance(each, str) else repr(each) for each in (old, new))
    same = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    start = max(0, same - 30)
    ahead = "…" if start else ""
    return tuple(f"{ahead}{each[start : start + _WIDTH]!r}" for each in (one, other))  # type: ignore[return-value]
