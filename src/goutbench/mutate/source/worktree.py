"""The work tree as the sandbox sees it: in place, or as a copy that follows the original."""

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from goutbench.errors import SourceError, StorageError
from goutbench.execute.workspace.folders import Workspace, private_parent
from goutbench.execute.workspace.package import Tree
from goutbench.locations import find_git_dir
from goutbench.records import short_hash

_GIT = ".git"
_READABLE, _ENTERABLE = 0o644, 0o755


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A folder with Go modules, with uncommitted changes. `root` is its real path, `seen` that of the folder
    that commands see: the same, or a copy."""

    root: Path
    seen: Path

    @property
    def tree(self) -> Tree:
        return Tree(self.root.name, "", self.seen)

    def git_dir(self) -> Path | None:
        """The git directory, None outside of git. Raises SourceError if it does not know this folder."""
        return find_git_dir(self.root) if os.path.lexists(self.root / _GIT) else None

    def outer_go_work(self) -> Path | None:
        """A go.work above the root, which the go command would follow, and commands here do not see."""
        files = (parent / "go.work" for parent in self.root.parents)
        return next((file for file in files if file.is_file()), None)

    def inside(self, folder: Path) -> Path:
        """The path of a folder of the work tree as commands see it."""
        return self.seen / folder.relative_to(self.root)


@contextlib.contextmanager
def open_work_tree(folder: Path, workspace: Workspace) -> Iterator[WorkTree]:
    """The work tree around a folder.

    Where the sandbox's users cannot enter it, or a link leads out of it, commands see a copy without these
    links, which only this process may change. Raises SourceError outside of Go modules, StorageError where
    another run uses the copy.
    """
    root = _root_of(folder.resolve())
    # a sandbox without namespaces moves /tmp
    private = root.is_relative_to("/tmp") or (os.geteuid() == 0 and private_parent(root) is not None)
    if not private and not any(_unusual(root, root)):
        yield WorkTree(root, root)
        return
    base = workspace.trees / "work-trees" / short_hash(str(root))
    copy = base / root.name
    copy.mkdir(mode=0o755, parents=True, exist_ok=True)
    with base.with_suffix(".lock").open(
        "w"
    ) as lock:  # beside the folder, in which any name may be the copy's
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "wait until it ends"
            raise StorageError("another run mutates this work tree", where=str(root), hint=hint) from None
        update_copy(root, copy)
        yield WorkTree(root, copy.resolve())


def _root_of(folder: Path) -> Path:
    """The folder of the git repository around a folder, else that of its workspace, else of its module."""
    for name in (_GIT, "go.work", "go.mod"):
        for parent in (folder, *folder.parents):
            if os.path.lexists(parent / name):
                return parent
    raise SourceError(
        "not in a Go module", where=str(folder), hint="run the command in a folder at or below a go.mod"
    )


def _unusual(folder: Path | str, root: Path) -> Iterator[Path]:
    """The links that leave the work tree, and what is neither file nor folder, but for git's own."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == _GIT or entry.is_file(follow_symlinks=False):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _unusual(entry.path, root)
            elif not entry.is_symlink() or not Path(os.path.realpath(entry.path)).is_relative_to(root):
                yield Path(entry.path)


def update_copy(root: Path, copy: Path) -> None:
    """Make a copy equal to the work tree, without git's folder and what `_unusual` names.

    A file of the same size and time is not copied again, so that the second run takes no time.
    """
    omitted = set(_unusual(root, root))
    for parent, folders, files in os.walk(root):
        source, target = Path(parent), copy / Path(parent).relative_to(root)
        folders[:] = [name for name in folders if name != _GIT]
        names = {name for name in (*folders, *files) if name != _GIT and source / name not in omitted}
        target.mkdir(exist_ok=True)
        target.chmod(stat.S_IMODE(source.stat().st_mode) | _ENTERABLE)
        for stale in {path.name for path in target.iterdir()} - names:
            _remove(target / stale)
        links = {name for name in names if (source / name).is_symlink()}
        folders[:] = [name for name in folders if name not in links]
        for name in names:
            is_folder = name in folders
            if is_folder != (target / name).is_dir() or (target / name).is_symlink() != (name in links):
                _remove(target / name)
            if not is_folder:
                _copy_file(source / name, target / name)


def _copy_file(source: Path, target: Path) -> None:
    state = source.lstat()
    with contextlib.suppress(FileNotFoundError):
        copied = target.lstat()
        if (copied.st_size, copied.st_mtime_ns) == (state.st_size, state.st_mtime_ns):
            return
        target.unlink()
    shutil.copy2(source, target, follow_symlinks=False)
    if not target.is_symlink():
        target.chmod(stat.S_IMODE(state.st_mode) | _READABLE)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
