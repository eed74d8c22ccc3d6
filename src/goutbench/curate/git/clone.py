"""Remote repositories: cloned without blobs into a cache, then the needed blobs in one request."""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from goutbench.config import RepositoryConfig
from goutbench.curate.git.repository import (
    Repository,
    commit_as_of,
    commit_facts,
    complaint,
    default_tip,
    is_full_hash,
    open_repository,
    read_environment,
    resolve_revision,
    run_git,
)
from goutbench.errors import SourceError, StorageError
from goutbench.records import short_hash

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[\w.-]+@[\w.-]+:")
# forced, so that a branch or a tag that was moved on the remote moves here too
_REFERENCES = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
Report = Callable[[str], None]


def is_url(source: str) -> bool:
    """Whether a source is to be cloned: `scheme://…` or `user@host:…`."""
    return _URL.match(source) is not None


def cloned(config: RepositoryConfig, cache: Path, *, pinned: str | None, report: Report) -> Repository:
    """The cached clone of a remote repository, holding the commit that is asked for.

    The network is used unless the cache is sure to answer as the remote would: for a full commit hash,
    and for a date that lies before the newest commit it holds. Raises SourceError with git's own words.
    """
    with _locked(cache, config.file_stem):
        git_dir = _cache_path(config, cache)
        if not git_dir.exists():
            report("cloning without blobs")
            _clone(config, git_dir)
        repository = replace(open_repository(config.name, git_dir), owned=True)
        if not _answers(repository, config, pinned):
            report("fetching")
            _update(repository, config)
    return repository


def bring_blobs(repository: Repository, config: RepositoryConfig, oids: Collection[str]) -> None:
    """Bring blobs that our own clone still lacks, all in one request; what the remote lacks stays absent."""
    absent = sorted(set(oids) - present_objects(repository, oids))
    if absent:
        _bring(repository, config, absent)


def present_objects(repository: Repository, wanted: Collection[str]) -> set[str]:
    """Which of some objects a clone holds, without asking its remote for any."""
    looked_for = {oid.encode("ascii") for oid in wanted}
    command = repository.command(
        "cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)"
    )
    # read as a stream: a large clone names millions of objects
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=read_environment()) as process:
        assert process.stdout is not None
        return {oid.decode("ascii") for line in process.stdout if (oid := line.rstrip()) in looked_for}


def _cache_path(config: RepositoryConfig, cache: Path) -> Path:
    """Where the clone of this URL lies; a second URL under the same name gets a folder of its own."""
    plain = cache / f"{config.file_stem}.git"
    if not plain.exists():
        return plain
    clone = Repository(config.name, plain, partial=True)
    url = clone.run("config", "--get", "remote.origin.url").stdout.decode("utf-8", "surrogateescape")
    if url.strip() == config.source:
        return plain
    return cache / f"{config.file_stem}-{short_hash(config.source)}.git"


def _answers(repository: Repository, config: RepositoryConfig, pinned: str | None) -> bool:
    try:
        exact = pinned or config.revision
        if exact is not None:  # a branch or a tag may have moved since
            return is_full_hash(exact) and bool(resolve_revision(repository, exact))
        instant = config.as_of_instant()
        # later commits on the remote cannot change what was the newest one before a date already passed
        return (
            instant is not None
            and _tip_date(repository) > instant
            and bool(commit_as_of(repository, instant))
        )
    except SourceError:
        return False


def _tip_date(repository: Repository) -> datetime:
    return commit_facts(repository, default_tip(repository))[1]


def _clone(config: RepositoryConfig, git_dir: Path) -> None:
    """Clone beside the final name, then rename: a clone that was cut off is never taken for a whole one."""
    for left in git_dir.parent.glob(f".{git_dir.name}.*.partial"):
        shutil.rmtree(left, ignore_errors=True)
    # a name of our own: a git that outlived its killed parent may still be cleaning up after itself
    partial = git_dir.with_name(f".{git_dir.name}.{os.getpid()}.partial")
    options = ("--bare", "--filter=blob:none", "--quiet", "--origin", "origin")
    try:
        _network(config, ["clone", *options, "--", config.source, str(partial)])
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    partial.rename(git_dir)


def _update(repository: Repository, config: RepositoryConfig) -> None:
    """Bring the remote's branches and tags, and its choice of the default branch."""
    directory = ["--git-dir", str(repository.git_dir)]
    fetch = ["fetch", "--quiet", "--no-auto-gc", "--no-tags", "--prune", "--filter=blob:none"]
    _network(config, [*directory, *fetch, "origin", *_REFERENCES])
    listing = _network(config, [*directory, "ls-remote", "--symref", "origin", "HEAD"])
    first = listing.decode("utf-8", "surrogateescape").split("\n", 1)[0]
    if first.startswith("ref: refs/heads/"):
        repository.output("symbolic-ref", "HEAD", first.removeprefix("ref: ").split("\t")[0])


def _bring(repository: Repository, config: RepositoryConfig, oids: Sequence[str]) -> None:
    request = "".join(f"{oid}\n" for oid in oids).encode("ascii")
    fetch = ["fetch", "--quiet", "--no-auto-gc", "--no-tags", "--no-write-fetch-head", "--filter=blob:none"]
    command = ["-c", "fetch.negotiationAlgorithm=noop", "--git-dir", str(repository.git_dir), *fetch]
    try:
        _network(config, [*command, "--stdin", "origin"], stdin=request)
    except SourceError as error:
        if "not our ref" not in error.what:
            raise
        if len(oids) > 1:  # the remote lost a blob, and then refuses the whole request: find which one
            half = len(oids) // 2
            _bring(repository, config, oids[:half])
            _bring(repository, config, oids[half:])


def _network(config: RepositoryConfig, arguments: Sequence[str], stdin: bytes = b"") -> bytes:
    """Run a git command that talks to the remote, with the user's own settings and credentials."""
    # nobody would see a question, so none may be asked
    silent = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    ssh = {"GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")}
    done = run_git(["git", *arguments], stdin=stdin, environment={**os.environ, **silent, **ssh})
    if done.returncode == 0:
        return done.stdout
    said = complaint(done.stderr)
    verb = next(word for word in ("clone", "fetch", "ls-remote") if word in arguments)
    place = f"{config.name} ({config.source})"
    if "No space left on device" in said:
        raise StorageError(
            f"git {verb} failed: {said}", where=place, hint="free some space, or give --cache DIR"
        )
    hint = "check the URL and the network, or use a local copy: `source: PATH`, or --mirror DIR"
    raise SourceError(f"git {verb} failed: {said}", where=place, hint=hint)


@contextmanager
def _locked(cache: Path, stem: str) -> Iterator[None]:
    """One process at a time works on a clone."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f".{stem}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
