"""Remote repositories: a clone without blobs in the cache, then the needed blobs in one request."""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from goutbench.config import RepositoryConfig
from goutbench.curate.git.repository import (
    Repository,
    commit_as_of,
    commit_facts,
    default_tip,
    error_message,
    is_full_hash,
    open_repository,
    resolve_revision,
    run_git,
)
from goutbench.errors import SourceError, StorageError
from goutbench.locations.foreign_git import own_settings, read_environment
from goutbench.records import short_hash

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[\w.-]+@[\w.-]+:")
# forced, because a branch or tag may have moved on the remote
_REFERENCES = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
Report = Callable[[str], None]


def is_url(source: str) -> bool:
    """Whether a source has to be cloned: `scheme://…` or `user@host:…`."""
    return _URL.match(source) is not None


def open_clone(config: RepositoryConfig, cache: Path, *, pinned: str | None, report: Report) -> Repository:
    """The cached clone of a remote repository, which contains the requested commit.

    The network is not used if the remote would give the same result: for the full hash of a commit in the
    clone, and for a date before the clone's newest commit. Raises SourceError with git's message.
    """
    clone = _Clone(config, cache)
    with clone.lock():
        git_dir = clone.git_dir()
        if not git_dir.exists():
            report("cloning without blobs")
            clone.create(git_dir)
        repository = replace(open_repository(config.name, git_dir), owned=True)
        if not clone.is_current(repository, pinned):
            report("fetching")
            clone.update(repository)
    return repository


@dataclass(frozen=True, slots=True)
class _Clone:
    """The clone of a remote repository in the folder of clones."""

    config: RepositoryConfig
    cache: Path

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the clone: one process at a time works on it."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with (self.cache / f".{self.config.file_stem}.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def git_dir(self) -> Path:
        """The folder of the clone of this URL; a second URL with the same name gets another folder."""
        plain = self.cache / f"{self.config.file_stem}.git"
        if not plain.exists():
            return plain
        if own_settings(plain).get("remote.origin.url") == self.config.source:
            return plain
        return self.cache / f"{self.config.file_stem}-{short_hash(self.config.source)}.git"

    def create(self, git_dir: Path) -> None:
        """Clone under a temporary name, then rename: an interrupted clone never has the final name."""
        for interrupted in git_dir.parent.glob(f".{git_dir.name}.*.partial"):
            shutil.rmtree(interrupted, ignore_errors=True)
        # with our process id: a git that outlived its killed parent may still remove its own folder
        partial = git_dir.with_name(f".{git_dir.name}.{os.getpid()}.partial")
        options = ("--bare", "--filter=blob:none", "--quiet", "--origin", "origin")
        try:
            _network(self.config, ["clone", *options, "--", self.config.source, str(partial)])
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        partial.rename(git_dir)

    def is_current(self, repository: Repository, pinned: str | None) -> bool:
        """Whether the remote could not give another commit than the clone does."""
        try:
            exact = pinned or self.config.revision
            if exact is not None:  # a branch or a tag may have moved since
                return is_full_hash(exact) and bool(resolve_revision(repository, exact))
            instant = self.config.as_of_instant()
            if instant is None:
                return False
            # new commits on the remote do not change which one was the newest before an earlier date
            _, tip_date = commit_facts(repository, default_tip(repository))
            return tip_date > instant and bool(commit_as_of(repository, instant))
        except SourceError:
            return False

    def update(self, repository: Repository) -> None:
        """Fetch the remote's branches, tags and default branch."""
        directory = ["--git-dir", str(repository.git_dir)]
        fetch = ["fetch", "--quiet", "--no-auto-gc", "--no-tags", "--prune", "--filter=blob:none"]
        _network(self.config, [*directory, *fetch, "origin", *_REFERENCES])
        listing = _network(self.config, [*directory, "ls-remote", "--symref", "origin", "HEAD"])
        first = listing.decode("utf-8", "surrogateescape").split("\n", 1)[0]
        if first.startswith("ref: refs/heads/"):
            branch = first.removeprefix("ref: ").split("\t")[0]
            run_git(["git", *directory, "symbolic-ref", "HEAD", branch])


def fetch_blobs(repository: Repository, config: RepositoryConfig, oids: Collection[str]) -> None:
    """Fetch the blobs that our own clone lacks in one request. Blobs that the remote lacks stay absent."""
    absent = sorted(set(oids) - present_objects(repository, oids))
    if absent:
        _fetch_blobs(repository, config, absent)


def present_objects(repository: Repository, oids: Collection[str]) -> set[str]:
    """The objects among these that a clone contains, without a request to its remote."""
    requested = {oid.encode("ascii") for oid in oids}
    command = repository.command(
        "cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)"
    )
    # read as a stream: a large clone lists millions of objects
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=read_environment()) as process:
        assert process.stdout is not None
        return {oid.decode("ascii") for line in process.stdout if (oid := line.rstrip()) in requested}


def _fetch_blobs(repository: Repository, config: RepositoryConfig, oids: Sequence[str]) -> None:
    request = "".join(f"{oid}\n" for oid in oids).encode("ascii")
    fetch = ["fetch", "--quiet", "--no-auto-gc", "--no-tags", "--no-write-fetch-head", "--filter=blob:none"]
    command = ["-c", "fetch.negotiationAlgorithm=noop", "--git-dir", str(repository.git_dir), *fetch]
    try:
        _network(config, [*command, "--stdin", "origin"], stdin=request)
    except SourceError as error:
        if "not our ref" not in error.what:
            raise
        if len(oids) > 1:  # the remote lacks a blob and rejects the request: bisect
            half = len(oids) // 2
            _fetch_blobs(repository, config, oids[:half])
            _fetch_blobs(repository, config, oids[half:])


def _network(config: RepositoryConfig, arguments: Sequence[str], stdin: bytes = b"") -> bytes:
    """Run a git command that uses the network, with the user's own settings and credentials."""
    # nobody would see a prompt, so git must not wait for an answer
    silent = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    ssh = {"GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")}
    done = run_git(["git", *arguments], stdin=stdin, environment={**os.environ, **silent, **ssh})
    if done.returncode == 0:
        return done.stdout
    message = error_message(done.stderr)
    verb = next(word for word in ("clone", "fetch", "ls-remote") if word in arguments)
    where = f"{config.name} ({config.source})"
    if "No space left on device" in message:
        raise StorageError(
            f"git {verb} failed: {message}", where=where, hint="free some space, or give --cache DIR"
        )
    hint = "check the URL and the network, or use a local copy: `source: PATH`, or --mirror DIR"
    raise SourceError(f"git {verb} failed: {message}", where=where, hint=hint)
