"""Rows of corpora with code: datasets, Parquet, JSON lines, JSON arrays, folders of Go files."""

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
_DEFAULT_COLUMNS = {"code": _CODE, "test": _TEST, "text": _TEXT}
_HASHES = ("sha256", "SHA256")


@dataclass(frozen=True, slots=True)
class CorpusRow:
    """A row of a corpus. It is counted with `file`; `location` is `file:row` or a path."""

    file: str
    location: str
    id: str
    hash: str
    texts: tuple[tuple[str, str], ...]  # (side or column, text)


def read_rows(paths: Sequence[Path], columns: Sequence[str] = ()) -> Iterator[CorpusRow]:
    """The rows of files, folders and datasets, in a fixed order, with few of them in memory.

    Their texts are in `columns`; by default in those of our datasets or of the paper's published files, or in
    `text` or `content`. A JSON array is read at once. Raises ConfigError, DatasetError.
    """
    for path in paths:
        if (path / MANIFEST).is_file():
            for file in data_files(path):
                yield from _file_rows(file, columns)
        elif path.is_dir():
            yield from _folder(path, columns)
        else:
            yield from _file_rows(path, columns)


def _folder(folder: Path, columns: Sequence[str]) -> Iterator[CorpusRow]:
    is_empty = True
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".go" and path.is_file():
            is_empty = False
            text = path.read_bytes().decode("utf-8", "replace")
            yield CorpusRow(str(folder), str(path), str(path), _hash(text), (("text", text),))
        elif path.suffix in READERS and path.is_file():
            is_empty = False
            yield from _file_rows(path, columns)
    if is_empty:
        what = "no .go, .parquet, .jsonl or .json file in this folder"
        raise ConfigError(what, where=str(folder), hint="give a corpus")


def _file_rows(path: Path, columns: Sequence[str]) -> Iterator[CorpusRow]:
    number = 0
    for number, row in enumerate(_raw_rows(path, columns), 1):
        location = f"{path}:{number}"
        texts = tuple(_texts(row, columns, location))
        hashes = (row[name] for name in _HASHES if isinstance(row.get(name), str))
        identity = row["id"] if isinstance(row.get("id"), str) else location
        yield CorpusRow(str(path), location, identity, next(hashes, None) or _hash(texts[0][1]), texts)
    if not number:
        raise ConfigError("the file has no rows", where=str(path), hint="do not name this file")


def _texts(row: dict[str, Any], columns: Sequence[str], where: str) -> Iterator[tuple[str, str]]:
    names_by_side = {name: (name,) for name in columns} or _DEFAULT_COLUMNS
    has_text = False
    for side, names in names_by_side.items():
        for name in names:
            if isinstance(row.get(name), str):
                has_text = True
                yield side, row[name]
    if not has_text:
        columns_of_row = ", ".join(repr(name) for name in row)
        what = f"no column with text to compare; the columns are {columns_of_row}"
        raise ConfigError(what, where=where, hint="name the columns to compare with --column")


def _raw_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    if path.suffix not in READERS:
        hint = "give a dataset, a folder, or a .parquet, .jsonl or .json file"
        raise ConfigError("unknown kind of corpus", where=str(path), hint=hint)
    try:
        for number, row in enumerate(READERS[path.suffix](path, columns), 1):
            if not isinstance(row, dict):
                raise ConfigError(
                    "not a JSON object", where=f"{path}:{number}", hint="write one object per row"
                )
            yield row
    except OSError as error:
        raise ConfigError(
            error.strerror or str(error), where=str(path), hint="give a readable file"
        ) from None
    except ValueError as error:  # not JSON, not UTF-8, not Parquet
        what = f"unreadable: {first_line(error)}"
        raise ConfigError(what, where=str(path), hint="give a complete file") from None


def parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    import pyarrow.parquet as pq

    names = {*_HASHES, "id", *columns, *_CODE, *_TEST, *_TEXT}
    with pq.ParquetFile(path) as file:
        existing = [name for name in file.schema_arrow.names if name in names] or None
        for batch in file.iter_batches(batch_size=256, columns=existing):
            yield from batch.to_pylist()


def json_lines(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def json_array(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    """The objects of an array; a file that starts with an object is read as JSON lines."""
    with path.open(encoding="utf-8") as handle:
        if handle.read(1) == "{":
            yield from json_lines(path, columns)
            return
    content = json.loads(path.read_text(encoding="utf-8"))
    yield from content if isinstance(content, list) else [content]


READERS: dict[str, Callable[[Path, Sequence[str]], Iterator[Any]]] = {
    ".parquet": parquet_rows,
    ".jsonl": json_lines,
    ".json": json_array,
}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
