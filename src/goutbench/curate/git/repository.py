"""Asking git: how a repository is opened, refused, cloned, and pinned to one commit."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from goutbench.errors import SourceError, ToolError

# A user's own configuration and environment (grafts, replace refs, an index of a running hook, diff
# settings, lazily fetching promisor remotes) must not change what a commit holds.
_READ_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",  # git 2.45 and later; for earlier ones:
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_OLDEST = (2, 32)  # the first with GIT_CONFIG_GLOBAL; --diff-merges came with 2.31
_EARLIEST, _LATEST = 0, 253402300799  # 1970-01-01 and 9999-12-31, what a datetime can hold


@dataclass(frozen=True, slots=True)
class Repository:
    """A git directory that was found fit to answer."""

    name: str
    git_dir: Path
    partial: bool  # a promisor remote may owe it blobs
    owned: bool = False  # a clone of ours, which may be added to; a user's repository is only read

    def command(self, *arguments: str) -> list[str]:
        """The command line of a git call, with memory windows capped so that large packs stay on disk.

        Small windows: a walk jumps about in a pack, and the limit on all windows together is met later.
        """
        settings = (
            "core.packedGitWindowSize=1m",
            "core.packedGitLimit=24m",
            "core.deltaBaseCacheLimit=24m",
        )
        options = [part for setting in settings for part in ("-c", setting)]
        return ["git", "--git-dir", str(self.git_dir), *options, *arguments]

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run git to its end, whatever its exit status."""
        return run_git(self.command(*arguments), stdin=stdin)

    def output(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What git prints. Raises SourceError where it fails."""
        done = self.run(*arguments, stdin=stdin)
        if done.returncode != 0:
            raise SourceError(
                f"git {arguments[0]} failed: {complaint(done.stderr)}",
                where=f"{self.name} ({self.git_dir})",
                hint="check it with `git fsck`, or take a fresh clone",
            )
        return done.stdout


def read_environment() -> dict[str, str]:
    """The environment of a git that only reads: nothing of the caller's GIT_* and of global settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return kept | _READ_ENVIRONMENT


def run_git(
    command: Sequence[str], *, stdin: bytes = b"", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a git command to its end. Raises ToolError where there is no git."""
    try:
        return subprocess.run(
            command, input=stdin, capture_output=True, check=False, env=environment or read_environment()
        )
    except FileNotFoundError:
        raise ToolError("git is not installed", hint=f"install git {_dotted(_OLDEST)} or later") from None


def complaint(stderr: bytes) -> str:
    """What git complained about: its first fatal line, else its last one."""
    lines = stderr.decode("utf-8", "backslashreplace").strip().splitlines()
    fatal = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))]
    return (fatal or lines[-1:] or ["it gave no message"])[0]


@lru_cache(maxsize=1)
def git_version() -> str:
    """The version of the git in use. Raises ToolError where it is missing or too old."""
    printed = run_git(["git", "--version"]).stdout.decode("ascii", "replace")
    found = re.search(r"(\d+)\.(\d+)[.\w]*", printed)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST:
        hint = f"install git {_dotted(_OLDEST)} or later"
        raise ToolError(f"git is too old: {printed.strip()}", hint=hint)
    return found[0]


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def open_repository(name: str, git_dir: Path) -> Repository:
    """Open a git directory. Raises SourceError where its answers would be missing or wrong."""
    git_version()
    repository = Repository(name, git_dir, partial=False)
    place = f"{name} ({git_dir})"
    done = repository.run("rev-parse", "--is-shallow-repository")
    if done.returncode != 0:
        raise SourceError(
            f"git cannot read it: {complaint(done.stderr)}", where=place, hint="take a fresh clone"
        )
    if done.stdout.strip() != b"false":
        what = "the repository is shallow: its history is cut off, so commit hashes would be wrong"
        raise SourceError(what, where=place, hint="run `git fetch --unshallow`, or clone it without --depth")
    keys = ("--get-regexp", r"^(extensions\.partialclone|remote\..*\.(promisor|partialclonefilter))$")
    settings = repository.run("config", "--local", *keys).stdout
    if b"filter tree:" in settings:
        what = "the clone lacks trees (--filter=tree:…), so history cannot be read"
        raise SourceError(what, where=place, hint="clone it with --filter=blob:none, or in full")
    return Repository(name, git_dir, partial=bool(settings))


def default_tip(repository: Repository) -> str:
    """The commit at the tip of the default branch.

    That is the upstream's default branch where the clone knows one, else what HEAD names. Raises
    SourceError for an empty repository and for a HEAD whose branch has vanished.
    """
    for reference in ("refs/remotes/origin/HEAD", "HEAD"):
        commit = _commit_of(repository, reference)
        if commit:
            return commit
    head = repository.run("symbolic-ref", "--quiet", "HEAD").stdout.decode("utf-8", "replace").strip()
    place = f"{repository.name} ({repository.git_dir})"
    if not repository.run("for-each-ref", "--count=1").stdout.strip():
        raise SourceError("the repository is empty: it has no commit", where=place, hint="leave it out")
    what = f"HEAD names {head or 'no commit'}, which does not exist"
    raise SourceError(what, where=place, hint="give `revision:`, or repair HEAD with `git symbolic-ref`")


def _commit_of(repository: Repository, revision: str) -> str | None:
    done = repository.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    answer = done.stdout.decode("ascii", "replace").strip()
    return answer if is_full_hash(answer) else None  # `^main` and the like resolve to something else


def resolve_revision(repository: Repository, revision: str) -> str:
    """The full hash of the commit that a commit, tag or branch names. Raises SourceError for none."""
    commit = _commit_of(repository, revision)
    if commit is None:
        raise SourceError(
            f"there is no commit {revision!r}",
            where=f"{repository.name} ({repository.git_dir})",
            hint="check the spelling, or fetch it into the repository",
        )
    return commit


def commit_as_of(repository: Repository, instant: datetime) -> str:
    """The newest commit of the default branch's first-parent history that is not later than `instant`.

    "Newest" is by position in that history: with skewed clocks the first one met from the tip wins.
    Raises SourceError where all of it is later.
    """
    tip = default_tip(repository)
    chain = repository.output("rev-list", "--first-parent", "--timestamp", tip)
    limit = instant.timestamp()
    for line in chain.splitlines():
        seconds, _, commit = line.partition(b" ")
        if int(seconds) <= limit:
            return commit.decode("ascii")
    raise SourceError(
        f"the default branch has no commit as of {instant.isoformat()}",
        where=f"{repository.name} ({repository.git_dir})",
        hint="give a later `as_of:`",
    )


def commit_facts(repository: Repository, commit: str) -> tuple[str, datetime]:
    """The tree hash and the committer date of a commit."""
    line = repository.output("log", "-1", "--no-show-signature", "--format=%T %ct", commit).decode("ascii")
    tree, _, seconds = line.strip().partition(" ")
    return tree, to_date(seconds)


def to_date(seconds: str | bytes | int) -> datetime:
    """A commit's seconds since 1970 as an instant in UTC, held within what a datetime can express.

    A commit whose committer line is malformed has none: git counts it as 0, and so do we.
    """
    return datetime.fromtimestamp(min(max(int(seconds or 0), _EARLIEST), _LATEST), UTC)


def is_full_hash(revision: str) -> bool:
    """Whether a revision is a full commit hash, SHA-1 or SHA-256."""
    return _HASH.fullmatch(revision) is not None
