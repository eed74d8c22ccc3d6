"""No isolation, for `--unsafe-no-sandbox`."""

import os
from dataclasses import dataclass
from pathlib import Path

from goutbench.errors import ToolError
from goutbench.execute.sandbox.command import Command, Outcome
from goutbench.execute.sandbox.supervise import supervise


@dataclass(frozen=True, slots=True)
class NoSandbox:
    """Limits on resources, output and wall time only: for trusted code."""

    init: Path
    name: str = "none"
    limitation: str = "commands are not isolated"

    def why_unavailable(self) -> str:
        return ""

    def user_id(self, worker: int) -> int:
        return os.geteuid()

    def run(self, command: Command) -> Outcome:
        if command.tmpfs:
            raise ToolError("this command needs a private file system", hint="install bubblewrap")
        variables = [f"{name}={value}" for name, value in command.env.items()]
        return supervise(self.init, ["env", "-i", "-C", str(command.cwd), *variables], command)
