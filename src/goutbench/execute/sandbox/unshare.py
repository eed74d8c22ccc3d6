"""The fallback for bubblewrap: similar isolation by util-linux, for root on a machine without `bwrap`.

It gives the same root, the same limits, the same process 1 and the same filter of system calls. Without root
only a user namespace could isolate a command, and where that works bubblewrap works too.
"""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from goutbench.execute.sandbox.command import COMPILER, Command, Outcome
from goutbench.execute.sandbox.copies import with_original
from goutbench.execute.sandbox.supervise import (
    missing_programs,
    resident_command,
    supervise,
    system_paths,
    why_true_fails,
    worker_user_id,
)

_DEVICES = ("null", "zero", "full", "random", "urandom")
_PROGRAMS = ("unshare", "mount", "umount", "pivot_root", "setpriv", "setsid", "prlimit")
_FLAGS = (
    "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--fork", "--kill-child",
    "--propagation", "private",
)  # fmt: skip
_HEAD = """set -e
bind() {
  if [ -d "$1" ]; then mkdir -p ".$2"; else mkdir -p ".${2%/*}"; [ -e ".$2" ] || : > ".$2"; fi
  mount --bind "$1" ".$2"
  [ "$3" = device ] || mount -o "remount,bind,nosuid,nodev,$3" ".$2"
}
own() {
  mkdir -p ".$1"
  options="size=$2,nr_inodes=$(($2 / 4096)),uid=${3:-0},gid=${3:-0},mode=1777,nosuid,nodev"
  mount -t tmpfs -o "$options" tmpfs ".$1"
}
"""


@dataclass(frozen=True, slots=True)
class Unshare:
    """Namespaces by `unshare`, a root of its own by `mount` and `pivot_root`, the user id by `setpriv`."""

    init: Path
    name: str = "unshare"
    limitation: str = ""
    private_tmp: bool = True
    hides_memory: bool = True

    def why_unavailable(self) -> str:
        if os.geteuid() != 0:
            return "it needs root"
        return missing_programs(_PROGRAMS) or why_true_fails(self)

    def user_id(self, worker: int) -> int:
        return worker_user_id(worker)

    def run(self, command: Command) -> Outcome:
        prefix = self._prefix(with_original(command))
        user = self.user_id(command.worker)
        return supervise(self.init, prefix, command, user, counted=_counted(command))

    def resident(self, command: Command) -> list[str]:
        return resident_command(self.init, self._prefix(command), command, counted=_counted(command))

    def _prefix(self, command: Command) -> list[str]:
        return ["unshare", *_FLAGS, "--", "/bin/sh", "-c", self._script(command), "sh"]

    def _script(self, command: Command) -> str:
        """What the first shell in the namespaces does: create the root, move into it, drop all privileges."""
        root, size = shlex.quote(str(self.init.parent / "root")), command.limits.scratch
        lines = [
            f"mkdir -p {root}",
            f"mount -t tmpfs -o size=16m,mode=755,nosuid,nodev tmpfs {root}",
            f"cd {root}",
        ]
        binds, links = system_paths()
        lines += [_bind(path, path, "ro") for path in binds]
        lines += [f"ln -s {shlex.quote(target)} .{shlex.quote(path)}" for path, target in links]
        lines += [_bind(Path("/dev", name), Path("/dev", name), "device") for name in _DEVICES]
        lines += [
            "mkdir -p proc var",
            "mount -t proc -o nosuid,nodev,noexec proc proc",
            "ln -s ../tmp var/tmp",
        ]
        lines += [f"own /tmp {size}", f"own /dev/shm {size}", "mkdir -m 777 tmp/home"]
        lines += [_bind(path, path, "ro") for path in (self.init, *command.readable, *command.programs)]
        user = self.user_id(command.worker)
        lines += [f"own {shlex.quote(str(path))} {size} {user}" for path in command.tmpfs]
        lines += [_bind(source, inside, "ro") for source, inside in command.mounts]
        lines += [_bind(path, path, "rw") for path in command.writable]
        lines += ["mkdir .old", "pivot_root . .old", "cd /", "umount -l /.old", "rmdir /.old"]
        lines += [f"{shlex.quote(str(self.init))} loopback", "mount -o remount,ro /"]
        variables = " ".join(shlex.quote(f"{name}={value}") for name, value in command.env.items())
        become = f"setpriv --reuid={user} --regid={user} --clear-groups --no-new-privs --inh-caps=-all"
        # setsid and the change of user make it forget that it ends with its parent
        become += " --ambient-caps=-all --bounding-set=-all --pdeathsig KILL"
        cwd = shlex.quote(str(command.cwd))
        return _HEAD + "\n".join([*lines, f'exec setsid {become} env -i -C {cwd} {variables} "$@"'])


def _counted(command: Command) -> bool:
    """Whether the number of its processes has a limit: without a user namespace the kernel counts all that a
    user runs, and all compile as one user."""
    return command.worker != COMPILER


def _bind(source: Path, inside: Path, how: str) -> str:
    return f"bind {shlex.quote(str(source))} {shlex.quote(str(inside))} {how}"
