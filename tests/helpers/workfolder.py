"""Workspaces of tests that execute, where the sandbox's users can enter: outside pytest's private folders."""

import os
from pathlib import Path


def shared_work(name: str) -> Path:
    """A workspace of this name that stays between runs, with the build cache of all of them."""
    base = Path(os.environ.get("GOUTBENCH_TEST_CACHE") or f"/var/tmp/goutbench-tests-{os.geteuid()}")
    work = base / name
    work.mkdir(mode=0o755, parents=True, exist_ok=True)
    (base / "build-cache").mkdir(mode=0o755, exist_ok=True)
    if not (work / "build-cache").is_symlink():
        (work / "build-cache").symlink_to(base / "build-cache")
    return work
