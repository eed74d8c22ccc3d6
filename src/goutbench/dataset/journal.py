"""Append-only journals: one JSON line per finished record, so that a killed run resumes without repeating it.

`generate` and `judge` store a model's replies by the hash of the request, `execute` its records by their id.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Generic, Self, TypeVar

from goutbench.dataset.store import storage_error
from goutbench.errors import StorageError

Record = TypeVar("Record")


def request_key(**request: Any) -> str:
    """The identity of a call: the hash of messages, model and its revision, settings and sample."""
    text = json.dumps(request, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class Journal(Generic[Record]):
    """The finished records of one dataclass by key. Use it as a context manager.

    A line holds the record's fields, preceded by the field `key` unless the record has a field of that name.
    `decode` makes a record of a line's fields; without it the record must be flat. The file appears with the
    first record, or with `open`. A last line that a kill cut short is removed. Raises StorageError where the
    file cannot be read or written, or where another version wrote it.
    """

    def __init__(
        self,
        path: Path,
        record: type[Record],
        *,
        key: str = "key",
        decode: Callable[[dict[str, Any]], Record] | None = None,
    ) -> None:
        self._path = path
        self._key = key
        self._is_own_field = key not in {field.name for field in fields(record)}  # type: ignore[arg-type]
        self._decode = decode or (lambda row: record(**row))
        self._records: dict[str, Record] = {}
        self._file: IO[bytes] | None = None
        try:
            self._read()
        except OSError as error:
            raise storage_error(error, self._path) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return len(self._records)

    @property
    def records(self) -> Mapping[str, Record]:
        """All records by key, in the order in which they were first written."""
        return MappingProxyType(self._records)

    def find(self, key: str) -> Record | None:
        """The record of this key; None where there is none yet."""
        return self._records.get(key)

    def open(self) -> None:
        """Create the file, so that a folder that cannot be written is an error before the work starts."""
        if self._file is None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("ab", buffering=0)
            except OSError as error:
                raise storage_error(error, self._path) from None

    def add(self, key: str, record: Record) -> None:
        """Append a record in one write: a kill leaves at most one incomplete line, at the end."""
        row = {self._key: key, **asdict(record)}  # type: ignore[call-overload]
        line = json.dumps(row, ensure_ascii=True, separators=(",", ":"))
        self.open()
        assert self._file is not None
        try:
            self._file.write(line.encode("ascii") + b"\n")
        except OSError as error:
            raise storage_error(error, self._path) from None
        self._records[key] = record

    def _read(self) -> None:
        if not self._path.is_file():
            return
        *lines, incomplete = self._path.read_bytes().split(b"\n")
        if incomplete:
            with self._path.open("r+b") as file:
                file.truncate(sum(len(line) + 1 for line in lines))
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                key = row.pop(self._key) if self._is_own_field else row[self._key]
                self._records[key] = self._decode(row)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise StorageError(
                    f"not a journal of this version: {error}",
                    where=f"{self._path}:{number}",
                    hint="give another --out",
                ) from None
