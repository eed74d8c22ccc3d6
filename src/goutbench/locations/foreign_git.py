"""Read a git directory that somebody else made, without obeying it.

A repository's own configuration can name programs that git runs (`core.fsmonitor`, diff drivers, filters,
credential helpers and dozens more), also through `include.path` and `config.worktree`; its hooks are
programs. So git never reads a foreign repository in place. It reads a *view*: an empty git directory of our
own with links to the repository's objects and references, and with the few settings that say how these are
stored. `objects/info/alternates` and the pointer of a linked work tree are followed: they lead to objects.
"""

import os
import re
import subprocess
import tempfile
import threading
from functools import cache
from pathlib import Path

from goutbench.errors import SourceError, ToolError

# A user's own configuration and environment (grafts, replace refs, the index of a running hook, diff
# settings, lazy fetches from promisor remotes) must not change the contents of a commit.
_READ_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",  # git 2.45 and later; the next line is for earlier versions
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
_LOCK = threading.Lock()
_LINKED = ("objects", "refs", "packed-refs", "reftable", "shallow")
_STORAGE_SETTINGS = {
    "extensions.objectformat": re.compile("sha1|sha256"),
    "extensions.refstorage": re.compile("files|reftable"),
    "extensions.partialclone": re.compile(r"\w[\w.-]*"),
}


def read_environment() -> dict[str, str]:
    """The environment of a git that only reads: without the caller's GIT_* variables and global settings."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return own | _READ_ENVIRONMENT


def read_command(git_dir: Path) -> list[str]:
    """The start of a git command line that reads the repository in `git_dir`.

    Raises SourceError where the folder is no git directory.
    """
    with _LOCK:
        view = Path(_view(git_dir.resolve()).name)
        _copy_head(git_dir, view)
    return ["git", "--git-dir", str(view), "-c", "core.bare=true"]


@cache
def _view(git_dir: Path) -> tempfile.TemporaryDirectory[str]:
    """The view of a git directory; it lasts until this process ends."""
    folder = tempfile.TemporaryDirectory(prefix="goutbench-git-")
    view = Path(folder.name)
    common = _common_folder(git_dir)
    for name in _LINKED:
        (view / name).symlink_to(common / name)
    (view / "config").write_text(_storage_settings(git_dir), encoding="utf-8")
    return folder


def _common_folder(git_dir: Path) -> Path:
    """Where a git directory has its objects and references: elsewhere for a linked work tree."""
    pointer = git_dir / "commondir"
    try:
        return (
            (git_dir / os.fsdecode(pointer.read_bytes()).strip()).resolve() if pointer.is_file() else git_dir
        )
    except (OSError, ValueError) as error:
        raise _unreadable(git_dir, str(error)) from None


def _storage_settings(git_dir: Path) -> str:
    """A git configuration of the settings that say how objects and references are stored."""
    lines = ["[core]\n\trepositoryformatversion = 1\n"]
    for key, value in own_settings(git_dir).items():
        allowed = _STORAGE_SETTINGS.get(key)
        if allowed is not None and allowed.fullmatch(value):
            section, _, name = key.partition(".")
            lines.append(f"[{section}]\n\t{name} = {value}\n")
            if key == "extensions.partialclone":
                lines.append(f'[remote "{value}"]\n\tpromisor = true\n')
    return "".join(lines)


def own_settings(git_dir: Path) -> dict[str, str]:
    """The settings in a repository's own configuration file, without what it includes.

    Keys are in lower case but for their middle part. An unreadable file has none. Reading runs nothing.
    """
    config = _common_folder(git_dir) / "config"
    listing = ["git", "config", "--file", str(config), "--no-includes", "--null", "--list"]
    try:
        done = subprocess.run(
            listing,
            capture_output=True,
            check=False,
            cwd="/",
            env=read_environment() | {"GIT_DIR": os.devnull},
        )
    except FileNotFoundError as error:
        raise ToolError("git is not installed", hint="install git") from error
    if done.returncode != 0:
        return {}
    pairs = (entry.partition("\n") for entry in done.stdout.decode("utf-8", "replace").split("\0") if entry)
    return {key: value for key, _, value in pairs}


def _copy_head(git_dir: Path, view: Path) -> None:
    """Copy HEAD, which git wants as a file of its own; a symbolic link in place of one is an old form."""
    head = git_dir / "HEAD"
    try:
        goal = str(head.readlink()) if head.is_symlink() else ""
        content = f"ref: {goal}\n".encode() if goal.startswith("refs/") else head.read_bytes()[:4096]
    except OSError as error:
        raise _unreadable(git_dir, error.strerror or str(error)) from None
    copy = view / "HEAD"
    if not copy.exists() or copy.read_bytes() != content:
        copy.write_bytes(content)


def _unreadable(git_dir: Path, reason: str) -> SourceError:
    return SourceError(f"git cannot read it: {reason}", where=str(git_dir), hint="make a new clone")
