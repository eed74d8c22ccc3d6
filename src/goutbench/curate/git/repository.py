"""A git repository: opened, checked, and pinned to one commit."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from goutbench.errors import SourceError, ToolError
from goutbench.locations.foreign_git import own_settings, read_command, read_environment

_PARTIAL = re.compile(r"extensions\.partialclone|remote\..*\.(promisor|partialclonefilter)")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_OLDEST = (2, 32)  # the first version with GIT_CONFIG_GLOBAL; --diff-merges came with 2.31
_HINT = f"install git {_OLDEST[0]}.{_OLDEST[1]} or later"
_EARLIEST, _LATEST = 0, 253402300799  # 1970-01-01 and 9999-12-31, the range of a datetime


@dataclass(frozen=True, slots=True)
class Repository:
    """A git directory."""

    name: str
    git_dir: Path
    partial: bool  # blobs may be missing that a promisor remote has
    owned: bool = False  # our own clone, which we may change; a user's repository is only read

    def command(self, *arguments: str) -> list[str]:
        """The command line of a git call, with limits on memory, so that large packs stay on disk.

        The windows are small because a walk reads a pack in random order.
        """
        settings = (
            "core.packedGitWindowSize=1m",
            "core.packedGitLimit=24m",
            "core.deltaBaseCacheLimit=24m",
        )
        options = [part for setting in settings for part in ("-c", setting)]
        return [*read_command(self.git_dir), *options, *arguments]

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run git and return whatever its exit status is."""
        return run_git(self.command(*arguments), stdin=stdin)

    def output(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """The output of git. Raises SourceError if it fails."""
        done = self.run(*arguments, stdin=stdin)
        if done.returncode != 0:
            raise SourceError(
                f"git {arguments[0]} failed: {error_message(done.stderr)}",
                where=f"{self.name} ({self.git_dir})",
                hint="check it with `git fsck`, or make a new clone",
            )
        return done.stdout


def run_git(
    command: Sequence[str], *, stdin: bytes = b"", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a git command. Raises ToolError if git is not installed."""
    try:
        return subprocess.run(
            command, input=stdin, capture_output=True, check=False, env=environment or read_environment()
        )
    except FileNotFoundError:
        raise ToolError("git is not installed", hint=_HINT) from None


def error_message(stderr: bytes) -> str:
    """Git's error message: its first fatal line, else its last line."""
    lines = stderr.decode("utf-8", "backslashreplace").strip().splitlines()
    fatal = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))]
    return (fatal or lines[-1:] or ["it gave no message"])[0]


@lru_cache(maxsize=1)
def git_version() -> str:
    """The version of git. Raises ToolError if it is missing or too old."""
    printed = run_git(["git", "--version"]).stdout.decode("ascii", "replace")
    version = re.search(r"(\d+)\.(\d+)[.\w]*", printed)
    if version is None or (int(version[1]), int(version[2])) < _OLDEST:
        raise ToolError(f"git is too old: {printed.strip()}", hint=_HINT)
    return version[0]


def open_repository(name: str, git_dir: Path) -> Repository:
    """Open a git directory. Raises SourceError if its history would be incomplete."""
    git_version()
    repository = Repository(name, git_dir, partial=False)
    where = f"{name} ({git_dir})"
    done = repository.run("rev-parse", "--is-shallow-repository")
    if done.returncode != 0:
        raise SourceError(
            f"git cannot read it: {error_message(done.stderr)}", where=where, hint="make a new clone"
        )
    if done.stdout.strip() != b"false":
        what = "the repository is shallow: its history is incomplete, so commit hashes would be wrong"
        raise SourceError(what, where=where, hint="run `git fetch --unshallow`, or clone it without --depth")
    settings = {key: value for key, value in own_settings(git_dir).items() if _PARTIAL.fullmatch(key)}
    if any(value.startswith("tree:") for value in settings.values()):
        what = "the clone lacks trees (--filter=tree:…), so history cannot be read"
        raise SourceError(what, where=where, hint="clone it with --filter=blob:none, or in full")
    return Repository(name, git_dir, partial=bool(settings))


def default_tip(repository: Repository) -> str:
    """The commit at the tip of the default branch.

    That is the upstream's default branch if the clone has a reference to it, else HEAD. Raises SourceError
    for an empty repository and for a HEAD whose branch does not exist.
    """
    for reference in ("refs/remotes/origin/HEAD", "HEAD"):
        commit = _commit_of(repository, reference)
        if commit:
            return commit
    head = repository.run("symbolic-ref", "--quiet", "HEAD").stdout.decode("utf-8", "replace").strip()
    where = f"{repository.name} ({repository.git_dir})"
    if not repository.run("for-each-ref", "--count=1").stdout.strip():
        raise SourceError(
            "the repository is empty: it has no commit", where=where, hint="remove it from the configuration"
        )
    what = f"HEAD names {head or 'no commit'}, which does not exist"
    raise SourceError(what, where=where, hint="give `revision:`, or repair HEAD with `git symbolic-ref`")


def _commit_of(repository: Repository, revision: str) -> str | None:
    done = repository.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    answer = done.stdout.decode("ascii", "replace").strip()
    return answer if is_full_hash(answer) else None  # `^main` and the like give something else


def resolve_revision(repository: Repository, revision: str) -> str:
    """The full hash of the commit that a hash, tag or branch names. Raises SourceError if there is none."""
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

    "Newest" is the first one from the tip, which matters for skewed clocks. Raises SourceError if all
    commits are later.
    """
    tip = default_tip(repository)
    commits = repository.output("rev-list", "--first-parent", "--timestamp", tip)
    limit = instant.timestamp()
    for line in commits.splitlines():
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
    """A commit's seconds since 1970 as an instant in UTC, clamped to the range of a datetime.

    A commit with a malformed committer line has no date. Git treats it as 0, and so does this.
    """
    return datetime.fromtimestamp(min(max(int(seconds or 0), _EARLIEST), _LATEST), UTC)


def is_full_hash(revision: str) -> bool:
    """Whether a revision is a full commit hash, SHA-1 or SHA-256."""
    return _HASH.fullmatch(revision) is not None
