"""Commits that fix a bug, as tasks of the kind "reproduce" know them. Whether they do is for `verify`."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from goutbench.curate.git.repository import open_repository
from goutbench.locations.foreign_git import read_command, read_environment
from goutbench.tasks.kinds.bug_fixes import BugFix, find_bug_fixes


def find(git_dir: Path, repository: str) -> Iterator[BugFix]:
    """The bug fixes of a repository's main line, in an order that is random and always the same."""
    return find_bug_fixes(open_repository(repository, git_dir))


def read_file(git_dir: Path, revision: str, path: str) -> bytes | None:
    """A file of a commit; None where the commit lacks it."""
    command = [*read_command(git_dir), "cat-file", "blob", f"{revision}:{path}"]
    done = subprocess.run(command, capture_output=True, check=False, env=read_environment())
    return done.stdout if done.returncode == 0 else None
