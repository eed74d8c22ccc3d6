"""The go command as its user calls it, outside of any sandbox, and without a network."""

import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from goutbench.golang.toolchain.installation import Toolchain, go_env, run_go


@cache
def own_environment(toolchain: Toolchain) -> dict[str, str]:
    """With the build cache of whoever runs the tests: all of them then compile the standard library once."""
    own = subprocess.run([toolchain.go, "env", "GOCACHE"], capture_output=True, text=True, check=True)
    return go_env(toolchain, cache=Path(os.environ.get("GOCACHE") or own.stdout.strip()))


def plain_go(
    toolchain: Toolchain, args: Sequence[str], folder: Path, **extra: str
) -> subprocess.CompletedProcess[str]:
    """`go ARGS` in a folder, with additional environment variables."""
    return run_go(toolchain, args, cwd=folder, env=own_environment(toolchain) | extra)
