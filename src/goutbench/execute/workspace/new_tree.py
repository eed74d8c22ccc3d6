"""Writes the files of a hostile tree: nothing outside of its folder is ever written or read."""

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from goutbench.errors import SourceError

EXECUTABLE, SYMLINK = "100755", "120000"
_LONGEST_PATH, _DEEPEST_PATH = 3_000, 200  # bytes, of the 4,096 that Linux allows, and folders
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class NewTree:
    """A tree under construction in the empty folder `root`.

    Every folder on the way to a file is opened beneath the one before it, and never through a symbolic link.
    So neither a link nor two entries of one name can lead out of the folder.
    """

    root: Path
    links: list[Path] = field(default_factory=list)

    def write(self, path: str, mode: str, content: bytes) -> None:
        """Write one entry of a git tree; `mode` is git's.

        Raises SourceError for a tree that no checkout can hold: a file and a folder of one name, or a name
        that is too long for the file system.
        """
        parent, name = os.path.split(path)
        try:
            if len(os.fsencode(path)) > _LONGEST_PATH or path.count("/") > _DEEPEST_PATH:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
            with _open_folder(self.root, PurePosixPath(parent).parts) as folder:
                if mode == SYMLINK:
                    os.symlink(content, name, dir_fd=folder)
                    self.links.append(self.root / path)
                    return
                permissions = 0o755 if mode == EXECUTABLE else 0o644
                with os.fdopen(os.open(name, _NEW_FILE, permissions, dir_fd=folder), "wb") as handle:
                    os.fchmod(handle.fileno(), permissions)
                    handle.write(content)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the target of a link
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                raise
            reason = error.strerror if isinstance(error, OSError) else error
            raise SourceError(
                f"cannot write the tree's file {path[:200]!r}: {reason}",
                hint="check the tree with `git fsck`",
            ) from None

    def remove_links_that_leave(self) -> list[str]:
        """Remove the symbolic links that lead out of the tree, also through other links; returns their paths.

        Call it when all files are there, since only then a link's real target is known.
        """
        leaving = links_that_leave(self.root, self.links)
        for link in leaving:
            link.unlink()
        return [str(link.relative_to(self.root)) for link in leaving]


def links_that_leave(root: Path, links: Iterable[Path]) -> list[Path]:
    """Those of the symbolic links whose real target is not below `root`."""
    real = root.resolve()
    return [link for link in links if not _leads_into(real, link)]


@contextlib.contextmanager
def _open_folder(root: Path, parts: tuple[str, ...]) -> Iterator[int]:
    """A descriptor of the folder `parts` below `root`, which is created where it is missing."""
    folder = os.open(root, _FOLDER)
    try:
        for part in parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=folder)
            inner = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _leads_into(root: Path, link: Path) -> bool:
    try:
        return Path(os.path.realpath(link)).is_relative_to(root)
    except (OSError, RuntimeError, ValueError):
        return False
