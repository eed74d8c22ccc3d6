"""The records of the same candidates under every sandbox that works here.

    bench_sandboxes.py --dataset DIR --repos DIR --out DIR [--pairs 60] [--mutants 20] [--sandboxes NAME ...]

Draws reference tests with a seed, and two variants of each third one: without its last brace, and with a
failing assertion. Executes all of them with `goutbench execute --sandbox NAME`, and prints every field of a
record that is not the same under all sandboxes. The modules must be there (`goutbench execute --prepare`).
"""

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from goutbench.dataset.store import read_pairs
from goutbench.records import Pair

TIMES = {"gate_seconds", "build_seconds", "run_seconds", "mutation_seconds"}
DIFFERENT = {"id", "sandbox", "evidence", *TIMES}
"""Fields that differ between two runs of one sandbox, too: evidence has addresses of memory in it."""


def candidates_of(pairs: Sequence[Pair]) -> Iterable[dict[str, str]]:
    """Reference tests, and for each third one two that do not pass."""
    for number, pair in enumerate(pairs):
        yield {"pair_id": pair.id, "model": "reference-test", "code": pair.test}
        if number % 3 == 0:
            yield {"pair_id": pair.id, "model": "broken", "code": pair.test.rstrip().removesuffix("}")}
            failing = pair.test.replace("(t *testing.T) {", '(t *testing.T) {\n\tt.Error("planted")', 1)
            yield {"pair_id": pair.id, "model": "failing", "code": failing}


def execute(name: str, candidates: Path, arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The records under one sandbox, by candidate."""
    out = arguments.out / name
    command = [sys.executable, "-m", "goutbench", "execute", candidates, "--sandbox", name]
    command += ["--dataset", arguments.dataset, "--repos", arguments.repos, "--out", out, "--repeat", "2"]
    command += ["--mutants", arguments.mutants, "--workers", "1"]
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    return {row["candidate_id"]: row for row in pq.read_table(out / "executions.parquet").to_pylist()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--repos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--mutants", type=int, default=20)
    parser.add_argument("--sandboxes", nargs="+", default=["bubblewrap", "unshare", "landlock"])
    arguments = parser.parse_args()
    pairs = sorted(read_pairs(arguments.dataset), key=lambda pair: pair.id)
    random.Random(0).shuffle(pairs)
    arguments.out.mkdir(parents=True, exist_ok=True)
    candidates = arguments.out / "candidates.jsonl"
    chosen = list(candidates_of(pairs[: arguments.pairs]))
    candidates.write_text("".join(json.dumps(row) + "\n" for row in chosen))
    results = {name: execute(name, candidates, arguments) for name in arguments.sandboxes}
    first, *others = results.values()
    print(f"{len(first)} candidates: {statuses(first)}")
    for name, records in results.items():
        seconds = sum(value for row in records.values() for key, value in row.items() if key in TIMES)
        print(f"{name}: {seconds:.0f} seconds")
    for key, row in first.items():
        for name, records in zip(list(results)[1:], others, strict=True):
            for field, value in row.items():
                if field not in DIFFERENT and records[key][field] != value:
                    print(f"{row['pair_id']} {row['model']}: {field} under {name}:")
                    print(f"  {records[key][field]!r:.300}\n  instead of {value!r:.300}")


def statuses(records: dict[str, dict[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for row in records.values():
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


if __name__ == "__main__":
    main()
