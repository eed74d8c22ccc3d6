"""That the canary has passed on this machine, for a day, and while nothing changes that it depends on.

An empty file in the workspace, which no sandbox sees. Its name is a hash of all facts, so that a change of
one of them makes the canary run again.
"""

import contextlib
import os
import resource
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import goutbench
from goutbench.execute.sandbox.command import PATH, Sandbox
from goutbench.execute.workspace.folders import Workspace
from goutbench.golang.toolchain.installation import Toolchain
from goutbench.records import short_hash

_SECONDS = 24 * 60 * 60
_FREE = 2 << 30  # bytes; with less, a build may fail that did not before
_SANDBOXES = ("bubblewrap", "unshare", "landlock")
_PROGRAMS = ("bwrap", "unshare", "prlimit", "setpriv", "mount", "nsenter", "env", "sh")
_TOOLS = ("compile", "link", "asm", "vet", "cover", "buildid")
_LIMITS = (
    resource.RLIMIT_DATA, resource.RLIMIT_AS, resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC,
    resource.RLIMIT_FSIZE, resource.RLIMIT_CPU, resource.RLIMIT_STACK,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RememberedPass:
    """A pass of the canary with these facts; `file` is None where none is remembered."""

    file: Path | None

    def holds(self) -> bool:
        """Whether it has passed within a day, and there is still room on the disk."""
        if self.file is None:
            return False
        try:
            age = time.time() - self.file.stat().st_mtime
            return 0 <= age < _SECONDS and shutil.disk_usage(self.file.parent).free >= _FREE
        except OSError:
            return False

    def remember(self) -> None:
        """It has passed now."""
        if self.file is None:
            return
        self.file.parent.mkdir(mode=0o755, exist_ok=True)
        for other in self.file.parent.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another command may forget it now
                if time.time() - other.stat().st_mtime > _SECONDS:
                    other.unlink()
        self.file.touch()

    def forget(self) -> None:
        """It has to pass again."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)


def remembered_pass(
    workspace: Workspace, sandbox: Sandbox, toolchain: Toolchain, facts: Iterable[str]
) -> RememberedPass:
    """What is remembered of a canary that depends on these facts, on this program, and on the machine.

    Nothing under a container engine, whose daemon can change, or without a sandbox.
    """
    if sandbox.name not in _SANDBOXES:
        return RememberedPass(None)
    everything = [*facts, sandbox.name, toolchain.version, *_machine(), *_files(workspace, toolchain)]
    return RememberedPass(workspace.root / "canary" / short_hash(*everything))


def _machine() -> Iterator[str]:
    yield from os.uname()
    yield from (str(os.geteuid()), str(os.getegid()), str(os.cpu_count()))
    for name in ("/proc/sys/kernel/random/boot_id", "/proc/self/cgroup", "/proc/self/uid_map"):
        yield Path(name).read_text() if Path(name).is_file() else ""
    yield from (f"{limit}: {resource.getrlimit(limit)}" for limit in _LIMITS)
    yield from (f"{name}={value}" for name, value in sorted(os.environ.items()) if name[:10] == "GOUTBENCH_")
    for namespace in ("mnt", "user", "pid", "net"):
        yield str(Path(f"/proc/self/ns/{namespace}").readlink())


def _files(workspace: Workspace, toolchain: Toolchain) -> Iterator[str]:
    """The state of every program that takes part, of the toolchain and of goutbench itself."""
    yield from (_state(shutil.which(name, path=PATH)) for name in _PROGRAMS)
    tools = next(toolchain.goroot.glob("pkg/tool/*"), toolchain.goroot)
    for path in (toolchain.go, toolchain.goroot / "VERSION", *(tools / name for name in _TOOLS)):
        yield _state(path)
    yield from (_state(path) for path in sorted((toolchain.goroot / "src" / "testing").rglob("*.go")))
    yield from (_state(path) for path in sorted(workspace.root.glob("bin/*")))
    yield _state(sys.executable)
    device = workspace.root.stat()
    yield f"{workspace.root} {device.st_dev} {device.st_ino}"
    package = Path(goutbench.__file__).parent
    for parent, _, names in sorted(os.walk(package)):
        yield from (_state(Path(parent, name)) for name in sorted(names) if name[-4:] != ".pyc")


def _state(path: str | Path | None) -> str:
    """A file's name, and what changes with its content, also if its time is set back."""
    try:
        state = Path(path or "?").stat()
    except OSError:
        return f"{path} is missing"
    return f"{path} {state.st_ino} {state.st_size} {state.st_mode} {state.st_mtime_ns} {state.st_ctime_ns}"
