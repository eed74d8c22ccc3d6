"""Read a git directory that somebody else made, without obeying it.

A repository's own configuration can name programs that git runs (`core.fsmonitor`, diff drivers, filters,
credential helpers and dozens more), also through `include.path` and `config.worktree`; its hooks are
programs. So git never reads a foreign repository in place. It reads a *view*: an empty git directory of our
own with links to the repository's objects and references, and with the few settings that say how these are
stored. The pointer of a linked work tree is followed if the other side confirms it, and
`objects/info/alternates` because only who knows the hash of an object gets it. Links that leave the
repository, pipes and devices are errors.
"""

import os
import re
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
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
_POINTER, _CONFIG, _ALTERNATES = 4096, 1 << 20, 1 << 16  # bytes that are read of these files
_DEPTH = 6  # of alternates that have alternates; git allows 5
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
    common = _common_folder(git_dir)
    _check_storage(common)
    folder = tempfile.TemporaryDirectory(prefix="goutbench-git-")
    view = Path(folder.name)
    for name in _LINKED:
        (view / name).symlink_to(common / name)
    (view / "config").write_text(_storage_settings(git_dir), encoding="utf-8")
    return folder


def _common_folder(git_dir: Path) -> Path:
    """Where a git directory has its objects and references: elsewhere for a linked work tree.

    Raises SourceError for a git directory that claims another one's objects as its own.
    """
    try:
        pointer = os.fsdecode(read_regular_file(git_dir / "commondir", most=_POINTER)).strip()
        common = (git_dir / pointer).resolve()
    except FileNotFoundError:
        return git_dir
    except (OSError, ValueError, RuntimeError) as error:
        raise _unreadable(git_dir, str(error)) from None
    if git_dir.parent != common / "worktrees":
        raise _unreadable(git_dir, f"its commondir is {common}, which has no such work tree")
    return common


def _check_storage(common: Path) -> None:
    """Raises SourceError where git would read through a link out of the repository, or wait for a pipe."""
    try:
        for name in _LINKED:
            path = common / name
            if path.is_symlink() and not path.resolve().is_relative_to(common):
                raise _unreadable(common, f"{name} is a link that leads out of the repository")
            if path.is_dir():
                _check_folder(path, common)
            elif path.exists() and not path.is_file():
                raise _unreadable(common, f"{name} is neither a file nor a folder")
        for objects in _alternates(common / "objects", _DEPTH):
            _check_folder(objects, objects)
    except (OSError, ValueError, RuntimeError, RecursionError) as error:
        raise _unreadable(common, str(error)) from None


def _check_folder(folder: Path, real: Path) -> None:
    for path, reason in unusual_entries(folder, real):
        raise _unreadable(real, f"{path.relative_to(real)} {reason}")


def _alternates(objects: Path, depth: int) -> Iterator[Path]:
    """The other folders of objects that git reads for this one."""
    try:
        listing = read_regular_file(objects / "info" / "alternates", most=_ALTERNATES)
    except FileNotFoundError:
        return
    for line in listing.splitlines():
        folder = (objects / os.fsdecode(line)).resolve()
        if line and depth and not line.startswith(b"#") and folder.is_dir():
            yield folder
            yield from _alternates(folder, depth - 1)


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
    try:
        content = read_regular_file(_common_folder(git_dir) / "config", most=_CONFIG)
    except (OSError, ValueError):
        return {}
    listing = ["git", "config", "--file", "-", "--no-includes", "--null", "--list"]
    try:
        done = subprocess.run(
            listing,
            input=content,
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
        is_old_form = goal.startswith("refs/")
        content = f"ref: {goal}\n".encode() if is_old_form else read_regular_file(head, most=_POINTER)
    except OSError as error:
        raise _unreadable(git_dir, error.strerror or str(error)) from None
    copy = view / "HEAD"
    if not copy.exists() or copy.read_bytes() != content:
        copy.write_bytes(content)


def _unreadable(git_dir: Path, reason: str) -> SourceError:
    return SourceError(f"git cannot read it: {reason}", where=str(git_dir), hint="make a new clone")


def confirms_work_tree(git_dir: Path, folder: Path) -> bool:
    """Whether a git directory elsewhere knows this folder as a linked work tree or a submodule of it.

    A folder alone can claim any repository of this machine.
    """
    try:
        back = os.fsdecode(read_regular_file(git_dir / "gitdir", most=_POINTER)).strip()
        if (git_dir / back).resolve() == folder.resolve() / ".git":
            return True
    except (OSError, ValueError, RuntimeError):
        pass
    work_tree = own_settings(git_dir).get("core.worktree")
    try:
        return work_tree is not None and (git_dir / work_tree).resolve() == folder.resolve()
    except (ValueError, RuntimeError):
        return False


# ── files of folders that somebody else made ──────────────────────────────────────────────────────

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Without O_NONBLOCK, opening a pipe waits until somebody writes."""


def read_regular_file(path: Path, *, most: int) -> bytes:
    """The first bytes of a regular file.

    Raises OSError for a link, a pipe or a device, ValueError for NUL in the path.
    """
    descriptor = os.open(path, _OPEN)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"not a regular file: {path.name}")
        return file.read(most)


def unusual_entries(folder: Path | str, real: Path) -> Iterator[tuple[Path, str]]:
    """What is at or below a folder and is neither a folder nor a regular file, with the reason.

    A link counts only if it leads out of `real`, a real path. Raises OSError for an unreadable folder.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from unusual_entries(entry.path, real)
            elif not entry.is_symlink():
                yield Path(entry.path), "is neither a file nor a folder"
            elif not Path(os.path.realpath(entry.path)).is_relative_to(real):
                yield Path(entry.path), "is a link that leads out of the repository"
