"""How a command is contained. Model output is hostile until proven otherwise.

What a contained command meets, each property with a hostile test of its own:

- a root that holds only the system's programs and libraries, the toolchain and what the caller listed, all
  read-only; `/tmp` and `/dev/shm` are private, bounded tmpfs; no home directory, no `/sys`, no real `/etc`;
- its own user, process, network (loopback only), IPC, host-name and cgroup namespaces, no further user
  namespaces, no capabilities, no way to gain privileges, no controlling terminal;
- a real user id that owns nothing on the host when goutbench runs as root: one for compiling, one for each
  worker's runs. A process that is uid 0 outside may write `/proc/sys` even with capabilities dropped;
- an environment with the caller's variables only;
- limits on data, processes, file size, CPU seconds, open files, no core dumps, an output cap and a wall clock
  in the parent, and where the machine lets us, a cgroup for the memory and processes of all together;
- nothing outlives it: the process namespace dies with its first process, with its parent and with us.

What it does NOT cover: bugs in the kernel (no seccomp filter, the whole system-call surface is reachable);
side channels and timing; load on CPU caches and disk bandwidth; what a *reader* does with the output text;
host load by many processes where no cgroup is writable (then limits hold per process only). When goutbench
runs as an ordinary user, that same user id is used inside: the namespaces then are the only wall.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Protocol

from goutbench.errors import ToolError
from goutbench.execute import cgroup
from goutbench.execute.process import Outcome, RunReport, run_process

MIB = 1 << 20
GIB = 1 << 30
COMPILER = -1
"""The worker number of compile commands: they share one user id, which owns the build cache."""

_WORKER_IDS = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes. `data` is RLIMIT_DATA of each process (RLIMIT_AS would count Go's reservations);
    `memory` is the cgroup's cap on all processes and tmpfs files together; 0 for `data` means no limit."""

    wall: float = 60.0
    cpu: int = 60
    data: int = 2 * GIB
    memory: int = 3 * GIB
    processes: int = 256
    file_size: int = 256 * MIB
    open_files: int = 1024
    scratch: int = 512 * MIB
    output: int = 8 * MIB


@dataclass(frozen=True, slots=True)
class Run:
    """One of several runs of a command: what it adds to the environment, its limits in seconds (0: none).

    `idle` is how long it may go on without using the CPU.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    wall: float = 0.0
    cpu: float = 0.0
    idle: float = 0.0


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, and what of the host it may see. Paths keep their names inside.

    `mounts` are (host path, path inside) pairs for what must appear under another name, read-only; `tmpfs`
    are paths that become empty, private, bounded file systems. With `runs` the command is run once for each
    of them in one sandbox, silently, and everything it left running is killed in between.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    mounts: tuple[tuple[Path, Path], ...] = ()
    tmpfs: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)
    worker: int = 0
    runs: tuple[Run, ...] = ()


class Sandbox(Protocol):
    """The seam: something that can run a Command. Add a class and one line in SANDBOXES."""

    @property
    def name(self) -> str:
        """The word that the records carry."""
        ...

    def user_id(self, worker: int) -> int:
        """The host's user id of a worker's commands: what writable files must belong to."""
        ...

    def run(self, command: Command) -> Outcome:
        """Run to the end, within the limits; nothing of it is left afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Namespaces by `bwrap`, limits by `prlimit`, the user id by `setpriv` when we are root; process 1 inside
    is our own `keeper` (golang/keeper), which cannot be killed or traced from inside."""

    keeper: Path
    name: str = "bubblewrap"

    def user_id(self, worker: int) -> int:
        return worker_user_id(worker)

    def run(self, command: Command) -> Outcome:
        user = self.user_id(command.worker)
        keeper = ["--as-pid-1", "--ro-bind", str(self.keeper), str(self.keeper)]
        prefix = [*_become(user), "bwrap", *_namespaces(), *_root(command, keeper), "--"]
        return supervise(self.keeper, prefix, command)


@dataclass(frozen=True, slots=True)
class Uncontained:
    """No containment but limits, an output cap and a wall clock: only for code that is trusted."""

    keeper: Path
    name: str = "none"

    def user_id(self, worker: int) -> int:
        return os.geteuid()

    def run(self, command: Command) -> Outcome:
        if command.tmpfs:
            raise ToolError("this command needs a private file system", mend="install bubblewrap")
        variables = [f"{name}={value}" for name, value in command.env.items()]
        return supervise(self.keeper, ["env", "-i", "-C", str(command.cwd), *variables], command)


def _unshare(keeper: Path) -> Sandbox:
    from goutbench.execute.stepdown import Unshare

    return Unshare(keeper)


SANDBOXES: dict[str, Callable[[Path], Sandbox]] = {
    "bubblewrap": Bubblewrap,
    "unshare": _unshare,
    "none": Uncontained,
}


def choose(keeper: Path, *, unsafe: bool = False) -> Sandbox:
    """The strongest sandbox that works here. Raises ToolError when none does and `unsafe` is not said."""
    from goutbench.execute.stepdown import why_not_unshare

    weakness = why_not_bubblewrap(keeper)
    if not weakness:
        return SANDBOXES["bubblewrap"](keeper)
    if not why_not_unshare(keeper):
        return SANDBOXES["unshare"](keeper)
    if unsafe:
        return SANDBOXES["none"](keeper)
    raise ToolError(
        f"generated tests are untrusted programs, and this machine cannot contain them: {weakness}",
        where="sandbox",
        mend="install bubblewrap and allow unprivileged user namespaces (`goutbench doctor` says more), "
        "or accept the risk with --unsafe-no-sandbox",
    )


def why_not_bubblewrap(keeper: Path) -> str:
    """Empty when bubblewrap works here (it is tried, not guessed), else the reason."""
    needed = ["bwrap", "prlimit", *(["setpriv"] if os.geteuid() == 0 else [])]
    missing = [program for program in needed if shutil.which(program, path=PATH) is None]
    if missing:
        return f"missing: {', '.join(missing)}"
    outcome = Bubblewrap(keeper).run(Command(("/bin/true",), Path("/tmp"), {"PATH": PATH}))
    words = outcome.stderr.decode("utf-8", "replace").strip()
    return "" if outcome.ok else words or f"exit {outcome.exit_code}"


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ETC = (
    "alternatives", "ld.so.cache", "localtime", "mime.types", "protocols", "services", "ssl",
)  # fmt: skip


@cache
def _first_user_id() -> int:
    """The first of the host user ids lent to commands: high, so that no account has it.

    A container may map few ids: then the last ones of its map.
    """
    best = 0
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        inside, _, count = (int(word) for word in line.split())
        best = max(best, inside + count - 1 - _WORKER_IDS)
    return min(best, 1_878_000_000)


def worker_user_id(worker: int) -> int:
    """The host's user id of a worker's commands: one that owns nothing where we are root, else our own."""
    return _first_user_id() + 1 + worker if os.geteuid() == 0 else os.geteuid()


def _become(user: int) -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]


def _join(group: cgroup.Cgroup | None) -> list[str]:
    """A prefix that puts the process into the cgroup before anything of the command starts."""
    if group is None:
        return []
    script = 'while [ "$1" != -- ]; do echo $$ > "$1"/cgroup.procs || exit 125; shift; done; shift; exec "$@"'
    return ["/bin/sh", "-c", script, "sh", *map(str, group.folders), "--"]


def _namespaces() -> list[str]:
    return [
        "--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-net", "--unshare-ipc",
        "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox",
        "--new-session", "--die-with-parent", "--cap-drop", "ALL",
    ]  # fmt: skip


def _root(command: Command, keeper: list[str]) -> list[str]:
    scratch = ["--size", str(command.limits.scratch), "--perms", "1777", "--tmpfs"]
    arguments = [*_system(), "--proc", "/proc", "--dev", "/dev", *scratch, "/dev/shm", "--remount-ro", "/dev"]
    arguments += [*scratch, "/tmp", "--dir", "/tmp/home", "--symlink", "../tmp", "/var/tmp"]
    arguments += keeper
    for path in command.readable:
        arguments += ["--ro-bind", str(path), str(path)]
    for path in command.tmpfs:
        arguments += [*scratch, str(path)]
    for source, inside in command.mounts:
        arguments += ["--ro-bind", str(source), str(inside)]
    for path in command.writable:
        arguments += ["--bind", str(path), str(path)]
    arguments += ["--remount-ro", "/", "--chdir", str(command.cwd), "--clearenv"]
    for name, value in command.env.items():
        arguments += ["--setenv", name, value]
    return arguments


@cache
def system_parts() -> tuple[tuple[Path, ...], tuple[tuple[str, str], ...]]:
    """The system's programs and libraries, and an /etc that names no real user of this machine: paths to
    show, and symbolic links (path, target) to make."""
    top = [Path("/", name) for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32")]
    links = tuple((str(path), str(path.readlink())) for path in top if path.is_symlink())
    shown = [path for path in (*top, Path("/nix/store")) if path.is_dir() and not path.is_symlink()]
    shown += [path for path in (Path("/etc", name) for name in _ETC) if path.exists()]
    return (Path("/usr"), *shown), links


def _system() -> list[str]:
    shown, links = system_parts()
    arguments = [word for path in shown for word in ("--ro-bind", str(path), str(path))]
    return arguments + [word for path, target in links for word in ("--symlink", target, path)]


def supervise(keeper: Path, prefix: list[str], command: Command) -> Outcome:
    """Run `command` behind `prefix` under the keeper, in a cgroup where there can be one."""
    read_end, write_end = os.pipe()
    group = cgroup.create(command.limits.memory, 4 * command.limits.processes)
    mode = "many" if command.runs else "once"
    argv = [*_join(group), *prefix, *_limits(command.limits), str(keeper), str(write_end), mode, "--"]
    try:
        with ThreadPoolExecutor(1) as aside:
            # read while it runs: a full pipe would stop the keeper, and with it every run that is left
            status = aside.submit(_read_all, read_end)
            try:
                outcome = _start([*argv, *command.argv], command, write_end)
            finally:
                os.close(write_end)
                write_end = -1
            lines = status.result().splitlines()
        return replace(
            outcome,
            started=bool(lines),
            reports=tuple(_report(line) for line in lines[1:]),
            memory_exceeded=group is not None and group.memory_exceeded(),
        )
    finally:
        os.close(read_end)
        if write_end >= 0:
            os.close(write_end)
        if group is not None:
            group.remove()


def _read_all(descriptor: int) -> bytes:
    with open(descriptor, "rb", closefd=False) as file:
        return file.read()


def _limits(limits: Limits) -> list[str]:
    return [
        "prlimit",
        f"--data={limits.data or 'unlimited'}",
        f"--nproc={limits.processes}",
        f"--fsize={limits.file_size}",
        f"--cpu={limits.cpu}",
        f"--nofile={limits.open_files}",
        "--core=0",
    ]


def _start(argv: list[str], command: Command, status: int) -> Outcome:
    runs = [
        {"env": [f"{k}={v}" for k, v in run.env.items()], "wall": run.wall, "cpu": run.cpu, "idle": run.idle}
        for run in command.runs
    ]
    try:
        return run_process(
            argv,
            wall_seconds=command.limits.wall,
            output_bytes=command.limits.output,
            env={"PATH": PATH},
            cwd=Path("/"),
            stdin=json.dumps(runs).encode() if runs else b"",
            pass_fds=(status,),
        )
    except OSError as error:
        return Outcome(126, b"", str(error).encode(), "", 0.0, started=False)


def _report(line: bytes) -> RunReport:
    fields = json.loads(line)
    return RunReport(fields["exit"], fields["cpu"], fields["wall"], fields["stopped"], fields.get("tail", ""))
