"""Reading many git objects through one long-lived `git cat-file` process."""

import hashlib
import re
import subprocess
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import IO, Literal

from goutbench.curate.git.repository import Repository, read_environment
from goutbench.errors import SourceError

# 60 requests of at most 65 bytes fit the smallest pipe (4 KiB), so that writing them never blocks
# while git itself is blocked on writing its answers.
_WINDOW = 60
_TREE_CACHE_BYTES = 32 * 2**20
_Entry = tuple[int, bytes]  # canonical mode, raw hash


@dataclass(frozen=True, slots=True)
class GitObject:
    """One answer: the object's bytes, or why there are none."""

    oid: str
    state: Literal["present", "missing", "corrupt"]
    size: int = 0
    content: bytes | None = None


class ObjectReader:
    """A `git cat-file` process that is asked for many objects. Use it as a context manager.

    With `contents=False` it answers sizes alone (`--batch-check`). Requests are pipelined. Should git
    die on a corrupt object, it is started again and that object is answered as corrupt.
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
        """Answer for each object id, in order."""
        pending = iter(oids)
        window = list(islice(pending, _WINDOW))
        while window:
            yield from self._answer(window)
            window = list(islice(pending, _WINDOW))

    def read_one(self, oid: str) -> GitObject:
        """Answer for one object."""
        return next(self.read((oid,)))

    def _answer(self, window: Sequence[str]) -> Iterator[GitObject]:
        done = 0
        while done < len(window):
            try:
                stdout = self._ask(window[done:])
                while done < len(window):
                    answer = self._parse(window[done], stdout)
                    done += 1
                    yield answer
            except (EOFError, BrokenPipeError):  # git dies on an object it cannot unpack
                self._stop()
                yield GitObject(window[done], "corrupt")
                done += 1

    def _ask(self, window: Sequence[str]) -> IO[bytes]:
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

    def _parse(self, asked: str, stdout: IO[bytes]) -> GitObject:
        header = stdout.readline()
        if not header.endswith(b"\n"):
            raise EOFError
        fields = header.split()
        if fields[-1] in (b"missing", b"ambiguous"):
            return GitObject(asked, "missing")
        oid, size = fields[0].decode("ascii"), int(fields[2])
        if not self._contents:
            return GitObject(oid, "present", size)
        content = stdout.read(size + 1)
        if len(content) != size + 1:
            raise EOFError
        content = content[:-1]
        state: Literal["present", "corrupt"] = "present" if _matches(oid, fields[1], content) else "corrupt"
        return GitObject(oid, state, size, content)

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _matches(oid: str, kind: bytes, content: bytes) -> bool:
    """Whether an object's bytes give its id: `cat-file` itself does not check packed ones."""
    algorithm = hashlib.sha1 if len(oid) == 40 else hashlib.sha256
    hasher = algorithm(b"%s %d\0" % (kind, len(content)), usedforsecurity=False)
    hasher.update(content)
    return hasher.hexdigest() == oid


class TreeReader:
    """Looks up single paths in commits, with the trees it has read kept up to a number of bytes."""

    def __init__(self, reader: ObjectReader, *, oid_bytes: int, cache_bytes: int = _TREE_CACHE_BYTES) -> None:
        self._reader = reader
        self._oid_bytes = oid_bytes
        self._pattern = re.compile(rb"([0-7]+) ([^\0]+)\0(.{%d})" % oid_bytes, re.DOTALL)
        self._cache: OrderedDict[bytes, bytes] = OrderedDict()
        self._cached = 0
        self._limit = cache_bytes

    def root(self, commit: str) -> bytes:
        """The raw hash of a commit's root tree."""
        answer = self._reader.read_one(commit)
        content = self._content(answer, commit)
        return bytes.fromhex(content[5 : content.index(b"\n")].decode("ascii"))

    def entry(self, root: bytes, path: bytes) -> _Entry | None:
        """The (mode, hash) at a path below a root tree; None where there is nothing."""
        found: _Entry | None = (0o040000, root)
        for part in path.split(b"/"):
            if found is None or found[0] != 0o040000:
                return None
            found = self._find(found[1], part)
        return found

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

    def _content(self, answer: GitObject, oid: str) -> bytes:
        if answer.state != "present" or answer.content is None:
            repository = self._reader.repository
            raise SourceError(
                f"object {oid} is {answer.state}, so history cannot be followed",
                where=f"{repository.name} ({repository.git_dir})",
                hint="check it with `git fsck`, or take a fresh clone",
            )
        return answer.content


def canonical_mode(mode: int) -> int:
    """A tree entry's mode as git compares it: old writers' 100664 counts as 100644."""
    if mode & 0o170000 == 0o100000:
        return 0o100755 if mode & 0o100 else 0o100644
    return mode & 0o170000
