"""Commits that fix a bug, by rule from a repository's history. Whether they do is for executions to show."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from goutbench.curate.git.repository import Repository
from goutbench.errors import SourceError

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
_FOREIGN_CODE = {"vendor", "testdata", "third_party", "_examples", "examples"}


@dataclass(frozen=True, slots=True)
class BugFix:
    """A commit that changes one Go file, `path`, and its test file, and says that it fixes a bug."""

    repository: str
    commit: str
    parent: str
    path: str
    message: str = ""

    @property
    def test_path(self) -> str:
        return self.path.removesuffix(".go") + "_test.go"

    @property
    def name(self) -> str:
        return f"{self.repository}@{self.commit[:8]}"


def find_bug_fixes(repository: Repository, revision: str = "HEAD") -> Iterator[BugFix]:
    """The bug fixes in the history of a revision, in an order that is random and always the same.

    Raises SourceError where git fails.
    """
    fixes = []
    for commit, parents, message, paths in _commits(repository, revision):
        focal, subject = _focal(paths), message.partition("\n")[0]
        if focal and len(parents) == 1 and _BUG.search(subject) and not _NO_BUG.search(subject):
            fix = BugFix(repository.name, commit, parents[0], focal, message)
            if _is_small(repository, fix):
                fixes.append(fix)
    yield from sorted(fixes, key=lambda fix: hashlib.sha256(fix.commit.encode()).digest())


def _commits(repository: Repository, revision: str) -> Iterator[tuple[str, list[str], str, list[str]]]:
    """Commits with parents, message and changed paths."""
    arguments = ["--no-merges", "--no-renames", f"--since={SINCE}", "--name-only"]
    log = repository.output("log", *arguments, "--format=%x01%H%x00%P%x00%B%x00", revision)
    for entry in log.decode("utf-8", "replace").split("\x01")[1:]:
        commit, parents, message, body = entry.split("\0", 3)
        yield commit, parents.split(), message.strip(), list(filter(None, body.splitlines()))


def _focal(changed: Sequence[str]) -> str:
    """The one Go file that a commit changes beside its test file; empty if it is not like that."""
    paths = [path for path in changed if path.endswith(".go")]
    focal = next((path for path in paths if not path.endswith("_test.go")), "")
    if len(paths) != 2 or not focal or _FOREIGN_CODE.intersection(PurePosixPath(focal).parts):
        return ""
    modules = any(PurePosixPath(path).name in ("go.mod", "go.sum") for path in changed)
    return "" if modules or focal.removesuffix(".go") + "_test.go" not in paths else focal


def _is_small(repository: Repository, fix: BugFix) -> bool:
    """Whether the focal file changes a little, and the test file grows; not if a partial clone lacks them."""
    arguments = ["-r", "--no-renames", "--numstat", fix.parent, fix.commit, "--", fix.path, fix.test_path]
    try:
        lines = repository.output("diff-tree", *arguments).decode().splitlines()
    except SourceError:
        return False
    changes = {path: (int(added), int(removed)) for added, removed, path in map(str.split, lines)}
    added, removed = changes.get(fix.path, (0, 0))
    return 0 < added + removed <= MOST_LINES and changes.get(fix.test_path, (0, 0))[0] > 0
