"""The sandboxes, and what they guarantee. Model output is hostile until proven otherwise.

What a command in a sandbox meets, each property with a hostile test of its own:

- a root that holds only the system's programs and libraries, the toolchain and what the caller listed, all
  read-only; `/tmp` and `/dev/shm` are private tmpfs of limited size, and the sources of a test a private copy
  (see `copies.py`); no home directory, no `/sys`, no real `/etc`;
- its own user, process, network (loopback only), IPC, host-name and cgroup namespaces, no further user
  namespaces, no capabilities, no way to gain privileges, no controlling terminal;
- a user id that owns nothing on the host when goutbench runs as root: one for compiling, one for the runs of
  each worker. A process that is uid 0 outside may write `/proc/sys` even with capabilities dropped;
- an environment with the caller's variables only;
- no system call that unit tests do not need: rare sockets, io_uring, other processes, namespaces, mounts;
- limits on data, processes, file size, CPU seconds, open files, no core dumps, a limit on output and on wall
  time in the parent, and where the machine allows it, a cgroup for the memory and processes of all together;
- nothing outlives it: the process namespace ends with its first process, with its parent and with us.

The sandbox without namespaces (see `landlock.py`) has a promise of its own for each of these, but for: names,
sizes and times of files can be seen, not their content; /tmp, /etc/hosts and the numbers of ports are the
machine's, and a private folder is in TMPDIR and HOME; interfaces can be listed, but only sockets of the
sandbox itself can be reached; disk use is watched, not bounded. Where we are an ordinary user, it has our
user id, so owners, modes and times of files, and resources of processes, are decided by the init process.

A container engine (see `engine.py`) promises the same as the sandboxes with namespaces, with the files of its
image in the place of the system's. It is used only where it is named.

What no sandbox covers: bugs in the kernel behind the system calls that remain;
side channels and timing; load on CPU caches and disk bandwidth; what a *reader* does with the output text;
host load by many processes where no cgroup is writable (then limits hold per process only). When goutbench
runs as an ordinary user, that same user id is used inside: the namespaces are then the only isolation.
"""

from collections.abc import Callable
from pathlib import Path

from goutbench.errors import ConfigError, ToolError
from goutbench.execute.sandbox.bubblewrap import Bubblewrap
from goutbench.execute.sandbox.command import Sandbox
from goutbench.execute.sandbox.engine import ENGINES, open_engine
from goutbench.execute.sandbox.landlock import Landlock
from goutbench.execute.sandbox.no_sandbox import NoSandbox
from goutbench.execute.sandbox.unshare import Unshare

SANDBOXES: dict[str, Callable[[Path], Sandbox]] = {
    "bubblewrap": Bubblewrap,
    "unshare": Unshare,
    "landlock": Landlock,
}
"""The strongest first."""


def choose(init: Path, *, unsafe: bool = False, name: str = "", image: str = "") -> Sandbox:
    """The strongest sandbox that works here, or the one called `name`, with `init` as its first process.

    A container engine is only used when it is named, with an `image`. Raises ToolError when none works,
    unless `unsafe` allows running without one, or when the one called `name` does not; ConfigError when none
    is called that.
    """
    if image and name not in ENGINES:
        engines = " or ".join(ENGINES)
        raise ConfigError(
            "only container engines have images", where="--image", hint=f"add --sandbox {engines}"
        )
    if name:
        return _named(init, name, image)
    sandbox, problems = strongest(init)
    if sandbox is not None:
        return sandbox
    if unsafe:
        return NoSandbox(init)
    raise ToolError(
        f"this machine cannot isolate untrusted programs such as generated tests: {_list(problems)}",
        where="sandbox",
        hint="install bubblewrap and allow unprivileged user namespaces, or use Linux 6.2 or newer with "
        "Landlock (see `goutbench doctor`), or accept the risk with --unsafe-no-sandbox",
    )


def _named(init: Path, name: str, image: str) -> Sandbox:
    if name not in (*SANDBOXES, *ENGINES):
        names = ", ".join((*SANDBOXES, *ENGINES))
        raise ConfigError(f"no sandbox is called {name}", where="--sandbox", hint=f"give one of {names}")
    sandbox = open_engine(init, name, image) if name in ENGINES else SANDBOXES[name](init)
    if problem := sandbox.why_unavailable():
        hint = "leave --sandbox out to use the strongest that works here; `goutbench doctor` lists them"
        raise ToolError(f"{name} does not work here: {problem}", where="--sandbox", hint=hint)
    return sandbox


def _list(problems: dict[str, str]) -> str:
    return "; ".join(f"{name}: {problem}" for name, problem in problems.items())


def strongest(init: Path) -> tuple[Sandbox | None, dict[str, str]]:
    """The strongest sandbox that works here, and why each stronger one does not."""
    problems: dict[str, str] = {}
    for name, sandbox_class in SANDBOXES.items():
        sandbox = sandbox_class(init)
        reason = sandbox.why_unavailable()
        if not reason:
            return sandbox, problems
        problems[name] = reason
    return None, problems
