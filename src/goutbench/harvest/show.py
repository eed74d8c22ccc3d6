"""The output of `goutbench harvest`: how many candidates became rows, and why the others did not."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path

from goutbench.harvest.result import Harvest


def print_harvest(result: Harvest, out: Path, dataset: Path, scheme: str, *, as_json: bool) -> None:
    """Print a harvest to standard output, and how to train on its rows."""
    if as_json:
        content = {
            "out": str(out),
            "candidates": result.candidates,
            "excluded": dict(result.excluded),
            "rows": len(result.rows),
            "proof": [asdict(overlap) for overlap in result.proof],
        }
        print(json.dumps(content, indent=2))
        return
    functions = {(row.pair_id, row.functions) for row in result.rows}
    repositories = {row.repository for row in result.rows}
    print(f"candidates: {result.candidates:,}")
    for reason, count in result.excluded.items():
        print(f"  {reason}: {count:,}")
    print(f"rows: {len(result.rows):,} of {len(functions):,} items in {len(repositories):,} repositories")
    promised = sum(overlap.first_rows for overlap in result.proof if overlap.promised_zero)
    print(f"rows like a held-out pair, by code or test: {promised}")
    command = ["goutbench", "train", "focal-function", "--dataset", str(dataset), "--split", scheme]
    print(f"next: {shlex.join([*command, '--rows', str(out)])}")
