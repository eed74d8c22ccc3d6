"""The output of `goutbench leakage`: the compared files, and the number of leaked rows by measure."""

import json
from dataclasses import asdict

from goutbench.leakage.stage import Leakage


def print_leakage(result: Leakage, *, as_json: bool) -> None:
    """Print a comparison to standard output; the rows of single texts only as JSON."""
    if as_json:
        content = {
            "files": [asdict(file) for file in result.files],
            "summary": result.summary(),
            "leaks": [asdict(leak) for leak in result.leaks],
        }
        print(json.dumps(content, indent=2))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    files = Table(box=box.SIMPLE_HEAD)
    files.add_column("File", overflow="fold")
    files.add_column("Role")
    for name in ("Rows", "Distinct"):
        files.add_column(name, justify="right")
    files.add_column("Rows also in")
    for file in result.files:
        files.add_row(file.path, file.role, f"{file.rows:,}", f"{file.distinct:,}", file.also_in)
    rows = len({leak.row for leak in result.leaks})
    counts = Table("In the corpora, by", box=box.SIMPLE_HEAD)
    counts.add_column(f"Rows of {rows:,}", justify="right")
    for measure, count in result.summary().items():
        counts.add_row(measure, f"{count:,}")
    console = Console()
    console.print(files)
    console.print(counts)
