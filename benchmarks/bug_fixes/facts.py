"""The committed facts: what was measured of each bug, and the list of verified bugs. No code."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path(__file__).parent
_TABLE, _LIST = FOLDER / "facts.parquet", FOLDER / "bugs.tsv"
_COLUMNS = ("repository", "commit", "parent", "path", "failing")


def write_facts(rows: Sequence[dict[str, Any]]) -> None:
    """Write both files, in order of repository and commit."""
    ordered = sorted(rows, key=lambda row: (row["repository"], row["commit"]))
    pq.write_table(pa.Table.from_pylist(ordered), _TABLE, compression="zstd", compression_level=19)
    with _LIST.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(_COLUMNS)
        for row in ordered:
            writer.writerow([*(row[name] for name in _COLUMNS[:-1]), " ".join(row["catching"])])


def read_facts() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(_TABLE).to_pylist()
    return rows
