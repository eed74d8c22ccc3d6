"""Facts as a Parquet file, with how they were measured in its metadata."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from goutbench.dataset.store import from_table, read_schema, read_table, to_table, write_table
from goutbench.errors import DatasetError
from goutbench.facts.fact import Fact

_METADATA = b"goutbench"


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts, and how they were measured: options of `execute`, machine, versions."""

    rows: tuple[Fact, ...]
    measured: Mapping[str, Any]

    @property
    def options(self) -> Mapping[str, str]:
        """The options of the executions, as texts."""
        options = self.measured.get("options", {})
        return options if isinstance(options, dict) else {}


def this_machine() -> dict[str, Any]:
    """What is worth recording of the machine and the versions."""
    return {
        "goutbench": version("goutbench"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": os.cpu_count(),
    }


def write_facts(path: Path, rows: Sequence[Fact], measured: Mapping[str, Any]) -> None:
    """Write facts by repository and path; equal facts give equal bytes. Raises StorageError."""
    ordered = sorted(rows, key=lambda row: (row.repository, row.code_path, row.test_path))
    table = to_table(ordered, Fact)
    metadata = {_METADATA: json.dumps(measured, sort_keys=True).encode()}
    write_table(table.replace_schema_metadata(metadata), path)


def read_facts(path: Path) -> Facts:
    """Read a file of facts. Raises DatasetError where it is none, or damaged."""
    metadata = read_schema(path).metadata or {}
    if _METADATA not in metadata:
        hint = "give a file that `goutbench facts` wrote"
        raise DatasetError("not a file of facts", where=str(path), hint=hint)
    return Facts(tuple(from_table(read_table(path), Fact)), json.loads(metadata[_METADATA]))


def builtin_facts(name: str) -> Path | None:
    """The file of facts that comes with a built-in configuration, if there is one."""
    path = Path(str(files("goutbench") / "builtin" / f"{name}.facts.parquet"))
    return path if path.is_file() else None
