"""A command that is to be contained: what is run, what of the host it may see, how much it may take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from goutbench.execute.sandbox.process import Outcome

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
    output: int = 8 * MIB


@dataclass(frozen=True, slots=True)
class Run:
    """One of several runs of a command: what it adds to the environment, its limits in seconds (0: none).

    `idle` is how long it may go on without using the CPU.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    wall: float = 0.0
    cpu: float = 0.0
    idle: float = 0.0


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, and what of the host it may see. Paths keep their names inside.

    `mounts` are (host path, path inside) pairs for what must appear under another name, read-only; `tmpfs`
    are paths that become empty, private, bounded file systems. With `runs` the command is run once for each
    of them in one sandbox, silently, and everything it left running is killed in between.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    mounts: tuple[tuple[Path, Path], ...] = ()
    tmpfs: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)
    worker: int = 0
    runs: tuple[Run, ...] = ()


class Sandbox(Protocol):
    """The seam: something that can run a Command. Add a class, and one line in SANDBOXES of sandbox.py."""

    @property
    def name(self) -> str:
        """The word that the records carry."""
        ...

    def user_id(self, worker: int) -> int:
        """The host's user id of a worker's commands: what writable files must belong to."""
        ...

    def run(self, command: Command) -> Outcome:
        """Run to the end, within the limits; nothing of it is left afterwards."""
        ...
