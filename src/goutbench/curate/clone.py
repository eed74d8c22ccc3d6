"""Remote repositories: cloned without blobs into a cache, then the needed blobs in one batch."""

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from goutbench.config import RepositoryConfig
from goutbench.curate.git import (
    Repository,
    commit_as_of,
    commit_facts,
    default_tip,
    open_repository,
    resolve_revision,
    run_git,
    tail,
)
from goutbench.errors import SourceError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[\w.-]+@[\w.-]+:")
_BRANCHES = "+refs/heads/*:refs/heads/*"
Report = Callable[[str], None]


def is_url(source: str) -> bool:
    """Whether a source is to be cloned: `scheme://…` or `user@host:…`."""
    return _URL.match(source) is not None


def cloned(config: RepositoryConfig, cache: Path, *, pinned: str | None, report: Report) -> Repository:
    """The cached clone of a remote repository, holding the commit that is asked for.

    The network is used only where the cache cannot answer. Raises SourceError with git's own words.
    """
    git_dir = cache / f"{config.file_stem}.git"
    with _locked(cache, config.file_stem):
        if not git_dir.exists():
            report("cloning without blobs")
            _clone(config, git_dir)
        repository = open_repository(config.name, git_dir)
        if not _answers(repository, config, pinned):
            report("fetching")
            _fetch(repository, config, "--filter=blob:none", "--prune", "--tags", "origin", _BRANCHES)
    return repository


def fetch_blobs(repository: Repository, config: RepositoryConfig, oids: Collection[str]) -> None:
    """Bring blobs that the clone still lacks, all in one request."""
    absent = sorted(set(oids) - present_objects(repository))
    if absent:
        request = "".join(f"{oid}\n" for oid in absent).encode("ascii")
        options = ("--filter=blob:none", "--no-tags", "--no-write-fetch-head", "--stdin", "origin")
        _fetch(repository, config, *options, stdin=request, negotiate=False)


def present_objects(repository: Repository) -> set[str]:
    """Every object that a clone holds, without asking its remote for any."""
    listing = repository.output(
        "cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)"
    )
    return set(listing.decode("ascii").split())


def _answers(repository: Repository, config: RepositoryConfig, pinned: str | None) -> bool:
    """Whether the cached clone already holds what is asked for: then the network stays untouched."""
    try:
        if pinned is not None:
            return bool(resolve_revision(repository, pinned))
        if config.revision is not None:
            return bool(resolve_revision(repository, config.revision))
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
    partial = git_dir.with_name(f".{git_dir.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    options = ("--bare", "--filter=blob:none", "--quiet")
    done = run_git(
        ["git", "clone", *options, "--", config.source, str(partial)], environment=_network_environment()
    )
    if done.returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        raise _network_error("clone", config, done.stderr)
    partial.rename(git_dir)


def _fetch(
    repository: Repository,
    config: RepositoryConfig,
    *arguments: str,
    stdin: bytes = b"",
    negotiate: bool = True,
) -> None:
    settings = [] if negotiate else ["-c", "fetch.negotiationAlgorithm=noop"]
    command = ["git", "--git-dir", str(repository.git_dir), *settings, "fetch", "--quiet", "--no-auto-gc"]
    done = run_git([*command, *arguments], stdin=stdin, environment=_network_environment())
    if done.returncode != 0:
        raise _network_error("fetch", config, done.stderr)


def _network_environment() -> dict[str, str]:
    """The user's own settings and credentials; never a prompt, which nobody would see."""
    return dict(os.environ) | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def _network_error(verb: str, config: RepositoryConfig, stderr: bytes) -> SourceError:
    return SourceError(
        f"git {verb} failed: {tail(stderr)}",
        where=f"{config.name} ({config.source})",
        mend="check the URL and the network, or use a local copy: `source: PATH`, or --mirror DIR",
    )


@contextmanager
def _locked(cache: Path, stem: str) -> Iterator[None]:
    """One process at a time works on a clone."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f".{stem}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
