"""No isolation, for `--unsafe-no-sandbox`."""

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from goutbench.execute.sandbox.command import Command, Outcome
from goutbench.execute.sandbox.supervise import supervise


@dataclass(frozen=True, slots=True)
class NoSandbox:
    """Limits on resources, output and wall time only: for trusted code."""

    init: Path
    name: str = "none"
    limitation: str = "commands are not isolated"
    private_tmp: bool = False
    hides_memory: bool = False

    def why_unavailable(self) -> str:
        return ""

    def user_id(self, worker: int) -> int:
        return os.geteuid()

    def run(self, command: Command) -> Outcome:
        if command.copy is None:
            return self._start(command, command.cwd)
        if command.copy.overlay:
            return Outcome(125, b"", b"there is no sandbox to mount an overlay in", "", 0.0, started=False)
        with tempfile.TemporaryDirectory(prefix="goutbench-", ignore_cleanup_errors=True) as name:
            # the copy has another path than the folder, which is never written to
            folder = Path(name).resolve()
            copy = replace(command.copy, folder=folder, original=command.copy.folder)
            cwd = folder / command.cwd.relative_to(command.copy.folder)
            env = {**command.env, "PWD": str(cwd)}
            return self._start(replace(command, copy=copy, cwd=cwd, env=env), folder)

    def resident(self, command: Command) -> list[str]:
        return [*_prefix(command, command.cwd), *command.limits.prlimit(), *command.argv]

    def _start(self, command: Command, first: Path) -> Outcome:
        return supervise(self.init, _prefix(command, first), command, self.user_id(command.worker), {})


def _prefix(command: Command, folder: Path) -> list[str]:
    variables = [f"{name}={value}" for name, value in command.env.items()]
    return ["env", "-i", "-C", str(folder), *variables]
