"""Answers that were paid for: one JSON line each, so that no call is ever made twice.

A key is the hash of the whole request: messages, model and its revision, settings, sample. Errors are never
written, so that the next run asks again.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Generic, Self, TypeVar

from goutbench.dataset.store import storage_error
from goutbench.errors import StorageError

Answer = TypeVar("Answer")


def request_key(**request: Any) -> str:
    """The identity of a call."""
    text = json.dumps(request, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class Journal(Generic[Answer]):
    """The answers of one type, a flat dataclass, by request. Use it as a context manager.

    The file appears with the first answer. A last line that was cut short by a kill is dropped. Raises
    StorageError where the file cannot be read or written, or is another version's.
    """

    def __init__(self, path: Path, answer: type[Answer]) -> None:
        self._path, self._answer = path, answer
        self._done: dict[str, Answer] = {}
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
        return len(self._done)

    def find(self, key: str) -> Answer | None:
        """The answer to an earlier call, if there is one."""
        return self._done.get(key)

    def add(self, key: str, answer: Answer) -> None:
        """Write an answer down, in one write."""
        row = {"key": key, **asdict(answer)}  # type: ignore[call-overload]
        line = json.dumps(row, ensure_ascii=True, separators=(",", ":"))
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("ab", buffering=0)
            self._file.write(line.encode("ascii") + b"\n")
        except OSError as error:
            raise storage_error(error, self._path) from None
        self._done[key] = answer

    def _read(self) -> None:
        if not self._path.is_file():
            return
        lines = self._path.read_bytes().split(b"\n")
        if lines[-1]:  # a kill in the middle of a write
            whole = sum(len(line) + 1 for line in lines[:-1])
            with self._path.open("r+b") as file:
                file.truncate(whole)
        for number, line in enumerate(lines[:-1], 1):
            try:
                row = json.loads(line)
                key = row.pop("key")
                self._done[key] = self._answer(**row)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                where, hint = f"{self._path}:{number}", "give another --out"
                raise StorageError(
                    f"not a journal of this version: {error}", where=where, hint=hint
                ) from None
