"""Reading commits, each with what it changed, through one long-lived `git diff-tree --stdin`."""

import os
import secrets
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from types import TracebackType

from goutbench.curate.git.repository import Repository, complaint, read_environment
from goutbench.errors import SourceError

_BLOCK = 2**16
_AHEAD, _TOGETHER, _KEPT = 128, 32, 512
_ASKED_AT_MOST = 8192  # git keeps every commit that it has read in memory: then a new process goes on
_DIFF = [
    *("diff-tree", "--stdin", "-r", "--root", "--always", "--raw", "-z", "--no-abbrev", "--no-renames"),
    *("--diff-merges=first-parent", "--ignore-submodules=none", "--no-ext-diff", "--no-textconv"),
    "--format=%x00%H:%T:%ct:%P",
]


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit's hashes as git prints them, its date, and how it differs from its first parent."""

    oid: bytes
    tree: bytes
    seconds: int
    parents: list[bytes]
    diff: bytes  # raw difference from the first parent, NUL-separated


class CommitReader:
    """A `git diff-tree` process that is asked for commits. Use it as a context manager.

    Most commits of a walk follow each other on the first-parent history of its beginning: where one of these
    is asked for, the next ones are asked along with it, which saves a round trip each.
    """

    def __init__(self, repository: Repository, revision: str) -> None:
        self._repository = repository
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the processes
        # git echoes a line that is no commit, and flushes: so it says that an answer is complete
        self._end = b"end-%s\n" % secrets.token_hex(8).encode("ascii")
        self._asked = 0
        self._process = self._start(*_DIFF)
        self._mainline = self._start("rev-list", "--first-parent", revision)
        self._ahead: deque[bytes] = deque()
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
            if len(self._ready) > _KEPT:
                self._ready.clear()  # asked along, and not wanted after all
            for commit in self._ask(self._along(oid)):
                self._ready[commit.oid] = commit
        return self._ready.pop(oid)

    def _along(self, oid: bytes) -> list[bytes]:
        """The commit, and those of the first-parent history that come next."""
        lines = self._mainline.stdout
        assert lines is not None
        self._ahead.extend(line.rstrip() for line in islice(lines, _AHEAD - len(self._ahead)))
        if oid not in self._ahead:
            return [oid]
        while self._ahead.popleft() != oid:
            pass
        return [oid, *(self._ahead.popleft() for _ in range(min(_TOGETHER, len(self._ahead))))]

    def _ask(self, oids: Sequence[bytes]) -> Iterator[Commit]:
        self._asked += len(oids)
        if self._asked > _ASKED_AT_MOST:
            self._process.kill()
            self._process.communicate()
            self._process, self._asked = self._start(*_DIFF), len(oids)
        answer = self._exchange(b"".join(b"%s\n" % oid for oid in oids) + self._end)
        if answer is None:
            self._process.wait()
            self._errors.seek(0)
            raise SourceError(
                f"git cannot read the history at {oids[0].decode('ascii')}: {complaint(self._errors.read())}",
                where=f"{self._repository.name} ({self._repository.git_dir})",
                hint="check it with `git fsck`, or take a fresh clone",
            )
        # every field ends with NUL, and none is empty but the one before a commit's header
        return map(_parse, answer.removeprefix(b"\0").split(b"\0\0"))

    def _exchange(self, request: bytes) -> bytes | None:
        """What git answers, without the end mark; None where it died."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        answer = bytearray()
        try:
            stdin.write(request)
            stdin.flush()
            while block := os.read(stdout.fileno(), _BLOCK):
                answer += block
                if answer.endswith(self._end):
                    return bytes(answer[: -len(self._end)])
        except BrokenPipeError:
            pass
        return None


def _parse(record: bytes) -> Commit:
    head, _, diff = record.partition(b"\0")
    oid, tree, seconds, parents = head.split(b":")
    return Commit(oid, tree, int(seconds or 0), parents.split(), diff.lstrip(b"\n"))
