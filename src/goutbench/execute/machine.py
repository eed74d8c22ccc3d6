"""The machine that executes: its sandbox, workspace and Go."""

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from goutbench.execute.sandbox.choose import choose
from goutbench.execute.sandbox.command import Sandbox
from goutbench.execute.workspace.folders import Workspace, open_workspace
from goutbench.golang.toolchain.helper import build_helper
from goutbench.golang.toolchain.installation import Toolchain, find_toolchain
from goutbench.locations import workspace_folder


@dataclass(frozen=True, slots=True)
class Machine:
    """What executions need of a machine."""

    sandbox: Sandbox
    workspace: Workspace
    toolchain: Toolchain


def open_machine(*, work: Path | None = None, go: Path | None = None, unsafe: bool = False) -> Machine:
    """Find Go, build the init process, choose the sandbox, open the workspace.

    Raises ToolError and StorageError.
    """
    toolchain = find_toolchain(go)
    root = workspace_folder(work)
    sandbox = choose(install_init(toolchain, root), unsafe=unsafe)
    return Machine(sandbox, open_workspace(root, sandbox), toolchain)


def install_init(toolchain: Toolchain, root: Path) -> Path:
    """Build the init process of sandboxes; returns a copy that the sandbox's users may run."""
    built = build_helper(toolchain, "sandboxinit")
    target = root.resolve() / "bin" / built.parent.name
    if not target.exists():
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        shutil.copyfile(built, draft)
        draft.chmod(0o755)
        draft.replace(target)
    return target
