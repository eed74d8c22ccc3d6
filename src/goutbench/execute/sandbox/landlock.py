"""The sandbox for machines without namespaces, such as ordinary containers: Landlock, seccomp, and an init
process that decides about what these two cannot tell apart.

Nothing can be mounted, so every path keeps its meaning: a run gets a folder of its own for temporary files,
which TMPDIR and HOME name, and its copy of the sources is there, too. In what it prints, the usual names are
put back.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from goutbench.execute.sandbox.command import PATH, Command, Outcome
from goutbench.execute.sandbox.supervise import (
    missing_programs,
    supervise,
    system_paths,
    why_true_fails,
    worker_user_id,
)

_DEVICES = ("null", "zero", "full", "random", "urandom")
_PROC = (
    "self", "cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "swaps", "sys", "uptime", "version",
)  # fmt: skip
_TEMPORARY = re.compile(r"(^|=)/tmp(?=/|$)")
_DROP = (
    "--clear-groups", "--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Landlock:
    """Landlock for files, signals and abstract sockets; the init process for addresses, for owners, modes and
    times of files, and for new processes; seccomp for all else. `newest` limits the version of Landlock, for
    tests."""

    init: Path
    name: str = "landlock"
    limitation: str = (
        "names, sizes and times of all files can be seen, /tmp and ports are the machine's, disk use is only "
        "watched, a test can read its own program and memory"
    )
    private_tmp: bool = True
    hides_memory: bool = False  # the init process reads addresses there
    newest: int = 0

    def why_unavailable(self) -> str:
        programs = ["env", "prlimit", *(["setpriv"] if os.geteuid() == 0 else [])]
        return missing_programs(programs) or why_true_fails(self)

    def user_id(self, worker: int) -> int:
        return worker_user_id(worker)

    def run(self, command: Command) -> Outcome:
        if command.copy is not None and command.copy.overlay:
            return Outcome(125, b"", b"without namespaces, no overlay can be mounted", "", 0.0, started=False)
        user = self.user_id(command.worker)
        with _private_folder(user) as folder:
            names = {str(folder / "tmp"): "/tmp"}
            if command.copy is not None:
                names[str(folder / "tree")] = str(command.copy.folder)
            command, first = _moved(command, folder), "/"
            copy = command.copy
            replaced = {} if copy is None else {path: str(file) for path, file in copy.replaced}
            settings = {
                "replaced": replaced,
                "landlock": self._access(command)
                | {
                    "writable": list(map(str, (folder / "tmp", folder / "tree", *command.writable))),
                    "temporary": str(folder / "tmp"),
                    "disk": str(folder),
                    "bytes": command.limits.scratch,
                    "tasks": command.limits.processes,
                    "cpu": command.limits.cpu,
                },
            }
            outcome = supervise(self.init, self._prefix(command, first), command, user, settings, gently=True)
        return _with_usual_names(outcome, names)

    def resident(self, command: Command) -> list[str]:
        user = self.user_id(command.worker)
        folder = self.init.parent / f"resident-{user}"
        for path in (folder, folder / "tmp", folder / "tmp" / "home"):
            path.mkdir(mode=0o700, exist_ok=True)
            _give(path, user)
        command = _moved(command, folder)
        access = self._access(command)
        access["writable"] = [str(folder), *map(str, command.writable)]
        inside = [str(self.init), "confine", json.dumps(access), *command.argv]
        return [*self._prefix(command, str(command.cwd)), *command.limits.prlimit(counted=False), *inside]

    def _access(self, command: Command) -> dict[str, object]:
        system = (*system_paths()[0], *(Path("/proc", name) for name in _PROC))
        # nothing can be shown under another name: what is there is shown instead, or for a folder nothing
        inside = (path for source, path in command.mounts if not source.is_dir())
        hidden = [path for source, path in command.mounts if source.is_dir()]
        if command.copy is not None:
            hidden += [command.copy.original / path for path, _ in command.copy.replaced]
        # who may run a file has to be able to read it
        readable = (*system, self.init, *map(Path.resolve, command.readable), *command.programs, *inside)
        devices = [f"/dev/{name}" for name in _DEVICES]
        return {
            "readable": list(map(str, readable)),
            "hidden": [str(path.resolve()) for path in hidden],
            "devices": devices,
            "newest": self.newest,
        }

    def _prefix(self, command: Command, folder: str) -> list[str]:
        user = self.user_id(command.worker)
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", *_DROP, "--"] if os.geteuid() == 0 else []
        return [
            *become,
            "env",
            "-i",
            "-C",
            folder,
            *(f"{name}={value}" for name, value in command.env.items()),
        ]


@contextlib.contextmanager
def _private_folder(user: int) -> Iterator[Path]:
    """A folder of the user's for one command. Its name is short: a socket's path has at most 107 letters."""
    folder = Path(tempfile.mkdtemp(prefix="gb-")).resolve()
    try:
        for path in (folder / "tmp", folder / "tmp" / "home", folder / "tree"):
            path.mkdir(mode=0o755)
            _give(path, user)
        (folder / "tmp").chmod(0o1777)  # as tests expect it of /tmp
        _give(folder, user)
        yield folder
    finally:
        _remove(folder)


def _give(path: Path, user: int) -> None:
    if os.geteuid() == 0:
        os.chown(path, user, user)


def _remove(folder: Path) -> None:
    """Remove a folder, also what a run has made unreadable in it, or has nested deeper than a path can be."""
    with contextlib.suppress(OSError, RecursionError):
        shutil.rmtree(folder)
        return
    for program in (("chmod", "-R", "u+rwx"), ("rm", "-rf")):
        subprocess.run([*program, "--", folder], env={"PATH": PATH}, stderr=subprocess.DEVNULL, check=False)


def _moved(command: Command, folder: Path) -> Command:
    """The command with a folder's `tmp` as /tmp, and its copy of the sources as `tree`."""
    temporary = str(folder / "tmp")
    env = {name: _TEMPORARY.sub(rf"\g<1>{temporary}", value) for name, value in command.env.items()}
    argv = tuple(_TEMPORARY.sub(rf"\g<1>{temporary}", word) for word in command.argv)
    cwd = Path(_TEMPORARY.sub(temporary, str(command.cwd)))
    copy = command.copy
    if copy is not None:
        cwd = folder / "tree" / cwd.relative_to(copy.folder)
        env["PWD"] = str(cwd)
        copy = replace(copy, folder=folder / "tree", original=copy.folder)
    return replace(command, argv=argv, env=env, cwd=cwd, copy=copy)


def _with_usual_names(outcome: Outcome, names: Mapping[str, str]) -> Outcome:
    def text(value: str) -> str:
        for own, usual in names.items():
            value = value.replace(own, usual)
        return value

    def data(value: bytes) -> bytes:
        for own, usual in names.items():
            value = value.replace(own.encode(), usual.encode())
        return value

    reports = tuple(replace(report, tail=text(report.tail)) for report in outcome.reports)
    return replace(outcome, stdout=data(outcome.stdout), stderr=data(outcome.stderr), reports=reports)
