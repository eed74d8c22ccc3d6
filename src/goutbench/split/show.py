"""What `goutbench split` prints: the sizes, and the proof as a table of splits against each other."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from goutbench.records import Overlap
from goutbench.split.stage import Split


def print_split(dataset: Path, scheme: str, made: Split, *, as_json: bool) -> None:
    """Print a split to standard output."""
    if as_json:
        content = {
            "dataset": str(dataset),
            "scheme": scheme,
            "sizes": made.sizes(),
            "group_sizes": made.group_sizes(),
            "proof": [asdict(each) for each in made.proof],
        }
        print(json.dumps(content, indent=2))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    sizes = ", ".join(f"{name} {size:,}" for name, size in made.sizes().items())
    groups = ", ".join(f"{count:,} of {size}" for size, count in made.group_sizes().items())
    print(f"{scheme}: {sizes}\ngroups of alike pairs: {groups}\n")
    table = Table("In common", "Of", box=box.SIMPLE_HEAD)
    pairs = [(each.first, each.second) for each in made.proof[:3]]
    for first, second in pairs:
        table.add_column(f"{first} ↔ {second}", justify="right")
    table.add_column("Promised")
    for start in range(0, len(made.proof), len(pairs)):
        table.add_row(*_line(made.proof[start : start + len(pairs)]))
    Console().print(table)
    print("Counts are rows of the one split with a counterpart in the other, and the other way round.")


def _line(cells: Sequence[Overlap]) -> list[str]:
    head = cells[0]
    counts = [f"{each.first_rows:,} ↔ {each.second_rows:,}" for each in cells]
    return [head.measure, head.side, *counts, "zero" if head.promised_zero else ""]
