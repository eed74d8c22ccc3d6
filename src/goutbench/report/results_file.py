"""`results.json`: the numbers of a report in a stable form, which other programs read.

`results.schema.json` beside this file is its JSON schema. A version with another first number breaks readers;
one with another second number adds fields.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from goutbench import __version__
from goutbench.dataset.store import read_manifest, write_json
from goutbench.report.tables.cells import ReportTable

FILE = "results.json"
SCHEMA_VERSION = "1.0"


def write_results(path: Path, dataset: Path, tables: Iterable[ReportTable]) -> None:
    """Write the records of all tables, those of the leaderboard as `models`."""
    records = {table.name: table.records for table in tables if table.records}
    manifest = read_manifest(dataset)
    content: dict[str, Any] = {
        "schema": "goutbench-results",
        "schema_version": SCHEMA_VERSION,
        "goutbench": __version__,
        "dataset": {
            "pairs": manifest["pairs"],
            "files": {
                name: entry["sha256"]
                for name, entry in sorted(manifest["files"].items())
                if name.startswith("data/")
            },
        },
        "models": records.pop("leaderboard", []),
        "ratings": records.pop("ratings", []),
        "tables": records,
    }
    write_json(path, content)
