"""The output of `goutbench curate` and `goutbench verify`."""

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from shutil import which

from goutbench.curate.compare import Difference
from goutbench.dataset.card import RepositorySummary, table_one


def print_curated(
    out: Path,
    summaries: Sequence[RepositorySummary],
    *,
    as_json: bool,
    mirror: Path | None = None,
    cache: Path | None = None,
) -> None:
    """Print the repositories of a new dataset to standard output, and how to verify it from these folders."""
    total = sum(summary.pairs for summary in summaries)
    if as_json:
        content = {
            "dataset": str(out),
            "pairs": total,
            "repositories": [
                {
                    "repository": summary.pin.name,
                    "revision": summary.pin.revision,
                    "domain": summary.pin.domain,
                    "pairs": summary.pairs,
                    "go_files": summary.go_files,
                    "rejections": dict(summary.rejections),
                    "licences": {name: rows for name, (rows, _) in summary.licences.items()},
                }
                for summary in summaries
            ],
        }
        print(json.dumps(content, indent=2, ensure_ascii=False))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    pins = {summary.pin.name: summary.pin for summary in summaries}
    table = Table(box=box.SIMPLE_HEAD, show_footer=len(summaries) > 1)
    table.add_column("Repository", footer="total")
    table.add_column("Pairs", justify="right", footer=f"{total:,}")
    table.add_column("Domain")
    table.add_column("Revision")
    for name, pairs, domain in table_one(summaries):
        pin = pins[name]
        at = f"{pin.revision[:12]} of {pin.date:%Y-%m-%d}" if pin.date else pin.revision
        table.add_row(*map(Text, (name, f"{pairs:,}", domain, at)))
    Console().print(table)
    print(f"Dataset written to {out}: README.md describes it, rejections.parquet lists rejected files.")
    started = sys.argv[0]  # its path is what can be pasted where it is not on PATH
    program = started if not which("goutbench") and Path(started).name == "goutbench" else "goutbench"
    arguments = [program, "verify", str(out)]
    for name, folder in (("--mirror", mirror), ("--cache", cache)):
        if folder is not None:
            arguments += [name, str(folder)]
    print(f"to rebuild and compare it: {shlex.join(arguments)}")
    print(f"next: {shlex.join([program, 'split', str(out)])}")


def print_differences(dataset: Path, differences: Sequence[Difference], *, as_json: bool) -> None:
    """Print the result of `goutbench verify` to standard output."""
    if as_json:
        content = {"dataset": str(dataset), "differences": [asdict(difference) for difference in differences]}
        print(json.dumps(content, indent=2, ensure_ascii=False))
        return
    for difference in differences:
        print(str(difference))
    count = len(differences)
    print(
        f"{dataset}: {count} difference{'s' if count != 1 else ''}"
        if differences
        else f"{dataset}: no differences; every file and row matches the pins"
    )
