"""The patch of the new tests: made by git, and applied only where nothing has changed since."""

import os
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from goutbench.dataset.store import atomic_file, storage_error
from goutbench.errors import SourceError, ToolError
from goutbench.locations.foreign_git import read_environment
from goutbench.write.results import ChangedFile

_ORDINARY = 0o644


def patch_of(files: Sequence[ChangedFile]) -> bytes:
    """The patch that `git apply` takes at the root of the work tree, empty without a file.

    Raises ToolError.
    """
    if not files:
        return b""
    with tempfile.TemporaryDirectory(prefix="goutbench-patch-") as folder:
        for side, content in [
            (s, c) for f in files for s, c in ((f"a/{f.path}", f.before), (f"b/{f.path}", f.after))
        ]:
            if content is not None:
                path = Path(folder, side)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        Path(folder, "a").mkdir(exist_ok=True)
        options = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-prefix", "--text")
        command = ["git", "diff", "--no-index", *options, "a", "b"]
        try:
            done = subprocess.run(
                command, cwd=folder, env=read_environment(), capture_output=True, check=False
            )
        except FileNotFoundError as error:
            raise ToolError("git is missing", where="the patch", hint="install git") from error
    if done.returncode > 1:
        raise ToolError(done.stderr.decode("utf-8", "replace").strip()[:500], where="git diff --no-index")
    return done.stdout


def write_patch(path: Path, patch: bytes) -> None:
    """Write a patch to a file atomically. Raises StorageError."""
    with atomic_file(path) as partial:
        partial.write_bytes(patch)


def apply(root: Path, files: Sequence[ChangedFile]) -> None:
    """Write the changed files into the work tree; all of them or, where one has changed since, none.

    Raises SourceError where a file is not what it was when the tests were written, or where a link is on the
    way to it; StorageError where it cannot be written.
    """
    root = root.resolve()
    for file in files:
        _check(root, file)
    for file in files:
        path = root / file.path
        try:
            mode = stat.S_IMODE(path.lstat().st_mode) if file.before is not None else _ORDINARY
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".goutbench-")
            with os.fdopen(handle, "wb") as new:
                new.write(file.after)
            Path(name).chmod(mode)
            Path(name).replace(path)
        except OSError as error:
            raise storage_error(error, path) from None


def _check(root: Path, file: ChangedFile) -> None:
    path = root / file.path
    hint = "run the command again: it reads the file anew"
    if path.parent.resolve() != path.parent or path.is_symlink():
        raise SourceError("a link is on the way to this file, which is not followed", where=file.path)
    if file.before is None:
        if os.path.lexists(path):
            raise SourceError(
                "this file has appeared since the tests were written", where=file.path, hint=hint
            )
    elif not path.is_file() or path.read_bytes() != file.before:
        raise SourceError("this file has changed since the tests were written", where=file.path, hint=hint)
