"""One walk through history that computes `git log -1 -- <path>` for every path at once.

`active` maps a commit to the paths whose history was followed to it. The newest active commit is visited
next. At a commit,

- a path that equals its state in some parent moves on to the first such parent;
- a path that differs from every parent is *listed*: it is what `git log <revision> -- <path>` prints.
  The first listing of a path is `git log -1`. To find the oldest one, the path goes on to all parents.

That is git's default history simplification. One long-lived `git diff-tree --stdin` gives the differences
from the first parent, for active commits only. Later parents are read through `cat-file`, only for paths
that differ from the first one. With skewed clocks, a commit may be visited again for paths that arrive late.
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
    of all listed ones (None if only the last was requested). Dates are in UTC.
    """

    commit: str
    last: datetime
    first: datetime | None


_Changes = dict[bytes, bytes | None]  # path → mode and hash on the new side; None if unknown


def walk(
    repository: Repository,
    revision: str,
    paths: Iterable[bytes],
    *,
    first_dates: bool = True,
    progress: Callable[[int], None] | None = None,
) -> dict[bytes, PathHistory]:
    """The history of each path, by path. Each must exist in `revision` (a full hash).

    `progress` is called from time to time with the number of commits visited. Raises SourceError if a needed
    object is missing or corrupt.
    """
    requested = set(paths)
    replay = _Replay(requested, first_dates=first_dates)
    if not requested:
        return {}
    active = {revision.encode("ascii"): requested.copy()}
    with ObjectReader(repository) as objects, CommitReader(repository, revision) as commits:
        trees = TreeReader(objects, oid_bytes=len(revision) // 2)
        queue: list[tuple[int, int, Commit]] = []
        new, visited = list(active), 0
        while new or queue:
            for commit in commits.read(new):
                visited += 1
                heappush(queue, (-commit.seconds, visited, commit))
            new.clear()
            _, _, commit = heappop(queue)
            for parent, moved in replay.step(commit, active.pop(commit.oid), trees):
                if parent not in active:
                    new.append(parent)
                _merge_into(active, parent, moved)
            if progress is not None and visited % 1000 == 0:
                progress(visited)
    return replay.result()


def _merge_into(active: dict[bytes, set[bytes]], parent: bytes, moved: set[bytes]) -> None:
    """Add paths to those of a parent, the smaller set into the larger one, to copy few elements."""
    present = active.get(parent)
    if present is None:
        active[parent] = moved
    elif len(present) >= len(moved):
        present |= moved
    else:
        moved |= present
        active[parent] = moved


class _Replay:
    """The commits listed so far, and the rule by which paths move on to parents."""

    def __init__(self, paths: set[bytes], *, first_dates: bool) -> None:
        self._paths = paths
        self._first_dates = first_dates
        self._last: dict[bytes, tuple[bytes, int]] = {}
        self._first: dict[bytes, int] = {}
        # a path that moved on to several parents may arrive at a commit more than once
        self._split: set[bytes] = set()
        self._commits: set[bytes] = set()
        self._revisited: set[tuple[bytes, bytes]] = set()
        # a path may once have been a folder: a change below it changed the path
        self._folder_mark = b".go/" if all(path.endswith(b".go") for path in paths) else b"/"

    def step(
        self, commit: Commit, paths: set[bytes], trees: TreeReader
    ) -> Iterator[tuple[bytes, set[bytes]]]:
        """Move the paths at a commit on: yields (parent, paths)."""
        if commit.oid in self._commits:
            paths -= self._seen_twice(commit.oid, paths & self._split)
        self._commits.add(commit.oid)
        changes = self._changes(commit.diff)
        changed = paths & changes.keys()
        paths -= changed
        if not changed:
            if paths and commit.parents:
                yield commit.parents[0], paths
            return
        for parent in commit.parents[1:]:
            same = _unchanged(commit, parent, changed, changes, trees)
            if same:
                changed -= same
                yield parent, same
        self._list(commit, changed)
        if self._first_dates and changed:
            if len(commit.parents) > 1:
                self._split |= changed
            for parent in commit.parents[1:]:
                yield parent, set(changed)
            paths |= changed
        if paths and commit.parents:
            yield commit.parents[0], paths

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
        """The paths that arrive at a commit for the third time: dropping them ends loops of skewed clocks."""
        visits = {(oid, path) for path in paths}
        twice = visits & self._revisited
        self._revisited |= visits
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
                end = path.find(b"/")
                while end >= 0:
                    if path[:end] in self._paths:
                        changes[path[:end]] = None
                    end = path.find(b"/", end + 1)
        return changes


def _unchanged(
    commit: Commit, parent: bytes, paths: set[bytes], changes: _Changes, trees: TreeReader
) -> set[bytes]:
    """The paths with the same mode and hash in the commit as in this parent."""
    root = bytes.fromhex(commit.tree.decode("ascii"))
    parent_root = trees.root(parent.decode("ascii"))
    if root == parent_root:
        return set(paths)
    same = set()
    for path in paths:
        status = changes[path]
        if status is None or status[-1:] == b"D":  # a folder is involved
            entry = trees.entry(root, path)
        else:  # ":100644 100755 <old hash> <new hash> M"
            _, mode, _, oid, _ = status.split(b" ")
            entry = int(mode, 8), bytes.fromhex(oid.decode("ascii"))
        if trees.entry(parent_root, path) == entry:
            same.add(path)
    return same
