"""Which ids and names a dataset may hold: they become parts of paths, and a dataset may come from anyone."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._-]+$"
_REPOSITORY = re.compile(REPOSITORY)
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_CONTROL = re.compile(r"[\0-\x1f\x7f]")
_PATHS = ("code_path", "test_path", "path")


def name_problem(row: Mapping[str, Any]) -> str:
    """Why the names in a row of pairs cannot be used; empty if they can. Absent columns are no problem."""
    texts = {name: row.get(name) or "" for name in ("id", "repository", "revision", *_PATHS)}
    if texts["id"] and not _ID.fullmatch(texts["id"]):
        return f"{texts['id'][:200]!r} is not the id of a pair"
    if texts["repository"] and (
        not _REPOSITORY.fullmatch(texts["repository"]) or ".." in texts["repository"].split("/")
    ):
        return f"{texts['repository'][:200]!r} is not organization/repository"
    if _CONTROL.search(texts["revision"]):
        return f"{texts['revision'][:200]!r} is not a revision"
    for path in (texts[name] for name in _PATHS if texts[name]):
        if path.startswith("/") or "\0" in path or ".." in PurePosixPath(path).parts:
            return f"{path[:200]!r} is not a path below the repository's root"
    return ""
