"""Commits that fix a bug, found by rule in a repository's history. Whether they do is for `verify`."""

import hashlib
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from goutbench.errors import SourceError
from goutbench.locations.foreign_git import read_command, read_environment

SINCE = "2019-01-01"
"""Go modules, so that today's Go builds the commit."""
MOST_LINES = 30
"""Lines that the commit adds to and removes from the focal file: a larger change is rarely one fix."""

_BUG = re.compile(
    r"\b(fix(e[sd]|ing)?|bugs?|bugfix|panic(s|king)?|races?|racy|crash(es)?|deadlocks?|leaks?|regressions?"
    r"|incorrect(ly)?|wrong(ly)?|broken|off.by.one|overflows?)\b",
    re.IGNORECASE,
)
_NO_BUG = re.compile(
    r"\b(typos?|lint\w*|spelling|misspell\w*|grammar|go(doc|lint|fmt)|flak\w*|staticcheck)\b"
    r"|\bfix(es|ed|ing)? (the |some |failing |broken )*(tests?|docs?|comments?|build|ci)\b",
    re.IGNORECASE,
)
_OTHER_CODE = {"vendor", "testdata", "third_party", "_examples", "examples"}


@dataclass(frozen=True, slots=True)
class BugFix:
    """A commit that changes one Go file, `path`, and its test file, and says that it fixes a bug."""

    repository: str
    commit: str
    parent: str
    path: str

    @property
    def test_path(self) -> str:
        return self.path.removesuffix(".go") + "_test.go"

    @property
    def name(self) -> str:
        return f"{self.repository}@{self.commit[:8]}"


def find(git_dir: Path, repository: str) -> Iterator[BugFix]:
    """The bug fixes of a repository's main line, in an order that is random and always the same."""
    found = []
    for commit, parents, subject, paths in _commits(git_dir):
        focal = _focal(paths)
        if focal and len(parents) == 1 and _BUG.search(subject) and not _NO_BUG.search(subject):
            fix = BugFix(repository, commit, parents[0], focal)
            if _is_small(git_dir, fix):
                found.append(fix)
    yield from sorted(found, key=lambda fix: hashlib.sha256(fix.commit.encode()).digest())


def _commits(git_dir: Path) -> Iterator[tuple[str, list[str], str, list[str]]]:
    """Commits with parents, subject and changed paths."""
    arguments = ["log", "--no-merges", "--no-renames", f"--since={SINCE}", "--name-only"]
    log = read_git(git_dir, [*arguments, "--format=%x01%H%x00%P%x00%s"]).decode("utf-8", "replace")
    for entry in log.split("\x01")[1:]:
        head, _, body = entry.partition("\n")
        commit, parents, subject = head.split("\0", 2)
        yield commit, parents.split(), subject, list(filter(None, body.splitlines()))


def _focal(changed: Sequence[str]) -> str:
    """The one Go file that a commit changes beside its test file; empty if it is not like that."""
    paths = [path for path in changed if path.endswith(".go")]
    focal = next((path for path in paths if not path.endswith("_test.go")), "")
    if len(paths) != 2 or not focal or _OTHER_CODE.intersection(PurePosixPath(focal).parts):
        return ""
    modules = any(PurePosixPath(path).name in ("go.mod", "go.sum") for path in changed)
    return "" if modules or focal.removesuffix(".go") + "_test.go" not in paths else focal


def _is_small(git_dir: Path, fix: BugFix) -> bool:
    """Whether the focal file changes a little, and the test file grows; not if a partial clone lacks them."""
    command = ["diff-tree", "-r", "--no-renames", "--numstat", fix.parent, fix.commit, "--"]
    try:
        lines = read_git(git_dir, [*command, fix.path, fix.test_path]).decode().splitlines()
    except SourceError:
        return False
    changes = {path: (int(added), int(removed)) for added, removed, path in map(str.split, lines)}
    added, removed = changes.get(fix.path, (0, 0))
    return 0 < added + removed <= MOST_LINES and changes.get(fix.test_path, (0, 0))[0] > 0


def read_git(git_dir: Path, arguments: Sequence[str]) -> bytes:
    """What a git command prints. Raises SourceError where it fails."""
    command = [*read_command(git_dir), *arguments]
    done = subprocess.run(command, capture_output=True, check=False, env=read_environment())
    if done.returncode != 0:
        message = done.stderr.decode("utf-8", "replace").strip()[-500:]
        hint = "a partial clone lacks files of its history; clone it completely"
        raise SourceError(f"git {arguments[0]} fails: {message}", where=str(git_dir), hint=hint)
    return done.stdout


def read_file(git_dir: Path, revision: str, path: str) -> bytes | None:
    """A file of a commit; None where the commit lacks it."""
    command = [*read_command(git_dir), "cat-file", "blob", f"{revision}:{path}"]
    done = subprocess.run(command, capture_output=True, check=False, env=read_environment())
    return done.stdout if done.returncode == 0 else None
