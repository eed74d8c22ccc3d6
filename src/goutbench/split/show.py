"""The output of `goutbench split`: the sizes, and the proof as a table of pairs of splits."""

import json
from dataclasses import asdict
from pathlib import Path

from goutbench.split.stage import Split


def print_split(dataset: Path, scheme: str, result: Split, *, as_json: bool) -> None:
    """Print a split to standard output."""
    if as_json:
        content = {
            "dataset": str(dataset),
            "scheme": scheme,
            "sizes": result.sizes(),
            "group_sizes": result.group_sizes(),
            "proof": [asdict(overlap) for overlap in result.proof],
        }
        print(json.dumps(content, indent=2))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    sizes = ", ".join(f"{name} {size:,}" for name, size in result.sizes().items())
    groups = ", ".join(f"{count:,} of {size}" for size, count in result.group_sizes().items())
    print(f"{scheme}: {sizes}\nleak groups: {groups}\n")
    table = Table("In common", "Of", box=box.SIMPLE_HEAD)
    pairs = [(overlap.first, overlap.second) for overlap in result.proof[:3]]
    for first, second in pairs:
        table.add_column(f"{first} ↔ {second}", justify="right")
    table.add_column("Promised")
    for start in range(0, len(result.proof), len(pairs)):
        overlaps = result.proof[start : start + len(pairs)]
        counts = [f"{overlap.first_rows:,} ↔ {overlap.second_rows:,}" for overlap in overlaps]
        promise = "zero" if overlaps[0].promised_zero else ""
        table.add_row(overlaps[0].measure, overlaps[0].side, *counts, promise)
    Console().print(table)
    print("Each cell counts the rows of each split that have a counterpart in the other one.")
