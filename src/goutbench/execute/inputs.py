"""Read what to execute: pairs from a dataset folder, candidates from Parquet or JSON lines."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from goutbench.dataset.store import LOCK, data_files, read_table, rewrite_hint
from goutbench.errors import ConfigError, DatasetError
from goutbench.execute.ladder.cgo import CGO_OFF
from goutbench.locations import dataset_bases, source_folders
from goutbench.records import Candidate, Status, short_hash

REFERENCE = "reference"
REFERENCE_TABLE = "reference.parquet"


class PairLike(Protocol):
    """The fields of a Pair that execution needs."""

    @property
    def id(self) -> str: ...
    @property
    def repository(self) -> str: ...
    @property
    def revision(self) -> str: ...
    @property
    def code_path(self) -> str: ...
    @property
    def test_path(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PairLocation:
    """A Pair without its texts: where its files are."""

    id: str
    repository: str
    revision: str
    code_path: str
    test_path: str


def read_locations(dataset: Path) -> dict[str, PairLocation]:
    """All pairs of the dataset by id, without their texts. Raises DatasetError."""
    columns = ("id", "repository", "revision", "code_path", "test_path")
    return {row["id"]: PairLocation(**row) for row in _dataset_rows(dataset, columns)}


def read_sources(dataset: Path) -> dict[str, str]:
    """The source of each repository in `repos.lock.yaml`, as an existing folder where it is one.

    Executions use it for repositories that are not in the folder of repositories.
    """
    from goutbench.config import load_lock

    path = dataset / LOCK
    if not path.is_file():
        return {}
    sources = {entry.settings.name: entry.settings.source for entry in load_lock(path).repositories}
    for name, source in sources.items():
        folders = (folder for folder in source_folders(source, dataset_bases(dataset)) if folder.is_dir())
        sources[name] = str(next((folder.resolve() for folder in folders), source))
    return sources


def read_excluded(dataset: Path, *, cgo: bool = False) -> dict[str, str]:
    """The reason for each pair whose own reference test could not run on this machine.

    With `cgo`, a reference that only lacked cgo does not count. Raises DatasetError.
    """
    path = dataset / REFERENCE_TABLE
    if not path.is_file():
        return {}
    return {
        row["id"]: f"the pair's reference test could not be run either: {row['reference_reason']}"
        for row in _rows(path, ("id", "reference_status", "reference_reason"))
        if row["reference_status"] == Status.INFRA_FAILURE
        and not (cgo and row["reference_reason"] == CGO_OFF)
    }


def reference_candidates(dataset: Path, only: Collection[str] | None = None) -> Iterator[Candidate]:
    """The repositories' own tests as candidates, of the pair ids `only` or of all. Raises DatasetError."""
    for row in _dataset_rows(dataset, ("id", "test")):
        if only is None or row["id"] in only:
            yield text_candidate(row["id"], REFERENCE, row["test"], mode=REFERENCE)


def text_candidate(pair_id: str, model: str, code: str, *, mode: str = "append") -> Candidate:
    """A candidate from a text alone; its id is the hash of pair id, model and text."""
    text = code.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return Candidate(short_hash(pair_id, model, text), pair_id, model, (), code, None, mode, ())


def read_candidates(path: Path) -> list[Candidate]:
    """Candidates from a `.parquet` file or JSON lines; `pair_id`, `model` and `code` are required.

    Bytes that are not UTF-8 stay in the code as surrogates: the candidate gets a record, not an exception.
    Raises ConfigError, with the line, for anything that is not a candidate.
    """
    if not path.is_file():
        raise ConfigError("no such file", where=str(path), hint="give candidates (.parquet or .jsonl)")
    if path.suffix != ".parquet":
        candidates = [_candidate(row, where) for where, row in _json_rows(path)]
    else:
        try:
            rows = _rows(path)
        except DatasetError as error:
            raise ConfigError(f"not readable as Parquet: {error.what}", where=str(path)) from error
        candidates = [_candidate(row, f"{path}, row {number}") for number, row in enumerate(rows)]
    if not candidates:
        raise ConfigError("the file holds no candidates", where=str(path))
    return candidates


def _candidate(row: dict[str, Any], where: str) -> Candidate:
    missing = [name for name in ("pair_id", "model", "code") if not isinstance(row.get(name), str)]
    if missing:
        raise ConfigError(f"a candidate needs the text {', '.join(missing)}", where=where)
    pair_id, model = (row[name].encode("utf-8", "replace").decode() for name in ("pair_id", "model"))
    candidate = text_candidate(pair_id, model, row["code"], mode=str(row.get("mode") or "append"))
    focal, sample = row.get("focal") or (), row.get("sample") or 0
    if not isinstance(focal, list | tuple) or not all(isinstance(key, str) for key in focal):
        raise ConfigError("`focal` is not a list of texts", where=where)
    if not isinstance(sample, int) or sample < 0:
        raise ConfigError("`sample` is not a number from 0", where=where)
    if not row.get("id"):
        if not focal and not sample:
            return candidate
        # equal texts are distinct candidates for other functions, or as other samples
        id = short_hash(pair_id, model, candidate.code, *focal, str(sample))
        return replace(candidate, id=id, focal=tuple(focal), sample=sample)
    return Candidate(
        str(row["id"]), pair_id, model, tuple(row.get("completion_ids") or ()), candidate.code,
        row.get("package"), candidate.mode, (), tuple(focal), sample, int(row.get("round") or 0),
    )  # fmt: skip


def _json_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ConfigError(f"not JSON: {error}", where=where) from error
            if not isinstance(row, dict):
                raise ConfigError("a line is not a JSON object", where=where)
            yield where, row


def _dataset_rows(dataset: Path, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    files = data_files(dataset)
    if not files:
        raise DatasetError(
            "the dataset has no pairs", where=str(dataset), hint="run `goutbench curate` again"
        )
    for path in files:
        yield from _rows(path, columns)


def _rows(path: Path, columns: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The named columns of a Parquet file, or all. All pages are read, so that damage anywhere is detected.

    Raises DatasetError.
    """
    try:
        table = read_table(path)
        if missing := set(columns) - set(table.column_names):
            what = f"missing columns: {', '.join(sorted(missing))}"
            raise DatasetError(what, where=str(path), hint=rewrite_hint(path))
        rows: list[dict[str, Any]] = (table.select(columns) if columns else table).to_pylist()
    except UnicodeDecodeError as error:
        raise DatasetError(f"unreadable: {error}", where=str(path), hint=rewrite_hint(path)) from None
    return rows
