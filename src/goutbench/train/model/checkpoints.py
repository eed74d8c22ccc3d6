"""Checkpoints that can be gone on from: whole ones, of the same run."""

import json
import shutil
from pathlib import Path

_PREFIX = "checkpoint-"
_LAST_WRITTEN = "trainer_state.json"


def last_whole(folder: Path) -> Path | None:
    """The latest checkpoint that was written to its end, or None; those cut short by a kill are removed."""
    found = []
    for path in folder.glob(f"{_PREFIX}*"):
        number = path.name.removeprefix(_PREFIX)
        if not number.isdigit():
            continue
        if _whole(path, int(number)):
            found.append((int(number), path))
        else:
            shutil.rmtree(path)
    return max(found)[1] if found else None


def _whole(path: Path, step: int) -> bool:
    """The trainer writes its state last; a state that can be read says that all before it is there."""
    try:
        state = json.loads((path / _LAST_WRITTEN).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(state, dict) and state.get("global_step") == step
