"""Reads commits with their changes through one long-lived `git diff-tree --stdin`."""

import os
import secrets
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from types import TracebackType

from goutbench.curate.git.repository import Repository, error_message
from goutbench.errors import SourceError
from goutbench.locations.foreign_git import read_environment

_BLOCK = 2**16
_LOOKAHEAD, _BATCH, _CACHE = 128, 32, 512
_MAX_REQUESTS = 8192  # git caches every commit in memory: after so many, a new process replaces it
_DIFF = [
    *("diff-tree", "--stdin", "-r", "--root", "--always", "--raw", "-z", "--no-abbrev", "--no-renames"),
    *("--diff-merges=first-parent", "--ignore-submodules=none", "--no-ext-diff", "--no-textconv"),
    "--format=%x00%H:%T:%ct:%P",
]


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit's hashes as git prints them, its date, and its difference from the first parent."""

    oid: bytes
    tree: bytes
    seconds: int
    parents: list[bytes]
    diff: bytes  # raw difference from the first parent, NUL-separated

    @classmethod
    def parse(cls, record: bytes) -> "Commit":
        """A commit from one record of `git diff-tree`."""
        head, _, diff = record.partition(b"\0")
        oid, tree, seconds, parents = head.split(b":")
        return cls(oid, tree, int(seconds or 0), parents.split(), diff.lstrip(b"\n"))


class CommitReader:
    """A `git diff-tree` process that reads commits. Use it as a context manager.

    Most commits of a walk follow each other on the first-parent history of the first one. So a request for
    one of them also reads the next ones, which saves a round trip for each.
    """

    def __init__(self, repository: Repository, revision: str) -> None:
        self._repository = repository
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the processes
        # git echoes a line that is no commit, and flushes: the echo marks the end of a response
        self._end = b"end-%s\n" % secrets.token_hex(8).encode("ascii")
        self._requests = 0
        self._process = self._start(*_DIFF)
        self._mainline = self._start("rev-list", "--first-parent", revision)
        self._upcoming: deque[bytes] = deque()
        self._ready: dict[bytes, Commit] = {}

    def __enter__(self) -> "CommitReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (self._process, self._mainline):
            process.kill()
            process.communicate()
        self._errors.close()

    def read(self, oids: Sequence[bytes]) -> list[Commit]:
        """The commits with their differences. Raises SourceError where git cannot read one."""
        return [self._read_one(oid) for oid in oids]

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._repository.command(*arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=read_environment(),
        )

    def _read_one(self, oid: bytes) -> Commit:
        if oid not in self._ready:
            if len(self._ready) > _CACHE:
                self._ready.clear()  # these were read ahead and never requested
            for commit in self._request(self._batch(oid)):
                self._ready[commit.oid] = commit
        return self._ready.pop(oid)

    def _batch(self, oid: bytes) -> list[bytes]:
        """The commit, and the next ones of the first-parent history."""
        lines = self._mainline.stdout
        assert lines is not None
        self._upcoming.extend(line.rstrip() for line in islice(lines, _LOOKAHEAD - len(self._upcoming)))
        if oid not in self._upcoming:
            return [oid]
        while self._upcoming.popleft() != oid:
            pass
        return [oid, *(self._upcoming.popleft() for _ in range(min(_BATCH, len(self._upcoming))))]

    def _request(self, oids: Sequence[bytes]) -> Iterator[Commit]:
        self._requests += len(oids)
        if self._requests > _MAX_REQUESTS:
            self._process.kill()
            self._process.communicate()
            self._process, self._requests = self._start(*_DIFF), len(oids)
        response = self._exchange(b"".join(b"%s\n" % oid for oid in oids) + self._end)
        if response is None:
            self._process.wait()
            self._errors.seek(0)
            message = error_message(self._errors.read())
            raise SourceError(
                f"git cannot read the history at {oids[0].decode('ascii')}: {message}",
                where=f"{self._repository.name} ({self._repository.git_dir})",
                hint="check it with `git fsck`, or make a new clone",
            )
        # every field ends with NUL; only the one before a commit's header is empty
        return map(Commit.parse, response.removeprefix(b"\0").split(b"\0\0"))

    def _exchange(self, request: bytes) -> bytes | None:
        """Git's response without the end mark; None if the process died."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        response = bytearray()
        try:
            stdin.write(request)
            stdin.flush()
            while block := os.read(stdout.fileno(), _BLOCK):
                response += block
                if response.endswith(self._end):
                    return bytes(response[: -len(self._end)])
        except BrokenPipeError:
            pass
        return None
