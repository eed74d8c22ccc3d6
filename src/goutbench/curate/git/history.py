"""One walk through history that answers `git log -1 -- <path>` for every path at once.

`active` maps a commit to the wanted paths whose history has been followed to it; the newest active commit
is looked at next. At a commit,

- a path that equals its state in some parent moves on to the first such parent;
- a path that differs from every parent is *listed*: it is what `git log <revision> -- <path>` prints.
  The first listing of a path is `git log -1`. To find the oldest one, the path goes on to all parents.

That is git's default history simplification. What differs from the first parent is asked of one
long-lived `git diff-tree --stdin`, for active commits alone; later parents are asked, through `cat-file`,
for just the paths that differ from the first. Where clocks are skewed, a commit may be looked at again for
paths that come late.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush

from goutbench.curate.git.commits import Commit, CommitReader
from goutbench.curate.git.objects import ObjectReader, TreeReader
from goutbench.curate.git.repository import Repository, to_date


@dataclass(frozen=True, slots=True)
class PathHistory:
    """When a path was last and first changed, as `git log <revision> -- <path>` lists it.

    `commit` is the newest listed commit, `last` its committer date, `first` the oldest committer date
    of all listed ones (None where only the last was asked for). Dates are in UTC.
    """

    commit: str
    last: datetime
    first: datetime | None


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
    if not wanted:
        return {}
    active = {revision.encode("ascii"): wanted.copy()}
    with ObjectReader(repository) as objects, CommitReader(repository, revision) as commits:
        trees = TreeReader(objects, oid_bytes=len(revision) // 2)
        queue: list[tuple[int, int, Commit]] = []
        arrived, seen = list(active), 0
        while arrived or queue:
            for commit in commits.read(arrived):
                seen += 1
                heappush(queue, (-commit.seconds, seen, commit))
            arrived.clear()
            _, _, commit = heappop(queue)
            for parent, moved in replay.step(commit, active.pop(commit.oid), trees):
                if parent not in active:
                    arrived.append(parent)
                _join(active, parent, moved)
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
        # a path that went on to several parents may come to a commit more than once
        self._split: set[bytes] = set()
        self._commits: set[bytes] = set()
        self._again: set[tuple[bytes, bytes]] = set()
        # a wanted path may once have been a folder: what changed below it changed it
        self._folder_mark = b".go/" if all(path.endswith(b".go") for path in wanted) else b"/"

    def step(self, commit: Commit, here: set[bytes], trees: TreeReader) -> Iterator[tuple[bytes, set[bytes]]]:
        """Move the paths at a commit on: yields (parent, paths)."""
        if commit.oid in self._commits:
            here -= self._seen_twice(commit.oid, here & self._split)
        self._commits.add(commit.oid)
        changes = self._changes(commit.diff)
        changed = here & changes.keys()
        here -= changed
        if not changed:
            if here and commit.parents:
                yield commit.parents[0], here
            return
        for parent in commit.parents[1:]:
            same = _same(commit, parent, changed, changes, trees)
            if same:
                changed -= same
                yield parent, same
        self._list(commit, changed)
        if self._first_dates and changed:
            if len(commit.parents) > 1:
                self._split |= changed
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

    def _seen_twice(self, oid: bytes, paths: set[bytes]) -> set[bytes]:
        """Which of the paths that come to a commit again have done so before: skewed clocks may not loop."""
        visits = {(oid, path) for path in paths}
        twice = visits & self._again
        self._again |= visits
        return {path for _, path in twice}

    def _list(self, commit: Commit, paths: set[bytes]) -> None:
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
    commit: Commit, parent: bytes, paths: set[bytes], changes: _Changes, trees: TreeReader
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
