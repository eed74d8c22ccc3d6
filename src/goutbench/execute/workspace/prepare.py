"""The one step with a network, before any candidate runs: modules and newer toolchains into our cache."""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from goutbench.execute.workspace.folders import Workplace
from goutbench.golang.toolchain.go import Toolchain, find_toolchain, go_env, run_go

_DIRECTIVE = re.compile(r"^(?:go\s+|toolchain\s+go)(\d+\.\d+(?:\.\d+)?)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What preparing one module came to; `problem` is the go command's words, empty when all is there."""

    module: Path
    what: str
    problem: str


def prepare_modules(modules: Iterable[Path], toolchain: Toolchain, place: Workplace) -> Iterator[Prepared]:
    """`go mod download` in each module with the user's GOPROXY; vendored modules need nothing."""
    env = go_env(toolchain, cache=place.build_cache, modcache=place.module_cache, offline=False)
    env |= {"GOTOOLCHAIN": "auto", "GOFLAGS": "-mod=mod", "HOME": str(place.scratch)}
    env |= {"GOPATH": str(place.scratch / "gopath")}
    for module in sorted(set(modules)):
        if not (module / "go.mod").is_file():
            yield Prepared(module, "no go.mod", "")
        elif (module / "vendor" / "modules.txt").is_file():
            yield Prepared(module, "vendored", "")
        else:
            yield _download(module, toolchain, env)


def toolchain_for(module: Path, default: Toolchain, place: Workplace) -> Toolchain:
    """The toolchain that a module asks for, when ours is older and preparing has fetched it; else ours."""
    if not (module / "go.mod").is_file():
        return default
    wanted = max((_version(text) for text in _wanted(module)), default=(0,))
    if wanted <= _version(default.version.removeprefix("go")):
        return default
    found = [
        (_version(folder.name.partition("-go")[2].partition(".linux")[0]), folder)
        for folder in (place.module_cache / "golang.org").glob("toolchain@*")
    ]
    fitting = sorted((version, folder) for version, folder in found if version >= wanted)
    return find_toolchain(fitting[0][1] / "bin" / "go") if fitting else default


def _download(module: Path, toolchain: Toolchain, env: dict[str, str]) -> Prepared:
    # another user id reads the module cache: no umask of ours may close it
    previous = os.umask(0o022)
    try:
        done = run_go(toolchain, ["mod", "download"], cwd=module, env=env, timeout=900)
    except subprocess.TimeoutExpired:
        return Prepared(module, "not downloaded", "go mod download took more than 15 minutes")
    finally:
        os.umask(previous)
    problem = done.stderr.strip() if done.returncode != 0 else ""
    return Prepared(module, "not downloaded" if problem else "downloaded", problem)


def _wanted(module: Path) -> list[str]:
    return _DIRECTIVE.findall((module / "go.mod").read_text(encoding="utf-8", errors="replace"))


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
