"""Journals in object storage. An object cannot grow, so a journal is a folder of numbered segments there.

Each has complete lines, is written once, and follows the one before: together they are a beginning of the
journal, however a run ends.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from goutbench.dataset.store import atomic_file
from goutbench.errors import StorageError
from goutbench.storage.address import RemoteConflict, remote_errors
from goutbench.storage.index import tag_of

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

JOURNAL_NAMES = ("completions.jsonl", "executions.jsonl", "answers.jsonl")
"""The append-only files of runs, whose results are paid for one by one."""

FOLDER_ENDING = ".segments"
_ANOTHER = "another run is writing here"
_HINT = "wait until it ends, or give another --out"


class SegmentedJournal:
    """One journal: the local file, and its segments in the folder of a URL, with their `tags` in order."""

    def __init__(self, file: Path, folder: str, fs: "AbstractFileSystem", tags: dict[str, str]) -> None:
        self._file, self._folder, self._fs = file, folder, fs
        self._tags = tags
        self._bytes: int | None = None

    def bring(self, remote: dict[str, dict[str, Any]]) -> None:
        """Make the local journal have at least what these segments have; the arguments are their details.

        A local journal that begins with them stays. Raises StorageError where they differ.
        """
        tags = {name: tag_of(info) for name, info in sorted(remote.items())}
        size = sum(int(info["size"]) for info in remote.values())
        if not (tags == self._tags and self._file.is_file() and self._file.stat().st_size >= size):
            with remote_errors(self._folder):
                content = b"".join(self._fs.cat_file(f"{self._folder}/{name}") for name in tags)
            self._replace(content)
        self._tags.clear()
        self._tags.update(tags)
        self._bytes = size

    def continued(self, tags: dict[str, str]) -> dict[str, str]:
        """The tags of this journal, with what another command of this machine has added to its segments."""
        if list(tags.items())[: len(self._tags)] == list(self._tags.items()):
            if tags != self._tags:
                self._bytes = None
            self._tags.update(tags)
        return self._tags

    def _replace(self, content: bytes) -> None:
        local = self._file.read_bytes() if self._file.is_file() else b""
        if local.startswith(content):
            return
        if not content.startswith(local[: local.rfind(b"\n") + 1]):
            hint = f"continue on one machine, after removing the local copy {self._file}"
            raise StorageError("two machines have written this journal", where=self._folder, hint=hint)
        with atomic_file(self._file) as partial:
            partial.write_bytes(content)

    def push(self) -> None:
        """Write what the journal has beyond its segments as a new one. Raises StorageError."""
        if not self._file.is_file():
            return
        if self._bytes is None:
            with remote_errors(self._folder):
                infos = [self._fs.info(f"{self._folder}/{name}") for name in self._tags]
            self._bytes = sum(int(info["size"]) for info in infos)
        start = self._bytes
        if self._file.stat().st_size <= start:
            return
        with self._file.open("rb") as file:
            file.seek(start)
            content = file.read()
        content = content[: content.rfind(b"\n") + 1]  # a line may be in the making
        if not content:
            return
        name = f"{len(self._tags) + 1:06d}.jsonl"
        path = f"{self._folder}/{name}"
        with remote_errors(path):
            try:
                self._fs.pipe_file(path, content, mode="create")
            except FileExistsError:
                if self._fs.cat_file(path) != content:  # else a repeated request: the first one arrived
                    raise RemoteConflict(_ANOTHER, where=self._folder, hint=_HINT) from None
            self._tags[name] = tag_of(self._fs.info(path))
        self._bytes = start + len(content)
