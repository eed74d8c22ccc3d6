"""Download modules and newer toolchains into the workspace: the only step with network access."""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from goutbench.execute.workspace.folders import Workspace
from goutbench.execute.workspace.go_work import is_vendored
from goutbench.golang.toolchain.installation import Toolchain, find_toolchain, go_env, run_go

_DIRECTIVE = re.compile(r"^(?:go\s+|toolchain\s+go)(\d+\.\d+(?:\.\d+)?)", re.MULTILINE)
_DOWNLOAD_SECONDS = 900


@dataclass(frozen=True, slots=True)
class ModuleDownload:
    """The result of preparing one module, or all modules of a workspace.

    `module` is the module's folder, or the go.work; `problem` is the error, empty when nothing is missing.
    """

    module: Path
    result: str
    problem: str


def prepare_modules(
    modules: Iterable[Path],
    toolchain: Toolchain,
    workspace: Workspace,
    *,
    go_works: Iterable[Path] = (),
) -> Iterator[ModuleDownload]:
    """`go mod download` in each module and for each go.work, with the user's GOPROXY; vendored ones need
    nothing."""
    env = go_env(toolchain, cache=workspace.build_cache, modcache=workspace.module_cache, offline=False)
    env |= {"GOTOOLCHAIN": "auto", "GOFLAGS": "-mod=mod", "HOME": str(workspace.scratch)}
    env |= {"GOPATH": str(workspace.scratch / "gopath")}
    for module in sorted(set(modules)):
        if not (module / "go.mod").is_file():
            yield ModuleDownload(module, "no go.mod", "")
        elif (module / "vendor" / "modules.txt").is_file():
            yield ModuleDownload(module, "vendored", "")
        else:
            problem = _download(module, toolchain, env)
            yield ModuleDownload(module, "not downloaded" if problem else "downloaded", problem)
    for go_work in sorted(set(go_works)):
        yield _prepare_workspace(go_work, toolchain, env)


def toolchain_for(file: Path, default: Toolchain, workspace: Workspace) -> Toolchain:
    """The toolchain that a go.mod or go.work requires, if ours is older and a newer one was downloaded; else
    ours."""
    if not file.is_file():
        return default
    directives = _DIRECTIVE.findall(file.read_text(encoding="utf-8", errors="replace"))
    required = max(map(_version, directives), default=(0,))
    if required <= _version(default.version.removeprefix("go")):
        return default
    downloaded = [
        (_version(folder.name.partition("-go")[2].partition(".linux")[0]), folder)
        for folder in (workspace.module_cache / "golang.org").glob("toolchain@*")
    ]
    sufficient = sorted((version, folder) for version, folder in downloaded if version >= required)
    return find_toolchain(sufficient[0][1] / "bin" / "go") if sufficient else default


def _prepare_workspace(go_work: Path, toolchain: Toolchain, env: dict[str, str]) -> ModuleDownload:
    if is_vendored(go_work):
        return ModuleDownload(go_work, "vendored", "")
    problem = _download(go_work.parent, toolchain, env | {"GOWORK": str(go_work), "GOFLAGS": ""})
    return ModuleDownload(go_work, "not downloaded" if problem else "downloaded", problem)


def _download(folder: Path, toolchain: Toolchain, env: dict[str, str]) -> str:
    """The error of `go mod download`; empty when it succeeds."""
    # another user id reads the module cache, so our umask must not make it private
    previous = os.umask(0o022)
    try:
        done = run_go(toolchain, ["mod", "download"], cwd=folder, env=env, timeout=_DOWNLOAD_SECONDS)
    except subprocess.TimeoutExpired:
        return "go mod download took more than 15 minutes"
    finally:
        os.umask(previous)
    return done.stderr.strip() if done.returncode != 0 else ""


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
