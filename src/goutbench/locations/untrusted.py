"""Opens files of folders that somebody else made: no links, pipes or devices."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

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


def unusual_entries(folder: Path, real: Path) -> Iterator[tuple[Path, str]]:
    """What is at or below a folder and is neither a folder nor a regular file, with the reason.

    A link counts only if it leads out of `real`, a real path. Raises OSError for an unreadable folder.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                if not Path(os.path.realpath(entry.path)).is_relative_to(real):
                    yield Path(entry.path), "is a link that leads out of the repository"
            elif entry.is_dir(follow_symlinks=False):
                yield from unusual_entries(Path(entry.path), real)
            elif not entry.is_file(follow_symlinks=False):
                yield Path(entry.path), "is neither a file nor a folder"
