"""Run one process to its end under a limit of wall time and one of output.

Nothing here isolates the process: the sandboxes do that.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from goutbench.execute.sandbox.command import Outcome

_CHUNK = 1 << 16
_GENTLE_SECONDS = 10.0


def run_process(
    argv: Sequence[str],
    *,
    wall_seconds: float,
    output_bytes: int,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes = b"",
    pass_fds: tuple[int, ...] = (),
    gently: bool = False,
) -> Outcome:
    """Run `argv` in a session of its own; at a limit the process group gets SIGKILL.

    With `gently` the process gets SIGTERM first, and ten seconds.

    `output_bytes` limits stdout and stderr together; the output up to the limit is returned.
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
            # the init process reads all of it before it runs anything, so this cannot block forever
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(stdin)
                process.stdin.close()
        stdout, stderr, stopped = _read(process, start + wall_seconds, output_bytes)
    finally:
        if gently:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GENTLE_SECONDS)
        kill_group(process.pid)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        exit_code = process.wait()
    code = exit_code if exit_code >= 0 else 128 - exit_code
    return Outcome(code, stdout, stderr, stopped, time.monotonic() - start)


def kill_group(pid: int) -> None:
    """Send SIGKILL to the process group that `pid` leads; does nothing if the group has ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _read(process: "subprocess.Popen[bytes]", deadline: float, output_bytes: int) -> tuple[bytes, bytes, str]:
    assert process.stdout is not None
    assert process.stderr is not None
    buffers = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    stopped, remaining_bytes = "", output_bytes
    with selectors.DefaultSelector() as selector:
        for descriptor in buffers:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map() and not stopped:
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                stopped = "wall"
                break
            for key, _ in selector.select(seconds):
                data = os.read(key.fd, _CHUNK)
                if not data:
                    selector.unregister(key.fd)
                    continue
                buffers[key.fd] += data[:remaining_bytes]
                remaining_bytes -= len(data)
                if remaining_bytes < 0:
                    stopped = "output"
                    break
    if not stopped:
        # a command may close its streams and continue to run: the limit of wall time still applies
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            stopped = "wall"
    stdout, stderr = (bytes(buffer) for buffer in buffers.values())
    return stdout, stderr, stopped
