"""What `goutbench leakage` prints: the files that were compared, and how many rows were found, by measure."""

import json
from dataclasses import asdict

from goutbench.leakage.stage import Leakage


def print_leakage(found: Leakage, *, as_json: bool) -> None:
    """Print a comparison to standard output; every text's own row only as JSON."""
    if as_json:
        content = {
            "files": [asdict(each) for each in found.files],
            "summary": found.summary(),
            "leaks": [asdict(each) for each in found.leaks],
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
    files.add_column("Rows that stand again in")
    for each in found.files:
        files.add_row(each.path, each.role, f"{each.rows:,}", f"{each.distinct:,}", each.again_in)
    rows = len({leak.row for leak in found.leaks})
    counts = Table("Found in the corpora, by", box=box.SIMPLE_HEAD)
    counts.add_column(f"Rows of {rows:,}", justify="right")
    for measure, count in found.summary().items():
        counts.add_row(measure, f"{count:,}")
    console = Console()
    console.print(files)
    console.print(counts)
