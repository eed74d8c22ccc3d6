"""Why a file is left out. Each check gives a reason or None; the first that speaks rejects the file.

Tree-sitter's error flag is not among them: on real code that compiles it raises false alarms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from goutbench.config import Filters
from goutbench.golang.syntax.header import is_generated, package_name

_LFS = b"version https://git-lfs.github.com/spec/"
_VENDOR_FOLDERS = {"vendor", "_vendor", "third_party", "Godeps"}


@dataclass(frozen=True, slots=True)
class Content:
    """A regular file's bytes, or why there are none (`missing`, `corrupt`, `too_large`, `symlink`, …)."""

    path: bytes
    state: str
    size: int
    data: bytes = b""


_STATES = {
    "missing": "git finds no readable blob for it in this clone",
    "corrupt": "the stored bytes do not give the blob's hash",
    "unreadable": "the file cannot be read",
    "symlink": "a symbolic link, not a file",
    "submodule": "a submodule, not a file",
}


def content_rejection(content: Content, filters: Filters) -> tuple[str, str] | None:
    """The (rule, reason) for which a file's path or bytes cannot stand in a dataset; None if they can."""
    for rule, check in _CHECKS.items():
        reason = check(content, filters)
        if reason is not None:
            return rule if rule != "state" else content.state, reason
    return None


def is_vendored(path: str) -> bool:
    """Whether a path lies in a folder that holds other projects' code."""
    return not _VENDOR_FOLDERS.isdisjoint(path.split("/")[:-1])


def printable(path: bytes) -> str:
    """A path as text; bytes that are not UTF-8 are written `\\xNN`."""
    return path.decode("utf-8", "backslashreplace")


def _state(content: Content, filters: Filters) -> str | None:
    if content.state == "too_large":
        return f"{content.size} bytes, over max_bytes {filters.max_bytes}"
    return _STATES.get(content.state)


def _path_not_utf8(content: Content, filters: Filters) -> str | None:
    at = _first_not_utf8(content.path)
    return None if at is None else "the path is not UTF-8"


def _excluded(content: Content, filters: Filters) -> str | None:
    path = printable(content.path)
    hits = (pattern for pattern in filters.exclude if fnmatchcase(path, pattern))
    pattern = next(hits, None)
    return None if pattern is None else f"matches the pattern {pattern!r}"


def _vendored(content: Content, filters: Filters) -> str | None:
    drop = filters.vendored == "drop" and is_vendored(printable(content.path))
    return "lies in a folder of vendored code" if drop else None


def _lfs_pointer(content: Content, filters: Filters) -> str | None:
    return "a Git LFS pointer, not the file itself" if content.data.startswith(_LFS) else None


def _empty(content: Content, filters: Filters) -> str | None:
    return None if content.data.strip() else "no text in the file"


def _binary(content: Content, filters: Filters) -> str | None:
    at = content.data.find(b"\0")
    return None if at < 0 else f"NUL at byte {at}"


def _not_utf8(content: Content, filters: Filters) -> str | None:
    at = _first_not_utf8(content.data)
    return None if at is None else f"not UTF-8 at byte {at}"


def _no_package(content: Content, filters: Filters) -> str | None:
    return None if package_name(content.data) else "the file does not begin with a package clause"


def _generated(content: Content, filters: Filters) -> str | None:
    drop = filters.generated == "drop" and is_generated(content.data)
    return "its header says: Code generated … DO NOT EDIT." if drop else None


def _first_not_utf8(data: bytes) -> int | None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None


_CHECKS: dict[str, Callable[[Content, Filters], str | None]] = {
    "path_not_utf8": _path_not_utf8,
    "excluded": _excluded,
    "vendored": _vendored,
    "state": _state,
    "lfs_pointer": _lfs_pointer,
    "empty": _empty,
    "binary": _binary,
    "not_utf8": _not_utf8,
    "no_package": _no_package,
    "generated": _generated,
}
