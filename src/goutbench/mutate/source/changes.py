"""The lines of the work tree that differ from a revision, with uncommitted changes and new files."""

import difflib
import hashlib
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from goutbench.errors import SourceError, ToolError
from goutbench.locations.foreign_git import read_command, read_environment
from goutbench.mutate.source.worktree import WorkTree


@dataclass(frozen=True)
class Changes:
    """What the work tree changed since it left `revision`: since the merge base with HEAD, as a reviewer of a
    branch sees it."""

    work_tree: WorkTree
    revision: str
    _changed_lines: dict[tuple[Path, bytes], frozenset[int]] = field(default_factory=dict)

    @property
    def notice(self) -> str:
        """What a reader must know about the comparison; empty for nothing."""
        if self._merge_base:
            return ""
        return (
            f"--changed-since {self.revision}: it has no commit in common with HEAD here, so its own changes "
            "count, too; in a shallow clone, fetch the history"
        )

    def lines(self, path: Path, source: bytes) -> frozenset[int]:
        """The numbers of the lines of a file that are new or changed; of a removed line, that of the next."""
        if (path, source) not in self._changed_lines:
            self._changed_lines[path, source] = self._lines(path, source)
        return self._changed_lines[path, source]

    def _lines(self, path: Path, source: bytes) -> frozenset[int]:
        name = path.relative_to(self.work_tree.seen).as_posix()
        blob = self._blobs.get(name)
        after = source.splitlines()
        if blob is None:
            return frozenset(range(1, len(after) + 1))
        if blob == _blob_hash(source, len(blob)):
            return frozenset()
        before = self._git("cat-file", "blob", blob).splitlines()
        changed: set[int] = set()
        matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
        for tag, _, _, first, end in matcher.get_opcodes():
            if tag != "equal":
                changed |= set(range(first + 1, max(end, first + 1) + 1))
        return frozenset(changed)

    @cached_property
    def _blobs(self) -> dict[str, str]:
        """The hashes of the files at the revision that the work tree is compared with."""
        listing = self._git("ls-tree", "-r", "-z", "--full-tree", self._merge_base or self._commit)
        blobs = {}
        for line in listing.split(b"\0")[:-1]:
            head, _, name = line.partition(b"\t")
            blobs[name.decode("utf-8", "surrogateescape")] = head.split()[2].decode()
        return blobs

    @cached_property
    def _commit(self) -> str:
        revision = f"{self.revision}^{{commit}}"
        return self._git("rev-parse", "--verify", "--quiet", "--end-of-options", revision).decode().strip()

    @cached_property
    def _merge_base(self) -> str:
        """Empty where there is no common commit."""
        commit = self._commit
        try:
            return self._git("merge-base", commit, "HEAD").decode().split()[0]
        except SourceError:
            return ""

    @cached_property
    def _git_dir(self) -> Path | None:
        return self.work_tree.git_dir()

    def _git(self, *arguments: str) -> bytes:
        where = f"--changed-since {self.revision}"
        if self._git_dir is None:
            raise SourceError("the folder is not a git repository", where=where)
        try:
            return subprocess.run(
                [*read_command(self._git_dir), *arguments],
                capture_output=True,
                check=True,
                env=read_environment(),
            ).stdout
        except FileNotFoundError as error:
            raise ToolError("git is missing", where=where, hint="install git") from error
        except subprocess.CalledProcessError as error:
            message = error.stderr.decode("utf-8", "replace").strip() or "no such revision"
            hint = "give a branch, tag or commit of this repository; a shallow clone may lack it"
            raise SourceError(message, where=where, hint=hint) from None


def _blob_hash(content: bytes, digits: int) -> str:
    """git's hash of a file, by SHA-1 or, with 64 digits, SHA-256."""
    algorithm = "sha256" if digits == 64 else "sha1"
    header = b"blob %d\0" % len(content)
    return hashlib.new(algorithm, header + content, usedforsecurity=False).hexdigest()
