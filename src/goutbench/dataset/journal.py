"""Append-only journals: one JSON line per finished record, so that a killed run resumes without repeating it.

`generate` and `judge` store a model's replies by the hash of the request, `execute` its records by their id.
"""

import fcntl
import hashlib
import json
import os
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Generic, Self, TypeVar

from pydantic import TypeAdapter, ValidationError

from goutbench.dataset.store import storage_error
from goutbench.errors import StorageError
from goutbench.records import table_number

Record = TypeVar("Record")
_CHECKSUM = re.compile(rb',"crc32":"([0-9a-f]{8})"\}$')


def request_key(**request: Any) -> str:
    """The identity of a call: the hash of messages, model and its revision, settings and sample."""
    text = json.dumps(request, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class Journal(Generic[Record]):
    """The finished records of one dataclass by key. Use it as a context manager.

    A line holds the record's fields, preceded by the field `key` unless the record has a field of that name,
    and followed by a checksum, which older journals lack. The file appears with the first record, or with
    `open`, which also locks it for this process. A last line that a kill cut short is removed then. Raises
    StorageError where the file cannot be read or written, where another run writes to it, where a line is
    damaged, or where another version wrote it.
    """

    def __init__(self, path: Path, record: type[Record], *, key: str = "key") -> None:
        self._path = path
        self._key = key
        names = {field.name for field in fields(record)}  # type: ignore[arg-type]
        self._is_own_field = key not in names
        self._names = names | {key}
        self._adapter = TypeAdapter(record)
        self._records: dict[str, Record] = {}
        self._complete = 0  # bytes of complete lines
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
        """Create and lock the file, so that what would stop a run is an error before the work starts."""
        if self._file is not None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                hint = "wait until it ends, or give another --out"
                raise StorageError("another run is writing here", where=str(self._path), hint=hint) from None
            if os.fstat(self._file.fileno()).st_size != self._complete:  # another run ended meanwhile
                self._read()
                self._file.truncate(self._complete)
        except BaseException as error:
            self.__exit__()
            self._file = None
            if isinstance(error, OSError):
                raise storage_error(error, self._path) from None
            raise

    def add(self, key: str, record: Record) -> None:
        """Append a record in one write: a kill leaves at most one incomplete line, at the end."""
        row = {self._key: key, **asdict(record)}  # type: ignore[call-overload]
        line = json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode("ascii")
        self.open()
        assert self._file is not None
        try:
            self._file.write(b'%s,"crc32":"%08x"}\n' % (line[:-1], zlib.crc32(line)))
        except OSError as error:
            raise storage_error(error, self._path) from None
        self._records[key] = record

    def _read(self) -> None:
        """Read all complete lines anew; an incomplete one is what a kill has cut short."""
        self._records.clear()
        if not self._path.is_file():
            return
        *lines, incomplete = (content := self._path.read_bytes()).split(b"\n")
        self._complete = len(content) - len(incomplete)
        for number, line in enumerate(lines, 1):
            try:
                key, record = self._decode(line)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                raise StorageError(
                    f"a damaged line, or a journal of another version: {_reason(error)}",
                    where=f"{self._path}:{number}",
                    hint=f"remove line {number}, and its record is made again; or give another --out",
                ) from None
            self._records[key] = record

    def _decode(self, line: bytes) -> tuple[str, Record]:
        """The key and the record of a line. Raises ValueError, TypeError, KeyError or AttributeError."""
        if checksum := _CHECKSUM.search(line):
            line = line[: checksum.start()] + b"}"
            if zlib.crc32(line) != int(checksum[1], 16):
                raise ValueError("its checksum is wrong")
        row = json.loads(line, parse_int=table_number)
        key = row[self._key]
        if not isinstance(key, str) or not row.keys() <= self._names:
            raise ValueError(f"unknown fields: {', '.join(sorted(row.keys() - self._names))}")
        if self._is_own_field:
            del row[self._key]
        return key, self._adapter.validate_json(json.dumps(row), strict=True)


def _reason(error: Exception) -> str:
    """Why a line cannot be read, without its content."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)
