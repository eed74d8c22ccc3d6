"""The machine that executes: its sandbox, workspace and Go."""

from dataclasses import dataclass
from pathlib import Path

from goutbench.execute.sandbox.choose import choose
from goutbench.execute.sandbox.command import Sandbox
from goutbench.execute.workspace.folders import Workspace, open_workspace
from goutbench.golang.toolchain.helper import install_program
from goutbench.golang.toolchain.installation import Toolchain, find_toolchain
from goutbench.locations import workspace_folder


@dataclass(frozen=True, slots=True)
class Machine:
    """What executions need of a machine."""

    sandbox: Sandbox
    workspace: Workspace
    toolchain: Toolchain


def open_machine(
    *,
    work: Path | None = None,
    go: Path | None = None,
    unsafe: bool = False,
    sandbox: str = "",
    image: str = "",
) -> Machine:
    """Find Go, build the init process, choose the sandbox, open the workspace.

    Raises ConfigError, ToolError and StorageError.
    """
    toolchain = find_toolchain(go)
    root = workspace_folder(work)
    init = install_program(toolchain, root, "sandboxinit")
    chosen = choose(init, unsafe=unsafe, name=sandbox, image=image)
    return Machine(chosen, open_workspace(root, chosen), toolchain)
