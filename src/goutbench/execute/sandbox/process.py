"""Run one command to its end with a wall clock and an output cap, and say what it used.

Nothing here contains anything: `sandbox.py` decides how, this module only starts, reads, stops and measures.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class RunReport:
    """The keeper's word on one run: its exit code (128 + signal), user plus system seconds of the process and
    of its descendants that were waited for, wall seconds, the limit that ended it, the end of its output."""

    exit_code: int
    cpu_seconds: float
    wall_seconds: float
    stopped: str
    tail: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended.

    `exit_code` is the process's own, or 128 + the signal's number where a signal ended it. `stopped` names
    the limit of the parent that ended it ("wall", "output"), or is empty. `wall_seconds` includes the start
    of the sandbox; `reports` has what each run used by itself, and lacks runs that never came to their end.
    `memory_exceeded` is known only where a memory cgroup is writable. `started` is False when the sandbox
    itself failed before the command ran: an infrastructure failure, never the command's.
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


def run_process(
    argv: Sequence[str],
    *,
    wall_seconds: float,
    output_bytes: int,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes = b"",
    pass_fds: tuple[int, ...] = (),
) -> Outcome:
    """Run `argv` in a session of its own; at a limit the whole process group gets SIGKILL.

    `output_bytes` caps stdout and stderr together; what was read up to the cap is returned.
    Raises OSError when the program cannot be started.
    """
    start = time.monotonic()
    process = subprocess.Popen(
        list(argv),
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=None if env is None else dict(env),
        cwd=cwd,
        start_new_session=True,
        pass_fds=pass_fds,
    )
    try:
        if process.stdin is not None:
            _feed(process, stdin)
        stdout, stderr, stopped = _read(process, start + wall_seconds, output_bytes)
    finally:
        kill_group(process.pid)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        exit_code = process.wait()
    code = exit_code if exit_code >= 0 else 128 - exit_code
    return Outcome(code, stdout, stderr, stopped, time.monotonic() - start)


def kill_group(pid: int) -> None:
    """SIGKILL to the process group that `pid` leads; a group that is gone already is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _feed(process: "subprocess.Popen[bytes]", data: bytes) -> None:
    # the keeper reads all of it before it runs anything, so writing before reading cannot block for ever
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(data)
        process.stdin.close()


def _read(process: "subprocess.Popen[bytes]", deadline: float, output_bytes: int) -> tuple[bytes, bytes, str]:
    assert process.stdout is not None
    assert process.stderr is not None
    buffers = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    stopped, left = "", output_bytes
    with selectors.DefaultSelector() as selector:
        for descriptor in buffers:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map() and not stopped:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                stopped = "wall"
                break
            for key, _ in selector.select(remaining):
                data = os.read(key.fd, _CHUNK)
                if not data:
                    selector.unregister(key.fd)
                    continue
                buffers[key.fd] += data[:left]
                left -= len(data)
                if left < 0:
                    stopped = "output"
                    break
    if not stopped:
        stopped = _wait_for_exit(process, deadline)
    stdout, stderr = (bytes(buffer) for buffer in buffers.values())
    return stdout, stderr, stopped


def _wait_for_exit(process: "subprocess.Popen[bytes]", deadline: float) -> str:
    """A command may close its streams and go on running; the wall clock still holds then."""
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return "wall"
    return ""
