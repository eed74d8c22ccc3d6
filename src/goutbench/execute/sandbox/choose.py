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

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from goutbench.errors import ToolError
from goutbench.execute.sandbox.command import PATH, Command, Sandbox
from goutbench.execute.sandbox.process import Outcome
from goutbench.execute.sandbox.supervise import supervise, system_parts, worker_user_id
from goutbench.execute.sandbox.unshare import Unshare, why_not_unshare


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
            raise ToolError("this command needs a private file system", hint="install bubblewrap")
        variables = [f"{name}={value}" for name, value in command.env.items()]
        return supervise(self.keeper, ["env", "-i", "-C", str(command.cwd), *variables], command)


SANDBOXES: dict[str, Callable[[Path], Sandbox]] = {
    "bubblewrap": Bubblewrap,
    "unshare": Unshare,
    "none": Uncontained,
}


def choose(keeper: Path, *, unsafe: bool = False) -> Sandbox:
    """The strongest sandbox that works here. Raises ToolError when none does and `unsafe` is not said."""
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
        hint="install bubblewrap and allow unprivileged user namespaces (`goutbench doctor` says more), "
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


def _become(user: int) -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]


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


def _system() -> list[str]:
    shown, links = system_parts()
    arguments = [word for path in shown for word in ("--ro-bind", str(path), str(path))]
    return arguments + [word for path, target in links for word in ("--symlink", target, path)]
