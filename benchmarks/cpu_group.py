"""CPU seconds of a command and all of its descendants, also of those that nobody waits for."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_GROUPS = Path("/sys/fs/cgroup/cpuacct")


def run_counted(command: Sequence[str], **settings: Any) -> tuple[subprocess.CompletedProcess[bytes], float]:
    """Run a command that must succeed, in a cgroup; its result and CPU seconds.

    Without a writable `cpuacct`, the seconds are those of processes that were waited for, which lacks the Go
    helper.
    """
    group = group_of(os.getpid())
    with contextlib.suppress(OSError):
        group.mkdir()

    def enter() -> None:
        with contextlib.suppress(OSError):
            (group / "cgroup.procs").write_text(str(os.getpid()))

    before, used = resource.getrusage(resource.RUSAGE_CHILDREN), usage(group)
    done = subprocess.run(command, check=True, preexec_fn=enter, **settings)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    waited = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done, waited if used is None else (usage(group) or 0.0) - used


def group_of(process: int) -> Path:
    """The cgroup of the commands that a benchmark runs, by its process id."""
    return _GROUPS / f"goutbench-bench-{process}"


def usage(group: Path) -> float | None:
    """The CPU seconds of a cgroup; None where there is none."""
    try:
        return int((group / "cpuacct.usage").read_text()) / 1e9
    except OSError:
        return None
