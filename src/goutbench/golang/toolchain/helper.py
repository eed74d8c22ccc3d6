"""The resident Go helper: one child process that answers JSON lines about Go packages."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from goutbench.golang.toolchain.go import Toolchain, build_helper

# `go list` may have to compile every dependency of a package first
LOAD_SECONDS = 900.0


class HelperFault(Exception):
    """The helper crashed, or ran out of memory or time, on one request; the next one gets a new process."""


class GoHelper:
    """A context manager around the helper process. It starts on the first request and restarts after a fault.

    One request at a time (a lock inside); give each worker its own. It runs outside the sandbox: it executes
    nothing of a candidate, only parses and type-checks it, under a memory limit (bytes) and a time limit
    (seconds). `env` is `toolchain.go_env(...)` and is also what its `go list` children get.
    """

    def __init__(
        self, toolchain: Toolchain, env: Mapping[str, str], *, timeout: float = 20.0, memory: int = 3 << 30
    ) -> None:
        self._toolchain = toolchain
        self._env = {**env, "GOUTBENCH_HELPER_MEMORY": str(memory)}
        self._timeout = timeout
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def ask(self, op: str, body: Mapping[str, Any], *, timeout: float | None = None) -> dict[str, Any]:
        """One request, one answer. Raises HelperFault; `timeout` (seconds) overrides the constructor's."""
        line = json.dumps({"op": op, "go": str(self._toolchain.go), **body}).encode() + b"\n"
        with self._lock:
            try:
                process = self._running()
                _write(process, line)
                return dict(json.loads(_read_line(process, timeout or self._timeout)))
            except BaseException:  # after an interrupt, too: its answer would be taken for the next request's
                self._stop()
                raise

    def warm(self, package_dirs: list[Path], *, flags: tuple[str, ...] = ()) -> None:
        """Load packages of one module with a single `go list` (compiles their dependencies into GOCACHE).

        Raises HelperFault.
        """
        dirs = [str(directory.resolve()) for directory in package_dirs]
        answer = self.ask("warm", {"dirs": dirs, "flags": list(flags)}, timeout=LOAD_SECONDS)
        if answer.get("infra"):
            raise HelperFault(answer["infra"])

    def close(self) -> None:
        """End the process; a later request would start another."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [build_helper(self._toolchain)],
                env=self._env,
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            # RLIMIT_DATA and not RLIMIT_AS: the Go runtime reserves far more address space than it uses
            resource.prlimit(self._process.pid, resource.RLIMIT_DATA, (self._memory, self._memory))
            resource.prlimit(self._process.pid, resource.RLIMIT_CORE, (0, 0))
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the go list children too
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _write(process: subprocess.Popen[bytes], line: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(line)
        process.stdin.flush()
    except OSError as error:
        raise HelperFault(f"the Go helper is gone: {error.strerror}") from error


def _read_line(process: subprocess.Popen[bytes], timeout: float) -> bytes:
    assert process.stdout is not None
    handle = process.stdout.fileno()
    deadline = time.monotonic() + timeout
    parts: list[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([handle], [], [], left)[0]:
            raise HelperFault(f"the Go helper gave no answer within {timeout:g} s")
        part = os.read(handle, 1 << 16)
        if not part:
            raise HelperFault("the Go helper crashed or ran out of memory")
        parts.append(part)
    return b"".join(parts)
