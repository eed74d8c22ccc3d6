"""Download modules and newer toolchains into the workspace: the only step with network access."""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from goutbench.errors import without_user_info
from goutbench.execute.workspace.folders import Workspace, private_parent
from goutbench.execute.workspace.go_work import is_vendored
from goutbench.golang.toolchain.installation import (
    DOWNLOADED,
    NAMED,
    Toolchain,
    download_env,
    find_toolchain,
    installed_toolchains,
    run_go,
    version_key,
)

_GO = re.compile(r"^\s*go\s+(\d+\.\d+\S*)", re.MULTILINE)
_TOOLCHAIN = re.compile(r"^\s*toolchain\s+go(\d+\.\d+\S*)", re.MULTILINE)
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
    """`go mod download` in each module and for each go.work, with the user's own settings; vendored ones
    need nothing."""
    for module in sorted(set(modules)):
        if not (module / "go.mod").is_file():
            yield ModuleDownload(module, "no go.mod", "")
        elif (module / "vendor" / "modules.txt").is_file():
            yield ModuleDownload(module, "vendored", "")
        else:
            yield _download(module / "go.mod", toolchain, workspace)
    for go_work in sorted(set(go_works)):
        if is_vendored(go_work):
            yield ModuleDownload(go_work, "vendored", "")
        else:
            yield _download(go_work, toolchain, workspace)


def toolchain_for(file: Path, default: Toolchain, workspace: Workspace) -> Toolchain:
    """The toolchain for a go.mod or go.work: as for the go command, ours unless it asks for a newer one.

    Then it is the one that its toolchain line names, if that is here, else the oldest that is new enough, for
    the go line at least; ours if there is none, or if the user named it.
    """
    if default.source == NAMED or not file.is_file():
        return default
    text = file.read_text(encoding="utf-8", errors="replace")
    needed, preferred = (
        max(map(version_key, line.findall(text)), default=(0, 0, 0)) for line in (_GO, _TOOLCHAIN)
    )
    preferred, ours = max(needed, preferred), version_key(default.version)
    if preferred <= ours:
        return default
    available = [(version_key(other.version), other) for other in [default, *installed_toolchains()]]
    for version, program in _downloaded(workspace):
        if version >= needed:
            available.append((version, find_toolchain(program, source=DOWNLOADED)))
    for least in (preferred, needed):
        sufficient = [(version, toolchain) for version, toolchain in available if version >= least]
        if sufficient:
            return min(sufficient, key=lambda entry: entry[0])[1]
    return default


def _downloaded(workspace: Workspace) -> Iterator[tuple[tuple[int, int, int], Path]]:
    """The toolchains that go has downloaded: for us, and for the user where sandboxes may read them."""
    own = os.environ.get("GOMODCACHE") or Path(os.environ.get("GOPATH") or "~/go", "pkg", "mod")
    for folder in (workspace.module_cache, Path(own).expanduser()):
        for goroot in sorted(folder.glob("golang.org/toolchain@*")):
            program = goroot / "bin" / "go"
            readable = os.geteuid() != 0 or private_parent(goroot) is None
            if program.is_file() and readable:
                yield version_key(goroot.name.partition("-go")[2].partition(".linux")[0]), program


def _download(file: Path, default: Toolchain, workspace: Workspace) -> ModuleDownload:
    """`go mod download` for a go.mod or go.work, with the Go that it will be built with."""
    toolchain = toolchain_for(file, default, workspace)
    env = download_env(toolchain, cache=workspace.build_cache, modcache=workspace.module_cache)
    env |= {"GOPATH": str(workspace.scratch / "gopath")}
    subject = file.parent
    if file.name == "go.work":
        subject = file
        env |= {"GOWORK": str(file), "GOFLAGS": "-mod=readonly"}
    # another user id reads the module cache, so our umask must not make it private
    previous = os.umask(0o022)
    try:
        done = run_go(toolchain, ["mod", "download"], cwd=file.parent, env=env, timeout=_DOWNLOAD_SECONDS)
        problem = without_user_info(done.stderr.strip()) if done.returncode != 0 else ""
    except subprocess.TimeoutExpired:
        problem = "go mod download took more than 15 minutes"
    finally:
        os.umask(previous)
    return ModuleDownload(subject, "not downloaded" if problem else "downloaded", problem)
