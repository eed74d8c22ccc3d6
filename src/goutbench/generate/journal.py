"""Completions that were paid for: one JSON line each, so that no call is ever made twice.

A key is the hash of the whole request: messages, model and its revision, settings, sample and round. Errors
are never written, so that the next run asks again.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from goutbench.errors import StorageError
from goutbench.records import Completion
from goutbench.store import storage_error

JOURNAL = "completions.jsonl"


def request_key(**request: Any) -> str:
    """The identity of a call."""
    text = json.dumps(request, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class Journal:
    """The completions of a run folder by request. Use it as a context manager.

    A last line that was cut short by a kill is dropped. Raises StorageError where the folder cannot be
    written, or holds another version's journal.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL
        self._done: dict[str, Completion] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._read()
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            raise storage_error(error, self._path) from None

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *reason: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._done)

    def find(self, key: str) -> Completion | None:
        """The completion of an earlier call, if there is one."""
        return self._done.get(key)

    def add(self, key: str, completion: Completion) -> None:
        """Write a completion down, in one write."""
        line = json.dumps({"key": key, **asdict(completion)}, ensure_ascii=True, separators=(",", ":"))
        try:
            self._file.write(line.encode("ascii") + b"\n")
        except OSError as error:
            raise storage_error(error, self._path) from None
        self._done[key] = completion

    def _read(self) -> None:
        if not self._path.is_file():
            return
        lines = self._path.read_bytes().split(b"\n")
        if lines[-1]:  # a kill in the middle of a write
            self._path.write_bytes(b"".join(line + b"\n" for line in lines[:-1]))
        for number, line in enumerate(lines[:-1], 1):
            try:
                row = json.loads(line)
                self._done[row.pop("key")] = Completion(**row)
            except (ValueError, TypeError, KeyError) as error:
                where, mend = f"{self._path}:{number}", "give another --out"
                raise StorageError(
                    f"not a journal of this version: {error}", where=where, mend=mend
                ) from None
