"""Every run gets a private copy of a folder: by an overlay file system where the kernel allows, else file by
file.

An overlay needs a process outside of the sandbox that may mount into it: our init program, in a mount
namespace of its own (as an ordinary user also in a user namespace). Where we are root, the folder's owner is
mapped to the user id of the run, so that the run owns what it sees.
"""

import atexit
import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from goutbench.execute.sandbox.command import PATH, Command, CommandRun, Limits, PrivateCopy, Sandbox

_NAMESPACES = ("unshare", "--mount", "--propagation", "slave")
_AS_USER = ("--user", "--map-current-user", "--keep-caps")
_TREE = 64 << 20, 10_000
_CORE = 2 << 20, 400
"""Bytes and files of what is copied file by file for each run: all of a folder, or an overlay's core."""

_PROBE = "set -eC; : > .goutbench-probe; [ -O . ]"


@dataclass(frozen=True, slots=True)
class CopyArguments:
    """What makes private copies: `inside` are settings of the init process, `outside` is a prefix of the
    sandbox, `fds` are the descriptors that the init process inherits."""

    inside: str
    outside: tuple[str, ...] = ()
    fds: tuple[int, ...] = ()


@contextmanager
def copy_arguments(
    init: Path, command: Command, user: int, settings: Mapping[str, object]
) -> Iterator[CopyArguments]:
    """The arguments for a command's private copy, if it has one, added to settings. Raises OSError."""
    copy = command.copy
    settings = {**settings, "folder": str(command.cwd)}
    if copy is None or not copy.overlay:
        if copy is not None:
            settings |= {"from": str(copy.original), "to": str(copy.folder), "core": copy.core}
        yield CopyArguments(json.dumps(settings))
        return
    # a file in the writable part from the start hides whether something was written beside it
    nested = any("/" in path for path, _ in copy.replaced)
    settings |= {"to": str(copy.folder), "core": copy.core or ("." if nested else "")}
    size = command.limits.scratch
    with ExitStack() as stack:
        server, inside = _announce(init, copy, copy.folder, size, user)
        stack.enter_context(inside)
        settings["socket"], fds = inside.fileno(), [inside.fileno()]
        seeds = []
        for folder, target in command.seeds:
            server, inside = _announce(init, PrivateCopy(folder, overlay=True), target, size, user)
            stack.enter_context(inside)
            seeds.append({"socket": inside.fileno(), "to": str(target)})
            fds.append(inside.fileno())
        settings["seeds"] = seeds
        yield CopyArguments(json.dumps(settings), server.prefix, tuple(fds))


def _announce(
    init: Path, copy: PrivateCopy, target: Path, size: int, user: int
) -> tuple["CopyServer", socket.socket]:
    """Announce a sandbox that asks for copies at a path `target`; the socket is for its init process."""
    requests, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with requests:
            server = _server(init, os.getpid())
            try:
                server.add_sandbox(copy, target, size, user, requests)
            except OSError:
                _server.cache_clear()  # it was killed
                server = _server(init, os.getpid())
                server.add_sandbox(copy, target, size, user, requests)
    except OSError:
        inside.close()
        raise
    return server, inside


class CopyServer:
    """The process that mounts private copies into sandboxes. It ends with this one."""

    def __init__(self, init: Path) -> None:
        self.init, as_root = init, os.geteuid() == 0
        base = init.parent / "copies"
        base.mkdir(mode=0o755, exist_ok=True)
        self.socket, remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with remote:
            namespaces = _NAMESPACES if as_root else (*_NAMESPACES, *_AS_USER)
            self.process = subprocess.Popen(
                [*namespaces, "--", init, "copies", base],
                stdin=remote.fileno(),
                stderr=subprocess.PIPE,
                cwd="/",
            )
        if not self.socket.recv(16):
            assert self.process.stderr is not None
            raise OSError(self.process.stderr.read().decode("utf-8", "replace").strip())
        # it may mount into sandboxes that are started from its own user namespace
        target = str(self.process.pid)
        self.prefix = () if as_root else ("nsenter", "--preserve-credentials", "--user", "--target", target)

    def add_sandbox(
        self, copy: PrivateCopy, target: Path, size: int, user: int, requests: socket.socket
    ) -> None:
        """Announce a sandbox whose init process asks for copies at the path `target`, of at most `size`
        bytes, through `requests`."""
        sandbox: dict[str, Any] = {"folder": str(copy.folder), "target": str(target)}
        sandbox |= {"core": copy.core, "bytes": size}
        sandbox["replaced"] = {path: str(file) for path, file in copy.replaced}
        fds = [requests.fileno()]
        if os.geteuid() == 0:
            owner = copy.folder.stat()
            fds.append(_id_map(self.init, owner.st_uid, owner.st_gid, user))
            sandbox["owner"] = user
        else:
            sandbox["owner"] = -1
        socket.send_fds(self.socket, [json.dumps(sandbox).encode()], fds)

    def close(self) -> None:
        """End the process."""
        self.socket.close()
        self.process.wait()


@cache
def _server(init: Path, process: int) -> CopyServer:
    server = CopyServer(init)
    atexit.register(server.close)
    return server


@cache
def _id_map(init: Path, user: int, group: int, to: int) -> int:
    """A descriptor of a user namespace that maps a user and a group to another user and group."""
    with subprocess.Popen(
        [init, "idmap", *map(str, (user, group, to))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        pid = process.stdout.readline().strip().decode()
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)


def with_original(command: Command) -> Command:
    """The command with the mounts that a copy file by file needs: it begins in the copy, which is empty."""
    if command.copy is None or command.copy.overlay:
        return command
    copy = command.copy
    replaced = tuple((file, copy.original / path) for path, file in copy.replaced)
    mounts = (*command.mounts, (copy.folder, copy.original), *replaced)
    return replace(command, tmpfs=(*command.tmpfs, copy.folder), mounts=mounts, cwd=copy.folder)


@cache
def why_no_overlay(sandbox: Sandbox, folder: Path) -> str:
    """Why runs in this sandbox cannot have overlays of a folder, after trying two; empty when they can."""
    copy = PrivateCopy(folder, overlay=True)
    probe = Command(
        ("/bin/sh", "-c", _PROBE), folder, {"PATH": PATH}, readable=(folder,), copy=copy,
        limits=Limits(scratch=1 << 20), runs=(CommandRun(), CommandRun()),
    )  # fmt: skip
    try:
        outcome = sandbox.run(probe)
    except OSError as error:
        return str(error)
    if outcome.ok and [report.exit_code for report in outcome.reports] == [0, 0]:
        return ""
    message = outcome.stderr.decode("utf-8", "replace").strip()
    return message or next((r.tail for r in outcome.reports if r.exit_code), "") or "it was tried"


def private_copy(sandbox: Sandbox, folder: Path, core: Path) -> PrivateCopy:
    """The best private copy of a folder that this machine can make; `core` is copied in any case."""
    part = str(core.relative_to(folder))
    if not why_no_overlay(sandbox, folder):
        needed = os.geteuid() != 0 and _is_small(core, *_CORE)
        return PrivateCopy(folder, overlay=True, core=part if needed else "")
    return PrivateCopy(folder, overlay=False, core="" if _is_small(folder, *_TREE) else part)


@cache
def _is_small(folder: Path, max_bytes: int, max_files: int) -> bool:
    size = files = 0
    for parent, folders, names in os.walk(folder):
        files += len(folders) + len(names)
        size += sum(Path(parent, name).lstat().st_size for name in names)
        if size > max_bytes or files > max_files:
            return False
    return True
