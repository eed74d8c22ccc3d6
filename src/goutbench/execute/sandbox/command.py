"""The interface of sandboxes: the command to run, what it may see and use, and how it ended."""

import os
import resource
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

MIB = 1 << 20
GIB = 1 << 30
COMPILER = -1
"""The worker number of compile commands: they share one user id, which owns the build cache."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes. `data` is RLIMIT_DATA of each process (RLIMIT_AS would count Go's reservations);
    `memory` is the cgroup's cap on all processes and tmpfs files together; 0 for `data` means no limit."""

    wall: float = 60.0
    cpu: int = 60
    data: int = 2 * GIB
    memory: int = 3 * GIB
    processes: int = 256
    file_size: int = 256 * MIB
    open_files: int = 1024
    scratch: int = 512 * MIB
    output: int = 64 * MIB

    def of_process(self, *, counted: bool = True, timed: bool = True) -> dict[str, int | str]:
        """The limits of each process by their names in the kernel; "unlimited" for none.

        Without `counted` the number of processes has none: the kernel counts all processes of a user. Without
        `timed` CPU time has none.
        """
        limits = {"data": self.data, "fsize": self.file_size, "nofile": self.open_files}
        limits |= {"cpu": self.cpu} if timed else {}
        limits |= {"nproc": self.processes} if counted else {}
        return {name: _possible(name, limit) for name, limit in limits.items()} | {"core": 0}

    def prlimit(self, *, counted: bool = True, timed: bool = True) -> list[str]:
        """The prefix that sets the limits of each process."""
        limits = self.of_process(counted=counted, timed=timed)
        return ["prlimit", *(f"--{name}={limit}" for name, limit in limits.items())]


def _possible(name: str, limit: int) -> int | str:
    """The limit, or the lower one that we have ourselves and may not raise; 0 means none."""
    own = resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))[1]
    if own == resource.RLIM_INFINITY or os.geteuid() == 0:
        return limit or "unlimited"
    return min(limit or own, own)


@dataclass(frozen=True, slots=True)
class CommandRun:
    """One of several runs of a command: what it adds to the environment and at the end of the arguments, and
    its limits in seconds (0: none).

    `idle` limits how long it may run without using the CPU.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    wall: float = 0.0
    cpu: float = 0.0
    idle: float = 0.0
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PrivateCopy:
    """A folder that every run sees as a fresh copy, which it owns and may write to, under the same path.

    `overlay` makes it by an overlay file system, with the files of `core`, a path below `folder`, copied into
    it (an ordinary user's overlay cannot rename folders). Else all is copied from `original` before each run,
    or with a `core` only that, and the files above it; other folders are then links to the originals.
    `replaced` are files of the host in place of files of the folder (paths below it), which nobody can read.
    """

    folder: Path
    overlay: bool
    core: str = ""
    original: Path = Path("/run/original")
    replaced: tuple[tuple[str, Path], ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, and what of the host it may see. Paths have the same names inside.

    `mounts` are (host path, path inside) pairs that appear under another name, read-only; `tmpfs` are paths
    that become empty, private file systems of limited size; `copy` is a folder that is writable although it
    is the host's; `seeds` are (host folder, path inside) pairs of which every run gets a fresh, writable copy
    under that other name, beside a `copy` by overlay; `programs` are files that can be run, and not be read.
    With `runs` the command runs once for each of them in one sandbox, silently, and every process and file
    that a run leaves behind is gone before the next one starts. A `witnessed` command gets the socket of
    `golang/toolchain/testwitness.py`.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    mounts: tuple[tuple[Path, Path], ...] = ()
    tmpfs: tuple[Path, ...] = ()
    copy: PrivateCopy | None = None
    limits: Limits = field(default_factory=Limits)
    worker: int = 0
    runs: tuple[CommandRun, ...] = ()
    programs: tuple[Path, ...] = ()
    witnessed: bool = False
    seeds: tuple[tuple[Path, Path], ...] = ()


@dataclass(frozen=True, slots=True)
class RunReport:
    """How one run ended: its exit code (128 + signal), the user plus system seconds of the process and of its
    descendants that were waited for, wall seconds, the limit that ended it, the end of its output, what its
    witness said, and whether a single run filled a build cache of its own with what a go command compiled
    (False where nobody looked)."""

    exit_code: int
    cpu_seconds: float
    wall_seconds: float
    stopped: str
    tail: str
    witness: bytes = b""
    compiled: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended.

    `exit_code` is the process's own, or 128 + the signal's number where a signal ended it. `stopped` names
    the limit of the parent that ended it ("wall", "output"), or is empty. `wall_seconds` includes the start
    of the sandbox; `reports` has one entry for each run that ended by itself or at a limit of its own.
    `memory_exceeded` is only detected where a memory cgroup is writable. `started` is False when the sandbox
    itself failed before the command ran: an infrastructure error, never the command's.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    stopped: str
    wall_seconds: float
    started: bool = True
    memory_exceeded: bool = False
    reports: tuple[RunReport, ...] = ()

    @property
    def cpu_seconds(self) -> float:
        return sum(report.cpu_seconds for report in self.reports)

    @property
    def ok(self) -> bool:
        return self.exit_code == 0 and not self.stopped and self.started


class Sandbox(Protocol):
    """Runs commands in isolation. To add one, write a class, and add it to SANDBOXES in `choose.py`."""

    def __hash__(self) -> int:
        """Sandboxes are values: what was found out about one is kept."""
        ...

    @property
    def name(self) -> str:
        """The name that execution records carry."""
        ...

    @property
    def limitation(self) -> str:
        """What it lacks compared with the strongest sandbox; empty for that one."""
        ...

    @property
    def private_tmp(self) -> bool:
        """Whether each run has an empty /tmp of its own."""
        ...

    @property
    def hides_memory(self) -> bool:
        """Whether it works with programs that nobody may read, and so nor their memory in /proc."""
        ...

    def why_unavailable(self) -> str:
        """The reason why it does not work on this machine, after trying it; empty when it works."""
        ...

    def user_id(self, worker: int) -> int:
        """The host's user id of a worker's commands: the owner that their writable files need."""
        ...

    def run(self, command: Command) -> Outcome:
        """Run the command to its end, within its limits. No process of it is left afterwards."""
        ...

    def resident(self, command: Command) -> list[str]:
        """The command line that starts the command in isolation, with our standard streams.

        For a program of our own that stays and answers requests. Whoever starts it ends it: when its process
        group is killed, no process of it is left. Its limits are those of each process.
        """
        ...
