"""How every run gets a private copy of a folder: by an overlay file system where the kernel allows, else file by file.

An overlay needs a process outside of the sandbox that may mount into it: our init program, in a mount namespace
of its own (as an ordinary user also in a user namespace). Where we are root, the folder's owner is mapped to
the user id of the run, so that the run owns what it sees.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from goutbench.execute.sandbox.command import PATH, Command, CommandRun, Limits, PrivateCopy, Sandbox

_NAMESPACES = ("unshare", "--mount", "--propagation", "private")
_AS_USER = ("--user", "--map-current-user", "--keep-caps")
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
            copies_of = {
                "folder": str(copy.folder), "socket": outside.fileno(),
                "owner": user if os.geteuid() == 0 else -1,
                "bytes": command.limits.scratch, "base": str(base), "core": copy.core,
            }  # fmt: skip
            prefix = (*_NAMESPACES, *(() if os.geteuid() == 0 else _AS_USER), "--", str(init), "copies")
            yield CopyArguments(
                outside=(*prefix, json.dumps(copies_of), "--"),
                inside=json.dumps({"folder": cwd, "socket": inside.fileno()}),
                fds=(outside.fileno(), inside.fileno()),
            )


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
