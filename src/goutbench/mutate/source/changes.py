"""The lines of the work tree that differ from a revision, with uncommitted changes and new files."""

import difflib
import hashlib
import subprocess
from dataclasses import dataclass
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

    def lines(self, path: Path, source: bytes) -> frozenset[int]:
        """The numbers of the lines of a file that are new or changed; of a removed line, that of the next."""
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
        base = self._base
        listing = self._git("ls-tree", "-r", "-z", "--full-tree", base)
        blobs = {}
        for line in listing.split(b"\0")[:-1]:
            head, _, name = line.partition(b"\t")
            blobs[name.decode("utf-8", "surrogateescape")] = head.split()[2].decode()
        return blobs

    @cached_property
    def _base(self) -> str:
        commit = self._git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{self.revision}^{{commit}}"
        )
        try:
            base = self._git("merge-base", commit.decode().strip(), "HEAD")
        except SourceError:  # no common commit
            base = commit
        return base.decode().split()[0]

    def _git(self, *arguments: str) -> bytes:
        where = f"--changed-since {self.revision}"
        if self.work_tree.git_dir is None:
            raise SourceError("the folder is not a git repository", where=where)
        try:
            return subprocess.run(
                [*read_command(self.work_tree.git_dir), *arguments],
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
