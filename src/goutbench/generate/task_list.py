"""The items that a folder of tasks lists, for a model to answer exactly these."""

import json
from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from goutbench.dataset.store import file_hash, read_table
from goutbench.errors import ConfigError, DatasetError
from goutbench.locations import TASK_MANIFEST, TASKS
from goutbench.prompts.library import DEFAULT
from goutbench.prompts.prompt import Start
from goutbench.records import Pair

_COLUMNS = ("pair_id", "unit", "focal", "code_path", "revision", "kind", "start", "message")
_WRITE = "write"


@dataclass(frozen=True, slots=True)
class ListedTasks:
    """The tasks of a folder: their kind, the focal functions by the id of their pair ("" stands for the
    file), and what each begins with, by the same id."""

    kind: str = _WRITE
    focal: Mapping[str, Set[str]] = field(default_factory=dict)
    starts: Mapping[str, Start] = field(default_factory=dict)


def read_task_list(folder: Path, unit: str, pairs: Mapping[str, Pair]) -> ListedTasks:
    """The tasks of one unit. Raises ConfigError where there are none, or their pairs are of another dataset;
    DatasetError where the folder is damaged or changed."""
    path = folder / TASKS
    tasks: dict[str, set[str]] = defaultdict(set)
    starts: dict[str, Start] = {}
    kind = _WRITE
    for row in _rows(folder):
        pair = pairs.get(row["pair_id"])
        if pair is None or (pair.code_path, pair.revision) != (row["code_path"], row["revision"]):
            hint = "give the dataset that the tasks were made from"
            if row.get("kind") == "reproduce":
                hint = f"give the dataset of the fixes, {folder / 'dataset'}"
            raise ConfigError(f"the dataset lacks {row['code_path']} of a task", where=str(path), hint=hint)
        if row["unit"] == unit:
            tasks[row["pair_id"]].update(row["focal"] or [""])
            kind = row.get("kind", _WRITE)
            if kind != _WRITE:
                starts[row["pair_id"]] = Start(kind, row["start"], row["message"])
    if not tasks:
        raise ConfigError(f"no task of the unit {unit}", where=str(path), hint="give another --unit")
    return ListedTasks(kind, tasks, starts)


def prompt_of_tasks(folder: Path | None) -> str:
    """The name of the built-in prompt that suits a folder of tasks. Raises as `read_task_list` does."""
    kinds = {row.get("kind", _WRITE) for row in _rows(folder)} if folder else set()
    return min(kinds - {_WRITE}, default=DEFAULT)


def _rows(folder: Path) -> list[dict[str, Any]]:
    path = folder / TASKS
    try:
        listed = json.loads((folder / TASK_MANIFEST).read_bytes())["files"][TASKS]["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        hint = "give a folder that `goutbench tasks` wrote"
        raise ConfigError("not a folder of tasks", where=str(folder), hint=hint) from None
    if not path.is_file() or file_hash(path) != listed:
        hint = "run `goutbench tasks` again, or fetch the folder again"
        raise DatasetError("the tasks are not those of the manifest", where=str(path), hint=hint)
    table = read_table(path)
    rows: list[dict[str, Any]] = table.select(
        [name for name in _COLUMNS if name in table.column_names]
    ).to_pylist()
    return rows
