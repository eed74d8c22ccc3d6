"""How every run gets a private copy of a folder: by an overlay file system where the kernel allows, else file by file.

An overlay needs a process outside of the sandbox that may mount into it: our init program, in a mount namespace
of its own (as an ordinary user also in a user namespace). Where we are root, the folder's owner is mapped to
the user id of the run, so that the run owns what it sees.
"""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from goutbench.execute.sandbox.command import PATH, Command, CommandRun, Limits, PrivateCopy, Sandbox

_NAMESPACES = (
    "unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "--propagation", "private", "--",
)  # fmt: skip
_WHOLE = 64 << 20, 10_000
_CORE = 2 << 20, 400
"""Bytes and files of what is copied file by file for each run: all of a folder, or an overlay's core."""

_PROBE = "set -eC; : > .goutbench-probe; [ -O . ]"


@dataclass(frozen=True, slots=True)
class CopyArguments:
    """What makes private copies: `inside` are settings of the init process, `outside` is a prefix of the
    sandbox, `fds` are the descriptors that both inherit."""

    inside: str
    outside: tuple[str, ...] = ()
    fds: tuple[int, ...] = ()


@contextmanager
def copy_arguments(init: Path, command: Command, user: int) -> Iterator[CopyArguments]:
    """The arguments for a command's private copy, if it has one."""
    copy = command.copy
    cwd = str(command.cwd)
    if copy is None:
        yield CopyArguments(inside=json.dumps({"folder": cwd}))
    elif not copy.overlay:
        settings = {"folder": cwd, "from": str(copy.original), "to": str(copy.folder), "core": copy.core}
        yield CopyArguments(inside=json.dumps(settings))
    else:
        base = init.parent / "copies"
        base.mkdir(mode=0o755, exist_ok=True)
        outside, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with outside, inside:
            as_root = os.geteuid() == 0
            owner = copy.folder.stat()
            idmap = (id_map(init, owner.st_uid, owner.st_gid, user),) if as_root else ()
            copies_of = {
                "folder": str(copy.folder), "socket": outside.fileno(),
                "owner": user if as_root else -1, "idmap": sum(idmap),
                "bytes": command.limits.scratch, "base": str(base), "core": copy.core,
            }  # fmt: skip
            yield CopyArguments(
                outside=(*(() if as_root else _NAMESPACES), str(init), "copies", json.dumps(copies_of), "--"),
                inside=json.dumps({"folder": cwd, "socket": inside.fileno()}),
                fds=(outside.fileno(), inside.fileno(), *filter(None, idmap)),
            )


@cache
def id_map(init: Path, user: int, group: int, to: int) -> int:
    """A descriptor of a user namespace that maps a user and a group to another user and group."""
    with subprocess.Popen(
        [init, "idmap", *map(str, (user, group, to))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        pid = process.stdout.readline().strip().decode()
        try:
            return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return 0  # what mounts with it says what is wrong


def with_original(command: Command) -> Command:
    """The command with the mounts that a copy file by file needs: it begins in the copy, which is empty."""
    if command.copy is None or command.copy.overlay:
        return command
    copy = command.copy
    mounts = (*command.mounts, (copy.folder, copy.original))
    return replace(command, tmpfs=(*command.tmpfs, copy.folder), mounts=mounts, cwd=copy.folder)


@cache
def why_no_overlay(sandbox: Sandbox, folder: Path) -> str:
    """Why runs in this sandbox cannot have overlays of a folder, after trying two; empty when they can."""
    copy = PrivateCopy(folder, overlay=True)
    probe = Command(
        ("/bin/sh", "-c", _PROBE), folder, {"PATH": PATH}, readable=(folder,), copy=copy,
        limits=Limits(scratch=1 << 20), runs=(CommandRun(), CommandRun()),
    )  # fmt: skip
    outcome = sandbox.run(probe)
    if outcome.ok and [report.exit_code for report in outcome.reports] == [0, 0]:
        return ""
    message = outcome.stderr.decode("utf-8", "replace").strip()
    return message or next((r.tail for r in outcome.reports if r.exit_code), "") or "it was tried"


def private_copy(sandbox: Sandbox, folder: Path, core: Path) -> PrivateCopy:
    """The best private copy of a folder that this machine can make; `core` is what must be copied at least."""
    part = str(core.relative_to(folder))
    if not why_no_overlay(sandbox, folder):
        needed = os.geteuid() != 0 and _is_small(core, *_CORE)
        return PrivateCopy(folder, overlay=True, core=part if needed else "")
    return PrivateCopy(folder, overlay=False, core="" if _is_small(folder, *_WHOLE) else part)


@cache
def _is_small(folder: Path, max_bytes: int, max_files: int) -> bool:
    size = files = 0
    for parent, folders, names in os.walk(folder):
        files += len(folders) + len(names)
        size += sum(os.lstat(os.path.join(parent, name)).st_size for name in names)
        if size > max_bytes or files > max_files:
            return False
    return True
