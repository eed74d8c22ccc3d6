"""The folder of a run: its record, its checkpoints, and the losses before training."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goutbench.dataset.store import write_json
from goutbench.errors import ConfigError

_RECORD, _BEFORE, _CHECKPOINTS = "train_run.json", "before.json", "checkpoints"
_PREFIX = "checkpoint-"
_LAST_WRITTEN = "trainer_state.json"  # the trainer writes it last into a checkpoint
_HINT = "give another folder with --out"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a run writes everything; the same command resumes from it."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        return self.path / _CHECKPOINTS

    @property
    def losses_before(self) -> Path:
        return self.path / _BEFORE

    def earlier_record(self, key: str) -> dict[str, Any] | None:
        """The record of this run so far; None for a new run.

        Raises ConfigError if the folder has the files of a run with another key.
        """
        path = self.path / _RECORD
        if not path.is_file():
            if self.losses_before.is_file() or any(self.checkpoints.glob(f"{_PREFIX}*")):
                what = f"the folder has checkpoints or losses of a run, but no {_RECORD} that identifies it"
                raise ConfigError(what, where=str(self.path), hint=_HINT)
            return None
        record: dict[str, Any] = json.loads(path.read_bytes())
        if record.get("key") != key:
            what = "the folder has a run of another recipe or model, or on other rows"
            raise ConfigError(what, where=str(self.path), hint=_HINT)
        return record

    def is_complete(self, record: dict[str, Any], stop_at: int) -> bool:
        """Whether the run has reached step `stop_at` (0: its end) and has all its outputs."""
        has_outputs = all((self.path / folder).is_dir() for folder in record.get("outputs", {}).values())
        has_steps = record["state"] == "done" or bool(stop_at and record.get("steps", 0) >= stop_at)
        return has_outputs and has_steps and record["state"] != "running"

    def last_checkpoint(self) -> Path | None:
        """The latest complete checkpoint, or None; removes those that a kill left incomplete."""
        complete = []
        for path in self.checkpoints.glob(f"{_PREFIX}*"):
            number = path.name.removeprefix(_PREFIX)
            if not number.isdigit():
                continue
            if _is_complete(path, int(number)):
                complete.append((int(number), path))
            else:
                shutil.rmtree(path)
        return max(complete)[1] if complete else None

    def write_record(self, record: dict[str, Any]) -> None:
        """Write the record. Raises StorageError."""
        write_json(self.path / _RECORD, record)


def checkpoint_step(checkpoint: Path | None) -> int:
    """The step of a checkpoint; 0 for none."""
    return int(checkpoint.name.removeprefix(_PREFIX)) if checkpoint else 0


def _is_complete(path: Path, step: int) -> bool:
    """Whether a checkpoint can be loaded; then everything before its last file is there, too."""
    try:
        state = json.loads((path / _LAST_WRITTEN).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(state, dict) and state.get("global_step") == step
