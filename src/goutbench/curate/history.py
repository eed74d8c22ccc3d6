"""One walk through history that answers `git log -1 -- <path>` for every path at once.

`git log` streams, in topological order, each commit's difference from its first parent; git's default
history simplification is replayed on that stream for all paths together. `active` maps a commit to the
wanted paths whose history has been followed to it. At a commit,

- a path that equals its state in some parent moves on to the first such parent;
- a path that differs from every parent is *listed*: it is what `git log <revision> -- <path>` prints.
  The first listing of a path is `git log -1`. To find the oldest one, the path goes on to all parents.

Since every child comes before its parents, a commit is looked at once, and clock skew does not matter.
Parents after the first are asked, through `cat-file`, for the paths that differ from the first alone.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from goutbench.curate.git import Repository, read_environment, tail
from goutbench.curate.objects import ObjectReader, TreeReader
from goutbench.errors import SourceError

_BLOCK = 2**20
_LOG = [
    # what a repository's own configuration could change is given explicitly
    *("-c", "log.showSignature=false", "-c", "log.showRoot=true", "-c", "diff.relative=false"),
    *("log", "--topo-order", "--raw", "-z", "--no-abbrev", "--no-renames", "--diff-merges=first-parent"),
    *("--ignore-submodules=none", "--no-ext-diff", "--no-textconv", "--no-color", "--no-notes"),
    *("--no-decorate", f"-O{os.devnull}", "--format=%x00%H:%T:%ct:%P"),
]
_EARLIEST, _LATEST = 0, 253402300799  # 1970-01-01 and 9999-12-31, what a datetime can hold


@dataclass(frozen=True, slots=True)
class PathHistory:
    """When a path was last and first changed, as `git log <revision> -- <path>` lists it.

    `commit` is the newest listed commit, `last` its committer date, `first` the oldest committer date
    of all listed ones (None where only the last was asked for). Dates are in UTC.
    """

    commit: str
    last: datetime
    first: datetime | None


@dataclass(frozen=True, slots=True)
class _Commit:
    oid: bytes
    tree: bytes
    seconds: int
    parents: list[bytes]
    diff: bytes  # raw difference from the first parent, NUL-separated


_Changes = dict[bytes, bytes | None]  # path → mode and hash on the new side; None where not known


def walk(
    repository: Repository,
    revision: str,
    paths: Iterable[bytes],
    *,
    first_dates: bool = True,
    progress: Callable[[int], None] | None = None,
) -> dict[bytes, PathHistory]:
    """The history of each path, by path. Each must exist in `revision` (a full hash).

    `progress` is called now and then with the number of commits seen. Raises SourceError where an
    object that is needed is missing or corrupt.
    """
    wanted = set(paths)
    replay = _Replay(wanted, first_dates=first_dates)
    with ObjectReader(repository) as reader:
        trees = TreeReader(reader, oid_bytes=len(revision) // 2)
        active: dict[bytes, set[bytes]] = {revision.encode("ascii"): wanted.copy()} if wanted else {}
        for seen, commit in enumerate(_stream(repository, revision) if active else ()):
            here = active.pop(commit.oid, None)
            if here:
                for parent, moved in replay.step(commit, here, trees):
                    _join(active, parent, moved)
            if not active:
                break
            if progress is not None and seen % 1000 == 0:
                progress(seen)
    return replay.result()


def _join(active: dict[bytes, set[bytes]], parent: bytes, moved: set[bytes]) -> None:
    """Add paths to a parent's, the smaller set into the larger: whole sets move without being copied."""
    there = active.get(parent)
    if there is None:
        active[parent] = moved
    elif len(there) >= len(moved):
        there |= moved
    else:
        moved |= there
        active[parent] = moved


class _Replay:
    """What has been listed so far, and the rule by which paths move on."""

    def __init__(self, wanted: set[bytes], *, first_dates: bool) -> None:
        self._wanted = wanted
        self._first_dates = first_dates
        self._last: dict[bytes, tuple[bytes, int]] = {}
        self._first: dict[bytes, int] = {}
        # a wanted path may once have been a folder: what changed below it changed it
        self._folder_mark = b".go/" if all(path.endswith(b".go") for path in wanted) else b"/"

    def step(
        self, commit: _Commit, here: set[bytes], trees: TreeReader
    ) -> Iterator[tuple[bytes, set[bytes]]]:
        """Move the paths at a commit on: yields (parent, paths)."""
        changes = self._changes(commit.diff)
        changed = here & changes.keys()
        here -= changed
        if not changed:
            if commit.parents:
                yield commit.parents[0], here
            return
        for parent in commit.parents[1:]:
            same = _same(commit, parent, changed, changes, trees)
            if same:
                changed -= same
                yield parent, same
        self._list(commit, changed)
        if self._first_dates and changed:
            for parent in commit.parents[1:]:
                yield parent, set(changed)
            here |= changed
        if here and commit.parents:
            yield commit.parents[0], here

    def result(self) -> dict[bytes, PathHistory]:
        return {
            path: PathHistory(
                commit=commit.decode("ascii"),
                last=to_date(seconds),
                first=to_date(self._first[path]) if self._first_dates else None,
            )
            for path, (commit, seconds) in self._last.items()
        }

    def _list(self, commit: _Commit, paths: set[bytes]) -> None:
        for path in paths:
            self._last.setdefault(path, (commit.oid, commit.seconds))
            self._first[path] = min(commit.seconds, self._first.get(path, commit.seconds))

    def _changes(self, diff: bytes) -> _Changes:
        if not diff:
            return {}
        fields = diff.split(b"\0")
        changes: _Changes = dict(zip(fields[1::2], fields[0::2], strict=False))
        if self._folder_mark in diff:
            for path in list(changes):
                for folder in _folders(path):
                    if folder in self._wanted:
                        changes[folder] = None
        return changes


def _folders(path: bytes) -> Iterator[bytes]:
    end = path.find(b"/")
    while end >= 0:
        yield path[:end]
        end = path.find(b"/", end + 1)


def _same(
    commit: _Commit, parent: bytes, paths: set[bytes], changes: _Changes, trees: TreeReader
) -> set[bytes]:
    """The paths whose (mode, hash) in the commit is what this parent has."""
    root = bytes.fromhex(commit.tree.decode("ascii"))
    parent_root = trees.root(parent.decode("ascii"))
    if root == parent_root:
        return set(paths)
    same = set()
    for path in paths:
        status = changes[path]
        # ":100644 100755 <old hash> <new hash> M": the new side is at hand, unless a folder is involved
        entry = _new_side(status) if status is not None and status[-1:] != b"D" else trees.entry(root, path)
        if trees.entry(parent_root, path) == entry:
            same.add(path)
    return same


def _new_side(status: bytes) -> tuple[int, bytes]:
    _, mode, _, oid, _ = status.split(b" ")
    return int(mode, 8), bytes.fromhex(oid.decode("ascii"))


def _stream(repository: Repository, revision: str) -> Iterator[_Commit]:
    """The commits reachable from `revision`, children first, with their differences."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            repository.command(*_LOG, revision, "--"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=read_environment(),
            bufsize=0,
        )
        assert process.stdout is not None
        try:
            yield from map(_parse, _records(process.stdout))
            if process.wait() != 0:
                errors.seek(0)
                raise SourceError(
                    f"git cannot read the history of {revision}: {tail(errors.read())}",
                    where=f"{repository.name} ({repository.git_dir})",
                    mend="check it with `git fsck`, or take a fresh clone",
                )
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def _records(stdout: IO[bytes]) -> Iterator[bytes]:
    """Cut git's output into one record a commit.

    Every field ends with NUL and no field is empty but the one before a commit's header, so that two
    NULs in a row stand between commits and nowhere else.
    """
    rest = b""
    while block := stdout.read(_BLOCK):
        *records, rest = (rest + block).split(b"\0\0")
        yield from filter(None, records)
    if rest.strip(b"\0"):
        yield rest


def _parse(record: bytes) -> _Commit:
    head, _, diff = record.lstrip(b"\0").partition(b"\0\n")
    oid, tree, seconds, parents = head.rstrip(b"\0").split(b":")
    return _Commit(oid, tree, int(seconds), parents.split(), diff)


def to_date(seconds: int) -> datetime:
    """A commit's seconds since 1970 as an instant in UTC, held within what a datetime can express."""
    return datetime.fromtimestamp(min(max(seconds, _EARLIEST), _LATEST), UTC)
