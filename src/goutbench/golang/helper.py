"""The resident Go helper: one child process that answers JSON lines about Go packages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from goutbench.golang.toolchain import Toolchain


class HelperFault(Exception):
    """The helper crashed, ran out of memory or out of time on one request; the next request gets a new process."""


class GoHelper:
    """A context manager around the helper process. It starts on the first request and restarts after a fault.

    One request at a time (a lock inside); give each worker its own. It runs outside the sandbox: it executes
    nothing of a candidate, only parses and type-checks it, under a memory limit and a time limit.
    `env` is `toolchain.go_env(...)` and is also what its `go list` children get.
    """

    def __init__(
        self, toolchain: Toolchain, env: Mapping[str, str], *, timeout: float = 20.0, memory: int = 3 << 30
    ) -> None:
        raise NotImplementedError

    def ask(self, op: str, body: Mapping[str, Any], *, timeout: float | None = None) -> dict[str, Any]:
        """One request, one answer. Raises HelperFault; `timeout` (seconds) overrides the constructor's."""
        raise NotImplementedError

    def warm(self, package_dirs: list[Path], *, flags: tuple[str, ...] = ()) -> None:
        """Load many packages of one module with a single `go list` (compiles their dependencies into GOCACHE)."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
