"""Reads many git objects through one long-lived `git cat-file` process."""

import hashlib
import re
import subprocess
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import IO, Literal

from goutbench.curate.git.repository import Repository
from goutbench.errors import SourceError
from goutbench.locations.foreign_git import read_environment

# 60 requests of at most 65 bytes fit into the smallest pipe (4 KiB). So writing them never blocks while git
# itself waits until its responses are read.
_WINDOW = 60
_TREE_CACHE_BYTES = 32 * 2**20
_COMMIT_HEAD = re.compile(rb"tree ([0-9a-f]{40}(?:[0-9a-f]{24})?)\n")
_Entry = tuple[int, bytes]  # canonical mode, raw hash


@dataclass(frozen=True, slots=True)
class GitObject:
    """One response: the object's bytes, or why there are none."""

    oid: str
    state: Literal["present", "missing", "corrupt"]
    size: int = 0
    content: bytes | None = None


class ObjectReader:
    """A `git cat-file` process that reads many objects. Use it as a context manager.

    With `contents=False` it only returns sizes (`--batch-check`). Requests are pipelined. If git dies on a
    corrupt object, that object's state is "corrupt" and git is started again.
    """

    def __init__(self, repository: Repository, *, contents: bool = True) -> None:
        self.repository = repository
        self._contents = contents
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "ObjectReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def read(self, oids: Iterable[str]) -> Iterator[GitObject]:
        """One object for each id, in order."""
        pending = iter(oids)
        window = list(islice(pending, _WINDOW))
        while window:
            yield from self._respond(window)
            window = list(islice(pending, _WINDOW))

    def read_one(self, oid: str) -> GitObject:
        """The object with this id."""
        return next(self.read((oid,)))

    def _respond(self, window: Sequence[str]) -> Iterator[GitObject]:
        done = 0
        while done < len(window):
            try:
                stdout = self._request(window[done:])
                while done < len(window):
                    response = self._parse(window[done], stdout)
                    done += 1
                    yield response
            except (EOFError, BrokenPipeError):  # git dies on an object it cannot unpack
                self._stop()
                yield GitObject(window[done], "corrupt")
                done += 1

    def _request(self, window: Sequence[str]) -> IO[bytes]:
        if self._process is None:
            mode = "--batch" if self._contents else "--batch-check"
            self._process = subprocess.Popen(
                self.repository.command("cat-file", mode),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=read_environment(),
                bufsize=2**18,
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write("".join(f"{oid}\n" for oid in window).encode("utf-8", "surrogateescape"))
        stdin.flush()
        return stdout

    def _parse(self, requested: str, stdout: IO[bytes]) -> GitObject:
        header = stdout.readline()
        if not header.endswith(b"\n"):
            raise EOFError
        fields = header.split()
        if fields[-1] in (b"missing", b"ambiguous"):
            return GitObject(requested, "missing")
        oid, size = fields[0].decode("ascii"), int(fields[2])
        if not self._contents:
            return GitObject(oid, "present", size)
        content = stdout.read(size + 1)
        if len(content) != size + 1:
            raise EOFError
        content = content[:-1]
        # `cat-file` itself does not check the hashes of packed objects
        algorithm = hashlib.sha1 if len(oid) == 40 else hashlib.sha256
        digest = algorithm(b"%s %d\0" % (fields[1], len(content)), usedforsecurity=False)
        digest.update(content)
        state: Literal["present", "corrupt"] = "present" if digest.hexdigest() == oid else "corrupt"
        return GitObject(oid, state, size, content)

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


class TreeReader:
    """Looks up single paths in commits. A cache of limited size holds the trees that were read."""

    def __init__(self, reader: ObjectReader, *, oid_bytes: int, cache_bytes: int = _TREE_CACHE_BYTES) -> None:
        self._reader = reader
        self._oid_bytes = oid_bytes
        self._pattern = re.compile(rb"([0-7]+) ([^\0]+)\0(.{%d})" % oid_bytes, re.DOTALL)
        self._cache: OrderedDict[bytes, bytes] = OrderedDict()
        self._cached = 0
        self._limit = cache_bytes

    def root(self, commit: str) -> bytes:
        """The raw hash of a commit's root tree."""
        content = self._content(self._reader.read_one(commit), commit)
        head = _COMMIT_HEAD.match(content)
        if head is None:
            raise self._unreadable(commit, "no commit")
        return bytes.fromhex(head[1].decode("ascii"))

    def entry(self, root: bytes, path: bytes) -> _Entry | None:
        """The mode and hash at a path below a root tree; None if nothing is there."""
        entry: _Entry | None = (0o040000, root)
        for part in path.split(b"/"):
            if entry is None or entry[0] != 0o040000:
                return None
            entry = self._find(entry[1], part)
        return entry

    def _find(self, tree: bytes, name: bytes) -> _Entry | None:
        raw = self._tree(tree)
        if name not in raw:
            return None
        for mode, entry, oid in self._pattern.findall(raw):
            if entry == name:
                return canonical_mode(int(mode, 8)), oid
        return None

    def _tree(self, oid: bytes) -> bytes:
        raw = self._cache.get(oid)
        if raw is not None:
            self._cache.move_to_end(oid)
            return raw
        raw = self._content(self._reader.read_one(oid.hex()), oid.hex())
        self._cache[oid] = raw
        self._cached += len(raw)
        while self._cached > self._limit and len(self._cache) > 1:
            _, dropped = self._cache.popitem(last=False)
            self._cached -= len(dropped)
        return raw

    def _content(self, git_object: GitObject, oid: str) -> bytes:
        if git_object.state != "present" or git_object.content is None:
            raise self._unreadable(oid, git_object.state)
        return git_object.content

    def _unreadable(self, oid: str, state: str) -> SourceError:
        repository = self._reader.repository
        return SourceError(
            f"object {oid} is {state}, so the history cannot be read",
            where=f"{repository.name} ({repository.git_dir})",
            hint="check it with `git fsck`, or make a new clone",
        )


def canonical_mode(mode: int) -> int:
    """A tree entry's mode as git compares it: 100664 of old git versions counts as 100644."""
    if mode & 0o170000 == 0o100000:
        return 0o100755 if mode & 0o100 else 0o100644
    return mode & 0o170000
