"""The records of the same candidates under every sandbox that works here.

    bench_sandboxes.py --dataset DIR --repos DIR --out DIR [--pairs 60] [--mutants 20]
                       [--sandboxes NAME[=IMAGE] ...]

Draws reference tests with a seed, and two variants of each third one: without its last brace, and with a
failing assertion. Executes all of them with `goutbench execute --sandbox NAME`, and prints every field of a
record that is not the same under all sandboxes. Container engines are given with an image. The modules must
be there (`goutbench execute --prepare`). Then times the same command, which does nothing, in each sandbox.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from goutbench.dataset.store import read_pairs
from goutbench.execute.machine import open_machine
from goutbench.execute.sandbox.command import PATH, Command
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


def execute(sandbox: str, candidates: Path, arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The records under one sandbox, by candidate."""
    name, _, image = sandbox.partition("=")
    out = arguments.out / name
    command = [sys.executable, "-m", "goutbench", "execute", "--prepare", candidates, "--sandbox", name]
    command += ["--image", image] if image else []
    command += ["--dataset", arguments.dataset, "--repos", arguments.repos, "--out", out, "--repeat", "2"]
    command += ["--mutants", arguments.mutants, "--workers", "1"]
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    return {row["candidate_id"]: row for row in pq.read_table(out / "executions.parquet").to_pylist()}


def busy_seconds() -> float:
    """What all processors of the machine have worked: an engine's work is not that of our children."""
    user, nice, system, *_ = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    return sum(map(int, (user, nice, system))) / os.sysconf("SC_CLK_TCK")


def time_commands(sandbox: str, count: int = 20) -> str:
    """What a command costs: wall time, and CPU time of the machine, on which nothing else must run."""
    name, _, image = sandbox.partition("=")
    chosen = open_machine(sandbox=name, image=image).sandbox
    command = Command(("/bin/true",), Path("/tmp"), {"PATH": PATH})
    begin, busy = time.monotonic(), busy_seconds()
    for _ in range(count):
        assert chosen.run(command).ok
    wall, used = (time.monotonic() - begin) / count, (busy_seconds() - busy) / count
    return (
        f"{name}: {1000 * wall:.0f} ms and {1000 * used:.0f} ms of CPU time for a command that does nothing"
    )


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
    results = {name.partition("=")[0]: execute(name, candidates, arguments) for name in arguments.sandboxes}
    first, *others = results.values()
    print(f"{len(first)} candidates: {statuses(first)}")
    for name, records in results.items():
        seconds = sum(value or 0.0 for row in records.values() for key, value in row.items() if key in TIMES)
        print(f"{name}: {seconds:.0f} seconds")
    for key, row in first.items():
        for name, records in zip(list(results)[1:], others, strict=True):
            for field, value in row.items():
                if field not in DIFFERENT and records[key][field] != value:
                    print(f"{row['pair_id']} {row['model']}: {field} under {name}:")
                    print(f"  {records[key][field]!r:.300}\n  instead of {value!r:.300}")
    for sandbox in arguments.sandboxes:
        print(time_commands(sandbox))


def statuses(records: dict[str, dict[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for row in records.values():
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


if __name__ == "__main__":
    main()
