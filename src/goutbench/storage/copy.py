"""The local copy of one remote folder or object: brought before a command, pushed during and after it."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goutbench.errors import StorageError
from goutbench.storage.address import Address, RemoteConflict, remote_errors
from goutbench.storage.index import Synced, SyncIndex, tag_of
from goutbench.storage.journals import FOLDER_ENDING, JOURNAL_NAMES, SegmentedJournal

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_LAST = ("run.json", "manifest.json")
"""What says that a folder is complete is written when everything else is."""


class LocalCopy:
    """A copy in the folder `cache`. `path` is what a command gets in place of the address.

    The remote side counts: an object that another machine has changed replaces the local file. An object has
    its final name when it is complete, because storage writes one in a single step.
    """

    def __init__(self, address: Address, cache: Path) -> None:
        self.address = address
        home = cache / hashlib.sha256(str(address).encode()).hexdigest()[:16]
        self._folder = home / "files"
        self.path = self._folder / address.name
        self._lock = home / "lock"
        self._fs: AbstractFileSystem = address.open()
        self._index = SyncIndex(home / "index.json")
        self._journals: dict[str, SegmentedJournal] = {}
        self._present: set[str] = set()
        """The files that this command had: one that is missing at the end was deleted by it."""

    @property
    def unsent(self) -> bool:
        """Whether an earlier command was finished but could not send all, and nobody has written since."""
        return self._index.unsent

    def bring(self) -> None:
        """Make the local files those of the remote side. Raises StorageError."""
        with self._synced():
            self._folder.mkdir(parents=True, exist_ok=True)  # a bucket is there, too
            objects = self._remote_objects()
            segments: dict[str, dict[str, dict[str, Any]]] = {}
            for name in [name for name in objects if FOLDER_ENDING + "/" in name]:
                journal, _, segment = name.partition(FOLDER_ENDING + "/")
                segments.setdefault(journal, {})[segment] = objects.pop(name)
            for name in [name for name in self._index.files if name not in objects]:
                self._forget(name)
            self._download({name: info for name, info in objects.items() if not self._has(name, info)})
            for name in self._index.segments.keys() - segments.keys():
                if self._index.segments.pop(name):  # else no line of it has been sent yet
                    (self._folder / name).unlink(missing_ok=True)
                self._journals.pop(name, None)
            for name, parts in segments.items():
                self._journal(name).bring(parts)
            self._present = {name for name in self._index.files if (self._folder / name).is_file()}

    def push(self, *, finished: bool) -> None:
        """Write what changed to the remote side: while a command runs its journals and what describes them.

        When it is `finished` also everything else, with the names that mean completeness at the end. Raises
        StorageError, also where another machine has changed the same.
        """
        with self._synced():
            files = self._local_files()
            journals = [name for name, path in files.items() if path.name in JOURNAL_NAMES]
            changed = [name for name in files if name not in journals and self._is_changed(name)]
            deleted = sorted(name for name in self._present if not (self._folder / name).exists())
            if finished and (changed or deleted):
                self._index.unsent = True
                self._index.write()  # also for what is killed now
            early = [name for name in changed if name.endswith(".json") and files[name].name not in _LAST]
            for name in early:
                self._upload(name)
            for name in journals:
                self._journal(name).push()
            if finished:
                rest = [name for name in changed if name not in early]
                for name in sorted(rest, key=lambda name: (files[name].name in _LAST, name)):
                    self._upload(name)
                for name in deleted:
                    self._remove(name)
                self._index.unsent = False

    def _is_changed(self, name: str) -> bool:
        """Whether the content of a file is another than that of its object; its time alone is not enough."""
        entry, path = self._index.files.get(name), self._folder / name
        if entry is None or not entry.is_of(path):
            modified = path.stat().st_mtime_ns
            if entry is None or not entry.has_content_of(path):
                return True
            self._index.files[name] = replace(entry, modified=modified)
        return False

    def _remote_objects(self) -> dict[str, dict[str, Any]]:
        """The details of the address, of all below it and of what a command writes beside it, by name."""
        path, parent = self.address.path, self.address.parent
        with remote_errors(str(self.address)):
            details = dict(self._fs.find(path, detail=True))
            if path not in details and self._fs.isfile(path):
                details[path] = self._fs.info(path)
            if "." in self.address.name.strip("."):  # a page has a folder of its tables and items
                details |= self._fs.find(f"{path.rpartition('.')[0]}_files", detail=True)
                for full in {self._remote(name) for name in self._index.files} - details.keys():
                    with suppress(FileNotFoundError):
                        details[full] = self._fs.info(full)
        names = {full.removeprefix(f"{parent}/"): info for full, info in details.items()}
        return {
            name: info
            for name, info in names.items()
            if _is_safe(name) and not self._is_hidden(name) and info["type"] == "file"
        }

    def _is_hidden(self, name: str) -> bool:
        """Whether a name is none of a dataset or run: work in progress, or somebody's `.gitattributes`.

        The address itself may begin with a dot.
        """
        first, *rest = name.split("/")
        parts = rest if first == self.address.name else [first, *rest]
        return any(part.startswith(".") for part in parts)

    def _local_files(self) -> dict[str, Path]:
        """The files of the copy by name, without what is hidden."""
        files = (path for path in self._folder.rglob("*") if path.is_file())
        named = {path.relative_to(self._folder): path for path in files}
        return {
            name.as_posix(): path
            for name, path in sorted(named.items())
            if not self._is_hidden(name.as_posix())
        }

    def _has(self, name: str, info: dict[str, Any]) -> bool:
        entry = self._index.files.get(name)
        return entry is not None and entry.tag == tag_of(info) and (self._folder / name).is_file()

    def _download(self, objects: dict[str, dict[str, Any]]) -> None:
        partials = {name: _partial(self._folder / name) for name in objects}
        for partial in partials.values():
            partial.parent.mkdir(parents=True, exist_ok=True)
        if objects:
            with remote_errors(str(self.address)):
                remote = [self._remote(name) for name in objects]
                self._fs.get(remote, [str(path) for path in partials.values()])
        for name, info in objects.items():
            if partials[name].stat().st_size != int(info["size"]):
                hint = "the same command brings it again"
                raise StorageError("the object changed meanwhile", where=self._url(name), hint=hint)
            path, entry = self._folder / name, self._index.files.get(name)
            theirs = Synced.now(tag_of(info), partials[name])
            if (entry is None or entry.tag != theirs.tag) and not theirs.has_content_of(path):
                self._index.unsent = False
            partials[name].replace(path)
            self._index.files[name] = theirs

    def _upload(self, name: str) -> None:
        path = self._folder / name
        before = Synced.now("", path)
        with remote_errors(self._url(name)):
            self._check_tag(name, self._remote_tag(name))
            self._fs.put_file(str(path), self._remote(name))
            info = self._fs.info(self._remote(name))
        if int(info["size"]) != before.bytes:
            hint = "the same command writes it again"
            raise StorageError("the object has another size than the file", where=self._url(name), hint=hint)
        self._index.files[name] = replace(before, tag=tag_of(info))
        self._present.add(name)
        self._index.write()

    def _check_tag(self, name: str, tag: str) -> None:
        """Raises StorageError where the object is not the one that this copy had."""
        if tag != (entry.tag if (entry := self._index.files.get(name)) else ""):
            hint = "give another --out, or run the same command again to continue from its files"
            raise RemoteConflict("another machine has written here", where=self._url(name), hint=hint)

    def _remote_tag(self, name: str) -> str:
        """The tag of an object; empty where there is none."""
        try:
            return tag_of(self._fs.info(self._remote(name)))
        except FileNotFoundError:
            return ""

    def _forget(self, name: str) -> None:
        """Somebody removed the object: the local file goes, unless it was changed here."""
        path = self._folder / name
        if self._index.files.pop(name).is_of(path):
            path.unlink()
        self._index.unsent = False

    def _remove(self, name: str) -> None:
        """Remove the object of a file that the command deleted, if it is still the one of the file."""
        with remote_errors(self._url(name)):
            if tag := self._remote_tag(name):
                self._check_tag(name, tag)
                self._fs.rm_file(self._remote(name))
        self._index.files.pop(name, None)
        self._present.discard(name)

    def _journal(self, name: str) -> SegmentedJournal:
        if name not in self._journals:
            tags = self._index.segments.setdefault(name, {})
            folder = self._url(name) + FOLDER_ENDING
            self._journals[name] = SegmentedJournal(self._folder / name, folder, self._fs, tags)
        return self._journals[name]

    def _remote(self, name: str) -> str:
        return f"{self.address.parent}/{name}"

    def _url(self, name: str) -> str:
        return f"{self.address.scheme}://{self._remote(name)}"

    @contextmanager
    def _synced(self) -> Iterator[None]:
        """Commands of this machine that use the same address bring and push one after the other.

        Each continues from the index of the one before, and writes it also after an error.
        """
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._index = SyncIndex.read(self._index.path)
            for name, journal in self._journals.items():
                self._index.segments[name] = journal.continued(self._index.segments.get(name, {}))
            try:
                yield
            finally:
                self._index.write()


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


def _is_safe(name: str) -> bool:
    """Whether a name of an object leads nowhere else as a file."""
    parts = name.split("/")
    return not any(part in ("", ".", "..") or "\0" in part for part in parts)
