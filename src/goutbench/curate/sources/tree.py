"""A plain source tree: files on disk with a version, without git."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from goutbench.curate.filters import Content
from goutbench.errors import SourceError
from goutbench.locations.foreign_git import read_regular_file

_GO_DISTRIBUTION = "VERSION"
_MOST_VERSION = 4096  # bytes


def tree_version(root: Path, declared: str | None) -> str:
    """The version of a tree: declared, or of a Go distribution. Raises SourceError if there is none."""
    if declared is not None:
        return declared
    for folder in (root, root.parent):
        try:
            text = read_regular_file(folder / _GO_DISTRIBUTION, most=_MOST_VERSION).decode("utf-8")
            first = text.split("\n", 1)[0].strip()
        except (OSError, ValueError):
            continue
        if first.startswith("go1"):
            return first
    raise SourceError(
        "neither a git repository nor a plain tree with a version",
        where=str(root),
        hint="give `version:` for a plain source tree, or the path of a git repository",
    )


def tree_files(root: Path) -> list[tuple[bytes, str]]:
    """Every file below a folder as (relative path, "file" or "symlink"), in byte order."""
    return sorted(_scan(root, b""))


def read_file(root: Path, path: bytes, most: int) -> Content:
    """A file's bytes; a file over `most` bytes is not read."""
    file = root / os.fsdecode(path)
    try:
        size = file.lstat().st_size
        if size > most:
            return Content(path, "too_large", size)
        return Content(path, "present", size, read_regular_file(file, most=most))
    except OSError:
        return Content(path, "unreadable", 0)


def tree_digest(root: Path, paths: list[bytes]) -> str:
    """One SHA-256 over the paths and contents of files. It replaces the tree hash of git."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        try:
            with (root / os.fsdecode(path)).open("rb") as handle:
                content = hashlib.file_digest(handle, "sha256").hexdigest()
        except OSError:
            content = "unreadable"  # the file becomes a rejection
        digest.update(b"%s %s\0" % (content.encode("ascii"), path))
    return digest.hexdigest()


def _scan(folder: Path, prefix: bytes) -> Iterator[tuple[bytes, str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + os.fsencode(entry.name)
            if entry.is_symlink():
                yield path, "symlink"
            elif entry.is_dir():
                yield from _scan(folder / entry.name, path + b"/")
            elif entry.is_file():
                yield path, "file"
