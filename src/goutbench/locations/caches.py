"""Where this program keeps what it can make again."""

import os
from pathlib import Path


def user_cache() -> Path:
    """The user's folder for caches of all programs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def cache_root() -> Path:
    """The folder of this program's caches."""
    chosen = os.environ.get("GOUTBENCH_CACHE")
    return Path(chosen) if chosen else user_cache() / "goutbench"


def workspace_folder(option: Path | None = None) -> Path:
    """Where executions share source trees and build caches.

    Sandboxed commands run as other user ids, which may not enter root's home. So root's default is
    `/var/cache/goutbench`.
    """
    if option is None and os.geteuid() == 0 and not os.environ.get("GOUTBENCH_CACHE"):
        return Path("/var/cache/goutbench")
    return option or cache_root()


def clones_folder(option: Path | None = None) -> Path:
    """Where `curate` keeps its clones of remote repositories."""
    return option or cache_root() / "repos"


def models_folder() -> Path:
    """Where `train` keeps converted models."""
    return cache_root() / "models"


def helpers_folder() -> Path:
    """Where the compiled Go helpers are."""
    return cache_root() / "helpers"
