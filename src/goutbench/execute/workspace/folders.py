"""The folders that executions share: materialised trees, the build cache, the module cache, scratch folders.

Commands run as user ids that own nothing (see `sandbox/choose.py`), so root's workspace must be in a folder
that every user may enter: `/root/.cache` does not work.
"""

import contextlib
import fcntl
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from goutbench.errors import StorageError
from goutbench.execute.sandbox.command import COMPILER, Sandbox

_ACCOUNT_FILES = {
    "passwd": "root:x:0:0:root:/tmp/home:/bin/sh\ncandidate:x:{user}:{user}:candidate:/tmp/home:/bin/sh\n",
    "group": "root:x:0:\ncandidate:x:{user}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n127.0.0.1 sandbox\n",
}


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders below `root`. All paths are real paths: Go silently ignores overlays in a symlinked working
    directory."""

    root: Path

    @property
    def trees(self) -> Path:
        return self.root / "trees"

    @property
    def build_cache(self) -> Path:
        return self.root / "build-cache"

    @property
    def module_cache(self) -> Path:
        return self.root / "modules"

    @property
    def scratch(self) -> Path:
        return self.root / "scratch"

    @property
    def go_works(self) -> Path:
        return self.root / "go-work"

    @property
    def witness(self) -> Path:
        return self.root / "witness"

    @property
    def seeds(self) -> Path:
        """Build caches with the compiled standard library, for tests that call the go command."""
        return self.root / "seeds"

    @property
    def empty(self) -> Path:
        """An empty folder, to hide others with."""
        return self.root / "empty"

    def account_files(self, user: int) -> tuple[tuple[Path, Path], ...]:
        """An /etc/passwd, group and hosts in which `user` has a name, as mounts of a sandbox."""
        folder = self.scratch / f"etc-{os.getpid()}-{user}"
        if not (folder / "hosts").exists():
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            for name, text in _ACCOUNT_FILES.items():
                (folder / name).write_text(text.format(user=user))
        return tuple((folder / name, Path("/etc", name)) for name in _ACCOUNT_FILES)

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Makes other commands of this host wait that would do the same in this workspace."""
        locks = self.root / "locks"
        locks.mkdir(exist_ok=True)
        with (locks / f"{platform.node()}-{name}").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def scratch_folder(self, prefix: str) -> Path:
        """A new private folder for one execution; the caller removes it."""
        folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-{os.getpid()}-", dir=self.scratch))
        folder.chmod(0o755)
        return folder


def open_workspace(root: Path, sandbox: Sandbox) -> Workspace:
    """Create the folders, with the build cache owned by the compiler's user id.

    Raises StorageError where they cannot be created, or where the sandbox's users cannot reach them.
    """
    try:
        root.mkdir(mode=0o755, parents=True, exist_ok=True)
        workspace = Workspace(root.resolve())
        cache = workspace.build_cache
        own = (workspace.trees, workspace.scratch, workspace.witness, workspace.empty)
        for folder in (workspace.module_cache, cache, *own):
            folder.mkdir(mode=0o755, exist_ok=True)
        # so that a go command in a sandbox says that a module is missing, and not that it cannot create this
        (workspace.module_cache / "cache" / "download").mkdir(mode=0o755, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            compiler = sandbox.user_id(COMPILER)
            # all folders from the start, so that whoever is first to use one does not become its owner
            for number in range(256):
                (cache / f"{number:02x}").mkdir(mode=0o755, exist_ok=True)
            if any(path.stat().st_uid != compiler for path in (cache, cache / "ff")):
                _change_owner(cache, compiler)
        for folder in (*workspace.scratch.glob("run-*-*"), *workspace.scratch.glob("etc-*-*")):
            if not Path("/proc", folder.name.split("-")[1]).exists():  # its process has ended, or was killed
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise StorageError(
            f"cannot create the workspace: {error}", where=str(root), hint="give --work DIR"
        ) from error
    private = private_parent(workspace.root)
    if private is not None and sandbox.user_id(0) != os.geteuid():
        raise StorageError(
            f"the sandbox's users cannot enter {private}",
            where=str(workspace.root),
            hint="give --work DIR outside private folders, or set GOUTBENCH_CACHE",
        )
    return workspace


def private_parent(path: Path) -> Path | None:
    """The first folder on the way to `path` (itself included) that other users may not enter."""
    for folder in [*reversed(path.parents), path]:
        mode = folder.stat().st_mode
        if not mode & (stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH):
            return folder
    return None


@contextlib.contextmanager
def staging_folder(target: Path) -> Iterator[Path]:
    """A folder that becomes `target` when the block succeeds; if two race for it, the first one wins."""
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
    try:
        yield staging
        staging.chmod(0o755)
        with contextlib.suppress(OSError):
            staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _change_owner(folder: Path, user: int) -> None:
    os.chown(folder, user, user)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent, name), user, user, follow_symlinks=False)
