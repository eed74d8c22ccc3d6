"""A cgroup per command that limits memory and processes, where this machine allows one.

Version 1 (a hierarchy per controller) and version 2 (one hierarchy) are both in use. A cgroup bounds what
resource limits cannot: the *sum* over many processes, and the memory behind tmpfs files.
"""

import contextlib
import itertools
import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_FILES_V1 = {"memory": "memory.limit_in_bytes", "pids": "pids.max"}
_FILES_V2 = ("memory.max", "pids.max")
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Cgroup:
    """The directories of one cgroup; on version 1 one for each controller."""

    version: int
    folders: tuple[Path, ...]

    def memory_exceeded(self) -> bool:
        """Whether the kernel killed a process of this cgroup for lack of memory."""
        for folder in self.folders:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    entries = (folder / name).read_text().split()
                    fields = dict(zip(entries[::2], entries[1::2], strict=False))
                    if int(fields.get("oom_kill", "0")) > 0:
                        return True
        return False

    def remove(self) -> None:
        """Kill its processes and remove its folders; give up silently after two seconds."""
        deadline = time.monotonic() + 2.0
        for folder in self.folders:
            while folder.exists() and time.monotonic() < deadline:
                self._kill(folder)
                with contextlib.suppress(OSError):
                    folder.rmdir()
                    break
                time.sleep(0.005)

    def join(self) -> list[str]:
        """A prefix that puts the process into the cgroup before the command starts."""
        script = (
            'while [ "$1" != -- ]; do echo $$ > "$1"/cgroup.procs || exit 125; shift; done; shift; exec "$@"'
        )
        return ["/bin/sh", "-c", script, "sh", *map(str, self.folders), "--"]

    def _kill(self, folder: Path) -> None:
        with contextlib.suppress(OSError):
            if (folder / "cgroup.kill").exists():
                (folder / "cgroup.kill").write_text("1")
                return
            for pid in (folder / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(int(pid), 9)


@cache
def parents() -> tuple[int, tuple[Path, ...]]:
    """The cgroup version and the folders in which this process may create cgroups; (0, ()) for none."""
    if bases := _bases_v2():
        return 2, bases
    paths, controllers = _own_paths(), ("memory", "pids")
    bases = tuple(_ROOT / controller / paths.get(controller, "") for controller in controllers)
    if all((_ROOT / controller).is_dir() for controller in controllers) and all(_usable(b, 1) for b in bases):
        return 1, bases
    return 0, ()


def create(memory_bytes: int, processes: int) -> Cgroup | None:
    """A new cgroup with these limits, or None where none can be created."""
    version, bases = parents()
    if not bases:
        return None
    name = f"goutbench-{os.getpid()}-{next(_numbers)}"
    group = Cgroup(version, tuple(base / name for base in bases))
    limits = {
        "memory.max": memory_bytes,
        "memory.limit_in_bytes": memory_bytes,
        "memory.swap.max": 0,
        "pids.max": processes,
    }
    try:
        for folder in group.folders:
            folder.mkdir()
            for file, limit in limits.items():
                if (folder / file).exists():
                    (folder / file).write_text(str(limit))
    except OSError:
        group.remove()
        return None
    return group


def _own_paths() -> dict[str, str]:
    """This process's path in the hierarchy of each controller; "" is version 2's."""
    paths = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(","):
                paths[controller] = path.lstrip("/")
    return paths


def _bases_v2() -> tuple[Path, ...]:
    if not (_ROOT / "cgroup.controllers").exists():
        return ()
    own = _ROOT / _own_paths().get("", "")
    # a cgroup with processes in it cannot pass controllers on to children, so its parent is tried too
    for base in (own, own.parent, _ROOT):
        if _usable(base, 2):
            return (base,)
    return ()


def _usable(base: Path, version: int) -> bool:
    probe = base / f"goutbench-probe-{os.getpid()}"
    try:
        probe.mkdir()
    except OSError:
        return False
    try:
        needed = _FILES_V2 if version == 2 else (_FILES_V1[base.relative_to(_ROOT).parts[0]],)
        return all(os.access(probe / file, os.W_OK) for file in needed)
    finally:
        with contextlib.suppress(OSError):
            probe.rmdir()
