"""Our own Go programs where a sandbox can run them."""

import secrets
import shutil
from pathlib import Path

from goutbench.golang.toolchain.helper import build_helper
from goutbench.golang.toolchain.installation import Toolchain


def install_program(toolchain: Toolchain, root: Path, name: str) -> Path:
    """Build a Go program of this package; returns a copy in the workspace `root` that the sandbox's users may
    run.

    Raises ToolError if the build fails.
    """
    built = build_helper(toolchain, name)
    target = root.resolve() / "bin" / built.parent.name
    if not target.exists():
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        shutil.copyfile(built, draft)
        draft.chmod(0o755)
        draft.replace(target)
    return target
