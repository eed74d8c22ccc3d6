"""Builds the Go programs of this package, and runs the helper that answers questions about Go packages."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import resource
import secrets
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from goutbench.errors import ToolError
from goutbench.golang.toolchain.answers import HelperError, parse_answer
from goutbench.golang.toolchain.installation import Toolchain, go_env, run_go
from goutbench.locations.caches import helpers_folder, user_cache

# `go list` may have to compile every dependency of a package first
LOAD_SECONDS = 900.0

HELPER_MEMORY = 3 << 30
"""The usual memory limit of a helper process, in bytes."""

_LONGEST_ANSWER = 256 << 20  # bytes


class GoHelper:
    """A context manager around the helper process. It starts on the first request and restarts after an
    error.

    It answers one request at a time (it holds a lock); each worker needs its own. It executes nothing of a
    candidate, only parses and type-checks it, under a memory limit (bytes) and a time limit (seconds). But
    its `go list` processes compile what the repository holds, so give a `command` that starts it in a
    sandbox; without one it runs where we do, for trusted sources. `env` is an environment from `go_env`,
    which the `go list` processes inherit.
    """

    def __init__(
        self,
        toolchain: Toolchain,
        env: Mapping[str, str],
        *,
        command: Sequence[str] = (),
        timeout: float = 20.0,
        memory: int = HELPER_MEMORY,
    ) -> None:
        self._toolchain = toolchain
        self._env = {**env, "GOUTBENCH_HELPER_MEMORY": str(memory)}
        self._command = command
        self._timeout = timeout
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def ask(self, op: str, body: Mapping[str, Any], *, timeout: float | None = None) -> dict[str, Any]:
        """Sends one request, returns its answer. Raises HelperError.

        `timeout` (seconds) overrides the constructor's.
        """
        line = json.dumps({"op": op, "go": str(self._toolchain.go), **body}).encode() + b"\n"
        with self._lock:
            try:
                process = self._running()
                self._write(process, line)
                return parse_answer(self._read_line(process, timeout or self._timeout))
            except BaseException:  # also after an interrupt: a late answer would go to the next request
                self._stop()
                raise

    def ask_loaded(self, op: str, body: Mapping[str, Any], *, timeout: float | None = None) -> dict[str, Any]:
        """Sends a request about a package, and loads the package with `go list` first if necessary.

        Raises HelperError. The answer has `infra` if the package cannot be loaded.
        """
        answer = self.ask(op, body, timeout=timeout)
        if answer.get("need"):
            loaded = self.ask("load", body, timeout=LOAD_SECONDS)
            answer = loaded if loaded.get("infra") else self.ask(op, body, timeout=timeout)
        return answer

    def warm(
        self, package_dirs: list[Path], *, flags: tuple[str, ...] = (), go_work: Path | None = None
    ) -> None:
        """Loads packages of one module with a single `go list`, which compiles their dependencies into
        GOCACHE.

        Raises HelperError.
        """
        dirs = [str(directory.resolve()) for directory in package_dirs]
        body = {"dirs": dirs, "flags": list(flags), "work": str(go_work or "")}
        answer = self.ask("warm", body, timeout=LOAD_SECONDS)
        if answer.get("infra"):
            raise HelperError(answer["infra"])

    def close(self) -> None:
        """Ends the process; a later request starts another."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command or [str(build_helper(self._toolchain))],
                env=self._env,
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            if not self._command:
                # RLIMIT_DATA and not RLIMIT_AS: the Go runtime reserves far more address space than it uses
                resource.prlimit(self._process.pid, resource.RLIMIT_DATA, (self._memory, self._memory))
                resource.prlimit(self._process.pid, resource.RLIMIT_CORE, (0, 0))
        return self._process

    @staticmethod
    def _write(process: subprocess.Popen[bytes], line: bytes) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(line)
            process.stdin.flush()
        except OSError as error:
            raise HelperError(f"the Go helper has ended: {error.strerror}") from error

    @staticmethod
    def _read_line(process: subprocess.Popen[bytes], timeout: float) -> bytes:
        assert process.stdout is not None
        handle = process.stdout.fileno()
        deadline = time.monotonic() + timeout
        parts: list[bytes] = []
        size = 0
        while not parts or not parts[-1].endswith(b"\n"):
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not select.select([handle], [], [], remaining)[0]:
                raise HelperError(f"the Go helper gave no answer within {timeout:g} s")
            part = os.read(handle, 1 << 16)
            if not part:
                raise HelperError("the Go helper crashed or ran out of memory")
            parts.append(part)
            size += len(part)
            if size > _LONGEST_ANSWER:
                raise HelperError("the Go helper's answer is too long")
        return b"".join(parts)

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # also the go list processes
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


# ── building ──────────────────────────────────────────────────────────────────────────────────────


def build_helper(toolchain: Toolchain, name: str = "gohelper") -> Path:
    """Compiles a Go program of this package into the user's cache, once per source and Go version.

    Safe when several processes call it at once. Raises ToolError with the compiler's errors if the build
    fails.
    """
    from importlib.resources import as_file, files

    with as_file(files("goutbench.golang.toolchain") / name) as source:
        folder = helpers_folder() / f"{name}-{_source_hash(source, toolchain)}"
        program = folder / name
        if program.exists():
            return program
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ToolError(
                f"the cache folder cannot be created: {error.strerror}",
                where=str(folder),
                hint="set GOUTBENCH_CACHE or XDG_CACHE_HOME",
            ) from error
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not program.exists():
                _compile(toolchain, source, program)
    return program


def install_program(toolchain: Toolchain, root: Path, name: str) -> Path:
    """Build a Go program of this package; returns a copy in the workspace `root` that the sandbox's users may
    run.

    Raises ToolError if the build fails.
    """
    built = build_helper(toolchain, name)
    target = root.resolve() / "bin" / built.parent.name
    if not target.exists():
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        shutil.copyfile(built, draft)
        draft.chmod(0o755)
        draft.replace(target)
    return target


def _source_hash(source: Path, toolchain: Toolchain) -> str:
    digest = hashlib.sha256(toolchain.version.encode())
    paths = [path for path in source.rglob("*.go") if not path.name.endswith("_test.go")]
    for path in sorted([*paths, source / "go.mod"]):
        digest.update(f"\0{path.relative_to(source)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:32]


def _compile(toolchain: Toolchain, source: Path, program: Path) -> None:
    # the build writes another file, which is renamed: a killed build leaves no program that looks complete
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        # the user's build cache may already contain the standard packages that the program needs
        cache = Path(os.environ.get("GOCACHE") or user_cache() / "go-build")
        env = go_env(toolchain, cache=cache, extra={"CGO_ENABLED": "0"})
        draft = Path(scratch, program.name)
        done = run_go(toolchain, ["build", "-o", str(draft), "."], cwd=source, env=env)
        if done.returncode != 0:
            raise ToolError(
                f"the Go helper does not build with {toolchain.version}: {done.stderr.strip()[:2000]}",
                where=str(source),
                hint="use Go 1.24 or newer",
            )
        draft.replace(program)
