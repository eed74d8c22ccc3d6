"""The items that a folder of tasks lists, for a model to answer exactly these."""

import json
from collections import defaultdict
from collections.abc import Mapping, Set
from pathlib import Path

from goutbench.dataset.store import file_hash, read_table
from goutbench.errors import ConfigError, DatasetError
from goutbench.locations import TASK_MANIFEST, TASKS
from goutbench.records import Pair

TaskList = Mapping[str, Set[str]]
"""The focal functions by the id of their pair; "" stands for the file."""


def read_task_list(folder: Path, unit: str, pairs: Mapping[str, Pair]) -> TaskList:
    """The tasks of one unit. Raises ConfigError where there are none, or their pairs are of another dataset;
    DatasetError where the folder is damaged or changed."""
    path = folder / TASKS
    try:
        listed = json.loads((folder / TASK_MANIFEST).read_bytes())["files"][TASKS]["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        hint = "give a folder that `goutbench tasks` wrote"
        raise ConfigError("not a folder of tasks", where=str(folder), hint=hint) from None
    if not path.is_file() or file_hash(path) != listed:
        hint = "run `goutbench tasks` again, or fetch the folder again"
        raise DatasetError("the tasks are not those of the manifest", where=str(path), hint=hint)
    tasks: dict[str, set[str]] = defaultdict(set)
    for row in read_table(path, ["pair_id", "unit", "focal", "code_path", "revision"]).to_pylist():
        pair = pairs.get(row["pair_id"])
        if pair is None or (pair.code_path, pair.revision) != (row["code_path"], row["revision"]):
            hint = "give the dataset that the tasks were made from"
            raise ConfigError(f"the dataset lacks {row['code_path']} of a task", where=str(path), hint=hint)
        if row["unit"] == unit:
            tasks[row["pair_id"]].update(row["focal"] or [""])
    if not tasks:
        raise ConfigError(f"no task of the unit {unit}", where=str(path), hint="give another --unit")
    return tasks
