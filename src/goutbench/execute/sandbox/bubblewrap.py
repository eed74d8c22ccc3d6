"""The strongest sandbox: bubblewrap, with limits of our own."""

import os
from dataclasses import dataclass
from pathlib import Path

from goutbench.execute.sandbox.command import Command, Outcome
from goutbench.execute.sandbox.copies import with_original
from goutbench.execute.sandbox.supervise import (
    missing_programs,
    resident_command,
    supervise,
    system_paths,
    why_true_fails,
    worker_user_id,
)

_ISOLATION = (
    "--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-net", "--unshare-ipc",
    "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox",
    "--new-session", "--die-with-parent", "--cap-drop", "ALL",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Namespaces by `bwrap`, limits by `prlimit`, the user id by `setpriv` when we are root. Process 1 inside
    is our own `init`, which cannot be killed or traced from inside."""

    init: Path
    name: str = "bubblewrap"
    limitation: str = ""
    private_tmp: bool = True
    hides_memory: bool = True

    def why_unavailable(self) -> str:
        programs = ["bwrap", "prlimit", *(["setpriv"] if os.geteuid() == 0 else [])]
        return missing_programs(programs) or why_true_fails(self)

    def user_id(self, worker: int) -> int:
        return worker_user_id(worker)

    def run(self, command: Command) -> Outcome:
        prefix = self._prefix(with_original(command), ["--as-pid-1"])
        return supervise(self.init, prefix, command, self.user_id(command.worker))

    def resident(self, command: Command) -> list[str]:
        return resident_command(self.init, self._prefix(command, []), command)

    def _prefix(self, command: Command, flags: list[str]) -> list[str]:
        user = self.user_id(command.worker)
        drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]
        become = drop if os.geteuid() == 0 else []
        variables = [part for item in command.env.items() for part in ("--setenv", *item)]
        return [*become, "bwrap", *_ISOLATION, *flags, *self._file_system(command), *variables, "--"]

    def _file_system(self, command: Command) -> list[str]:
        visible, links = system_paths()
        arguments = [argument for path in visible for argument in ("--ro-bind", str(path), str(path))]
        arguments += [argument for path, target in links for argument in ("--symlink", target, path)]
        tmpfs = ["--size", str(command.limits.scratch), "--perms", "1777", "--tmpfs"]
        arguments += ["--proc", "/proc", "--dev", "/dev", *tmpfs, "/dev/shm", "--remount-ro", "/dev"]
        arguments += [*tmpfs, "/tmp", "--dir", "/tmp/home", "--symlink", "../tmp", "/var/tmp"]
        arguments += ["--ro-bind", str(self.init), str(self.init)]
        for path in (*command.readable, *command.programs):
            arguments += ["--ro-bind", str(path), str(path)]
        for path in command.tmpfs:
            arguments += [*tmpfs, str(path)]
        for source, inside in command.mounts:
            arguments += ["--ro-bind", str(source), str(inside)]
        for path in command.writable:
            arguments += ["--bind", str(path), str(path)]
        return [*arguments, "--remount-ro", "/", "--chdir", str(command.cwd), "--clearenv"]
