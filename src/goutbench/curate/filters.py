"""Filters: the first check that returns a reason rejects a file.

Tree-sitter's error flag is no check: it also reports errors in code that compiles.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from goutbench.config import Filters, RepositoryConfig
from goutbench.errors import ConfigError
from goutbench.golang.syntax.header import is_generated, package_name

_LFS = b"version https://git-lfs.github.com/spec/"
_VENDOR_FOLDERS = {"vendor", "_vendor", "third_party", "Godeps"}


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes. They are empty unless the state is `present`; others: `missing`, `too_large`, …"""

    path: bytes
    state: str
    size: int
    data: bytes = b""


_STATES = {
    "missing": "git has no readable blob for it in this clone",
    "corrupt": "the stored bytes do not match the blob's hash",
    "unreadable": "the file cannot be read",
    "symlink": "a symbolic link, not a file",
    "submodule": "a submodule, not a file",
}


def content_rejection(content: Content, filters: Filters) -> tuple[str, str] | None:
    """The (rule, reason) for which a file's path or bytes cannot be in a dataset; None if they can."""
    return next(((rule, reason) for rule, reason in _checks(content, filters) if reason is not None), None)


def _checks(content: Content, filters: Filters) -> Iterator[tuple[str, str | None]]:
    """Each rule with its reason to reject the file, or None; later rules assume that earlier ones passed."""
    path, data = printable(content.path), content.data
    yield "path_not_utf8", None if _first_not_utf8(content.path) is None else "the path is not UTF-8"
    pattern = next((pattern for pattern in filters.exclude if fnmatchcase(path, pattern)), None)
    yield "excluded", None if pattern is None else f"matches the pattern {pattern!r}"
    drop = filters.vendored == "drop" and is_vendored(path)
    yield "vendored", "is in a folder of vendored code" if drop else None
    if content.state == "too_large":
        yield "too_large", f"{content.size} bytes, over max_bytes {filters.max_bytes}"
    yield content.state, _STATES.get(content.state)
    yield "lfs_pointer", "a Git LFS pointer, not the file itself" if data.startswith(_LFS) else None
    yield "empty", None if data.strip() else "no text in the file"
    at = data.find(b"\0")
    yield "binary", None if at < 0 else f"NUL at byte {at}"
    invalid = _first_not_utf8(data)
    yield "not_utf8", None if invalid is None else f"not UTF-8 at byte {invalid}"
    yield "no_package", None if package_name(data) else "the file does not start with a package clause"
    drop = filters.generated == "drop" and is_generated(data)
    yield "generated", "its header says: Code generated … DO NOT EDIT." if drop else None


def included_paths(config: RepositoryConfig, paths: Sequence[bytes]) -> frozenset[bytes]:
    """The paths of Go files that `include:` names: all of them where it is empty.

    Raises ConfigError for an entry that names none of them.
    """
    if not config.include:
        return frozenset(paths)
    included: set[bytes] = set()
    for entry in config.include:
        matches = {path for path in paths if _is_at(printable(path), entry)}
        if not matches:
            folders = sorted({printable(path).rpartition("/")[0] for path in paths} - {""})
            near = get_close_matches(entry, folders, n=3, cutoff=0.4) or folders[:3]
            raise ConfigError(
                f"no Go file is at {entry!r}",
                where=f"{config.name}: include",
                hint=f"paths start at the repository's root, such as {', '.join(near) or 'x.go'}",
            )
        included |= matches
    return frozenset(included)


def _is_at(path: str, entry: str) -> bool:
    """Whether an entry of `include:` names a path, a folder above it, or a pattern for either."""
    below = path == entry or path.startswith(f"{entry}/")
    return below or fnmatchcase(path, entry) or fnmatchcase(path, f"{entry}/*")


def is_vendored(path: str) -> bool:
    """Whether a path is in a folder of other projects' code."""
    return not _VENDOR_FOLDERS.isdisjoint(path.split("/")[:-1])


def printable(path: bytes) -> str:
    """A path as text. Bytes that are not UTF-8 become `\\xNN`."""
    return path.decode("utf-8", "backslashreplace")


def _first_not_utf8(data: bytes) -> int | None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None
