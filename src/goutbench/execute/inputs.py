"""Reading what is to be executed: pairs of a dataset folder, and candidates from Parquet or JSON lines."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from goutbench.errors import ConfigError, DatasetError
from goutbench.records import Candidate, short_hash

REFERENCE = "reference"
REFERENCE_TABLE = "reference.parquet"


class PairLike(Protocol):
    """The part of a Pair that execution needs."""

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
class PairPlace:
    """Where a pair's files lie; a Pair without its texts."""

    id: str
    repository: str
    revision: str
    code_path: str
    test_path: str


_PLACE = ("id", "repository", "revision", "code_path", "test_path")


def read_places(dataset: Path) -> dict[str, PairPlace]:
    """Every pair of the dataset by id, without its texts. Raises DatasetError."""
    return {row["id"]: PairPlace(**row) for row in _rows(dataset, _PLACE)}


def read_sources(dataset: Path) -> dict[str, str]:
    """Repository name → the source that `repos.lock.yaml` names, for what is not in the cache folder."""
    from goutbench.config import load_lock
    from goutbench.dataset.store import LOCK

    path = dataset / LOCK
    if not path.is_file():
        return {}
    return {entry.settings.name: entry.settings.source for entry in load_lock(path).repositories}


def read_barred(dataset: Path) -> dict[str, str]:
    """Pair id → reason, for pairs whose own reference test could not be run on this machine."""
    import pyarrow.parquet as pq

    path = dataset / REFERENCE_TABLE
    if not path.is_file():
        return {}
    columns = ["id", "reference_status", "reference_reason"]
    return {
        row["id"]: f"the pair's reference test could not be run either: {row['reference_reason']}"
        for row in pq.read_table(path, columns=columns).to_pylist()
        if row["reference_status"] == "INFRA_FAILURE"
    }


def reference_candidates(dataset: Path, only: Collection[str] | None = None) -> Iterator[Candidate]:
    """The repositories' own tests as candidates; of `only` these pair ids, or of all."""
    for row in _rows(dataset, ("id", "test")):
        if only is None or row["id"] in only:
            yield candidate(row["id"], REFERENCE, row["test"], mode=REFERENCE)


def candidate(pair_id: str, model: str, code: str, *, mode: str = "append") -> Candidate:
    """A candidate made of a text alone; its id is the hash of the three."""
    text = code.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return Candidate(short_hash(pair_id, model, text), pair_id, model, (), code, None, mode, ())


def read_candidates(path: Path) -> list[Candidate]:
    """Candidates from a `.parquet` file or JSON lines; `pair_id`, `model` and `code` are needed.

    Bytes that are not UTF-8 stay in the code as surrogates: the candidate gets a record, not an exception.
    Raises ConfigError with the line for anything that is no candidate at all.
    """
    if not path.is_file():
        raise ConfigError(
            "there is no such file", where=str(path), hint="give candidates (.parquet or .jsonl)"
        )
    rows = _parquet_rows(path) if path.suffix == ".parquet" else _json_rows(path)
    found = [_candidate(row, where) for where, row in rows]
    if not found:
        raise ConfigError("there is no candidate in it", where=str(path))
    return found


def _candidate(row: dict[str, Any], where: str) -> Candidate:
    missing = [name for name in ("pair_id", "model", "code") if not isinstance(row.get(name), str)]
    if missing:
        raise ConfigError(f"a candidate needs the text {', '.join(missing)}", where=where)
    pair_id, model = (row[name].encode("utf-8", "replace").decode() for name in ("pair_id", "model"))
    made = candidate(pair_id, model, row["code"], mode=str(row.get("mode") or "append"))
    given = row.get("id")
    if not given:
        return made
    return Candidate(
        str(given), made.pair_id, made.model, tuple(row.get("completion_ids") or ()), made.code,
        row.get("package"), made.mode, (), tuple(row.get("focal") or ()), int(row.get("sample") or 0),
        int(row.get("round") or 0),
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


def _parquet_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"not readable as Parquet: {error}", where=str(path)) from error
    for number, row in enumerate(table.to_pylist()):
        yield f"{path}, row {number}", row


def _rows(dataset: Path, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted((dataset / "data").glob("*.parquet"))
    if not files:
        raise DatasetError("there is no data/*.parquet", where=str(dataset), hint="give a dataset folder")
    for file in files:
        try:
            yield from pq.read_table(file, columns=list(columns)).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(f"not readable: {error}", where=str(file), hint="curate it again") from error
