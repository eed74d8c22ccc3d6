"""The cache: verdicts of mutants, and what was measured of packages and files, between runs.

A verdict is stored under what it depends on, so nothing ever expires; old files are removed. A damaged file
is as good as none.
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from goutbench.dataset.journal import Journal
from goutbench.dataset.store import write_text
from goutbench.errors import StorageError
from goutbench.golang.syntax.file import Declaration, GoFile
from goutbench.golang.toolchain.mutation import Mutant
from goutbench.mutate.results import TestedMutant
from goutbench.records import MutantStatus, short_hash

Record = TypeVar("Record")
_DAYS, _LARGEST = 30, 64 << 20  # bytes of a journal


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """A verdict with the tests that reached the mutant, and hashes of their texts. `complete`: the killers
    are all of them."""

    status: str
    tests: tuple[tuple[str, str], ...]
    killers: tuple[str, ...]
    complete: bool
    seconds: float

    def holds(self, reaching: Mapping[str, str], *, complete: bool) -> bool:
        """Whether the verdict is that of the tests that reach the mutant now.

        A killed mutant is still killed if its killers are unchanged; a mutant that survived some tests has
        survived these if they are among them.
        """
        before, now = set(self.tests), set(reaching.items())
        if self.status == MutantStatus.SURVIVED:
            return now <= before
        if self.status == MutantStatus.KILLED and self.killers:
            unchanged = {pair for pair in before if pair[0] in self.killers} <= now
            return unchanged and (not complete or (self.complete and now <= before))
        return now == before


class VerdictStore:
    """The verdicts of one package's mutants, for all threads of a run."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size > _LARGEST:
                path.unlink()
            else:
                os.utime(path)  # it is in use
        try:
            self._journal = Journal(path, StoredVerdict)
        except StorageError:
            path.unlink(missing_ok=True)
            self._journal = Journal(path, StoredVerdict)
        self._writes = True
        self._lock = threading.Lock()

    def close(self) -> None:
        self._journal.__exit__()

    def find(self, key: str, reaching: Mapping[str, str], *, complete: bool) -> StoredVerdict | None:
        verdict = self._journal.find(key)
        return verdict if verdict is not None and verdict.holds(reaching, complete=complete) else None

    def add(self, key: str, result: TestedMutant, hashes: Mapping[str, str], *, complete: bool) -> None:
        """Store a verdict; not while another run stores those of the same package."""
        if result.status is None or not result.lasting:
            return
        tests = tuple((name, hashes[name]) for name in result.reached_by)
        seconds = round(result.seconds, 3)
        record = StoredVerdict(result.status.value, tests, result.killers, complete, seconds)
        with self._lock:
            if self._writes:
                try:
                    self._journal.add(key, record)
                except StorageError:
                    self._writes = False


def verdict_key(shape: str, file: GoFile, declaration: Declaration | None, mutant: Mutant) -> str:
    """What a mutant is: its package's shape, its declaration's text, and the change there, wherever it is."""
    start, text = 0, b""
    if declaration is not None:
        start = declaration.node_start
        text = file.source[start : declaration.node_end]
    change = (mutant.operator, str(mutant.start - start), str(mutant.end - start), mutant.replacement)
    return short_hash(shape, mutant.function, text.decode("utf-8", "surrogateescape"), *change)


class FileStore(Generic[Record]):
    """Records of one dataclass, each in a file that its key names."""

    def __init__(self, folder: Path, record: type[Record]) -> None:
        self._folder, self._adapter = folder, TypeAdapter(record)
        folder.mkdir(parents=True, exist_ok=True)

    def find(self, key: str) -> Record | None:
        path = self._folder / f"{key}.json"
        try:
            record = self._adapter.validate_json(path.read_bytes())
            path.touch()  # it is in use
            return record
        except (OSError, ValueError, ValidationError):
            return None

    def add(self, key: str, record: Any) -> None:
        write_text(self._folder / f"{key}.json", json.dumps(asdict(record), separators=(",", ":")))


def remove_old(folders: Iterable[Path]) -> None:
    """Remove files that no run has used for a month."""
    for folder in folders:
        for path in folder.glob("*.json*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _DAYS * 86_400:
                    path.unlink()
