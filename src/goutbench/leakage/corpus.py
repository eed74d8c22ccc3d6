"""Rows of anything that may hold code: datasets, Parquet, JSON lines, JSON arrays, folders of Go files."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goutbench.dataset.store import MANIFEST, data_files
from goutbench.errors import ConfigError, first_line

_CODE = ("code", "Code")
_TEST = ("test", "Unit Test - (Ground Truth)")
_TEXT = ("text", "content")
_KNOWN = {"code": _CODE, "test": _TEST, "text": _TEXT}
_HASHES = ("sha256", "SHA256")
_HINT = "give the columns to compare with --column"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a corpus: the file it is counted with, its place there, its hash, its texts by column."""

    file: str
    place: str
    id: str
    hash: str
    texts: tuple[tuple[str, str], ...]


def read_rows(paths: Sequence[Path], columns: Sequence[str] = ()) -> Iterator[Row]:
    """The rows of files, folders and datasets, in a fixed order, a few in memory at a time.

    Texts are in the columns named, else in those of our datasets, of the paper's published files, or `text`
    or `content`. A JSON array is read whole. Raises ConfigError, DatasetError.
    """
    for path in paths:
        if (path / MANIFEST).is_file():
            for file in data_files(path):
                yield from _table(file, columns)
        elif path.is_dir():
            yield from _folder(path, columns)
        else:
            yield from _table(path, columns)


def _folder(folder: Path, columns: Sequence[str]) -> Iterator[Row]:
    found = False
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".go" and path.is_file():
            found = True
            text = path.read_bytes().decode("utf-8", "replace")
            yield Row(str(folder), str(path), str(path), _hash(text), (("text", text),))
        elif path.suffix in _TABLES and path.is_file():
            found = True
            yield from _table(path, columns)
    if not found:
        what = "no .go, .parquet, .jsonl or .json file below this folder"
        raise ConfigError(what, where=str(folder), hint="give a corpus")


def _table(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    number = 0
    for number, row in enumerate(_raw_rows(path, columns), 1):
        place = f"{path}:{number}"
        texts = tuple(_texts(row, columns, place))
        hashes = (row[name] for name in _HASHES if isinstance(row.get(name), str))
        identity = row["id"] if isinstance(row.get("id"), str) else place
        yield Row(str(path), place, identity, next(hashes, None) or _hash(texts[0][1]), texts)
    if not number:
        raise ConfigError("there is no row in it", where=str(path), hint="leave it out")


def _texts(row: dict[str, Any], columns: Sequence[str], place: str) -> Iterator[tuple[str, str]]:
    wanted = {name: (name,) for name in columns} or _KNOWN
    found = False
    for side, names in wanted.items():
        for name in names:
            if isinstance(row.get(name), str):
                found = True
                yield side, row[name]
    if not found:
        has = ", ".join(repr(name) for name in row)
        raise ConfigError(f"no text that can be compared; it has {has}", where=place, hint=_HINT)


def _raw_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    if path.suffix not in _TABLES:
        hint = "a dataset, a folder, .parquet, .jsonl or .json"
        raise ConfigError("cannot tell what this is", where=str(path), hint=hint)
    try:
        for number, row in enumerate(_TABLES[path.suffix](path, columns), 1):
            if not isinstance(row, dict):
                raise ConfigError("not a JSON object", where=f"{path}:{number}", hint="one object a row")
            yield row
    except OSError as error:
        raise ConfigError(error.strerror or str(error), where=str(path), hint="give a whole file") from None
    except ValueError as error:  # not JSON, not UTF-8, not Parquet
        what = f"unreadable: {first_line(error)}"
        raise ConfigError(what, where=str(path), hint="give a whole file") from None


def _parquet(path: Path, wanted: Sequence[str]) -> Iterator[Any]:
    import pyarrow.parquet as pq

    names = {*_HASHES, "id", *wanted, *_CODE, *_TEST, *_TEXT}
    with pq.ParquetFile(path) as file:
        columns = [name for name in file.schema_arrow.names if name in names] or None
        for batch in file.iter_batches(batch_size=256, columns=columns):
            yield from batch.to_pylist()


def _json_lines(path: Path, wanted: Sequence[str]) -> Iterator[Any]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def _json_array(path: Path, wanted: Sequence[str]) -> Iterator[Any]:
    """The objects of an array; a file that begins with an object is read as JSON lines."""
    with path.open(encoding="utf-8") as handle:
        if handle.read(1) == "{":
            yield from _json_lines(path, wanted)
            return
    content = json.loads(path.read_text(encoding="utf-8"))
    yield from content if isinstance(content, list) else [content]


_TABLES: dict[str, Callable[[Path, Sequence[str]], Iterator[Any]]] = {
    ".parquet": _parquet,
    ".jsonl": _json_lines,
    ".json": _json_array,
}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
