"""The folders that executions share: materialised trees, the build cache, the module cache, helpers, scratch.

Commands run as user ids that own nothing (see `sandbox.py`), so as root the workplace must lie where every
user may pass: `/root/.cache` will not do.
"""

import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from goutbench.errors import StorageError
from goutbench.execute.sandbox.command import COMPILER, Sandbox

_PASSWD = "root:x:0:0:root:/tmp/home:/bin/sh\ncandidate:x:{user}:{user}:candidate:/tmp/home:/bin/sh\n"
_GROUP = "root:x:0:\ncandidate:x:{user}:\n"
_HOSTS = "127.0.0.1 localhost\n::1 localhost\n127.0.0.1 sandbox\n"


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where executions keep what they share. All paths are real paths: a symlinked working directory would
    silently disable overlays."""

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
    def etc(self) -> Path:
        return self.root / "etc"

    def account_files(self, user: int) -> tuple[tuple[Path, Path], ...]:
        """An /etc/passwd, group and hosts in which `user` has a name, as mounts of a sandbox."""
        folder = self.etc / str(user)
        if not (folder / "hosts").exists():
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            for name, text in (("passwd", _PASSWD), ("group", _GROUP), ("hosts", _HOSTS)):
                (folder / name).write_text(text.format(user=user))
        return tuple((folder / name, Path("/etc", name)) for name in ("passwd", "group", "hosts"))

    def scratch_folder(self, prefix: str) -> Path:
        """A new private folder for one execution; the caller removes it."""
        folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-{os.getpid()}-", dir=self.scratch))
        folder.chmod(0o755)
        return folder


def default_root() -> Path:
    """`$GOUTBENCH_CACHE`, else the user's cache folder, or for root /var/cache, which all may enter."""
    if chosen := os.environ.get("GOUTBENCH_CACHE"):
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/var/cache/goutbench")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "goutbench"


def open_workplace(root: Path, sandbox: Sandbox) -> Workplace:
    """Create the folders, the build cache owned by the compiler's user id.

    Raises StorageError where they cannot be made, or where the sandbox's users could not reach them.
    """
    try:
        root.mkdir(mode=0o755, parents=True, exist_ok=True)
        place = Workplace(root.resolve())
        for folder in (place.trees, place.module_cache, place.build_cache, place.scratch, place.etc):
            folder.mkdir(mode=0o755, exist_ok=True)
        if os.geteuid() == 0:
            compiler = sandbox.user_id(COMPILER)
            # the gate's `go list` runs as root and must not be the one that makes the cache's folders
            for number in range(256):
                (place.build_cache / f"{number:02x}").mkdir(mode=0o755, exist_ok=True)
            if any(path.stat().st_uid != compiler for path in (place.build_cache, place.build_cache / "ff")):
                _give_tree(place.build_cache, compiler)
        _sweep(place.scratch)
    except OSError as error:
        raise StorageError(f"no workplace: {error}", where=str(root), hint="give --work DIR") from error
    closed = closed_parent(place.root)
    if closed is not None and sandbox.user_id(0) != os.geteuid():
        raise StorageError(
            f"sandboxed users cannot pass {closed}",
            where=str(place.root),
            hint="give --work DIR outside private folders, or set GOUTBENCH_CACHE",
        )
    return place


def closed_parent(path: Path) -> Path | None:
    """The first folder on the way to `path` (itself included) that other users may not enter."""
    for folder in [*reversed(path.parents), path]:
        mode = folder.stat().st_mode
        if not mode & (stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH):
            return folder
    return None


def _sweep(scratch: Path) -> None:
    """Remove what killed runs have left: the folders of processes that are gone."""
    for folder in scratch.glob("run-*-*"):
        if not Path("/proc", folder.name.split("-")[1]).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _give_tree(folder: Path, user: int) -> None:
    os.chown(folder, user, user)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent, name), user, user, follow_symlinks=False)
