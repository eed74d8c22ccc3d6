"""Generating: whether a killed run repeats calls, and the cost of an item beyond the model's own time.

    bench_generate.py kills --dataset DIR [--items 60] [--kills 5]
    bench_generate.py overhead --dataset DIR [--items 300]
    bench_generate.py start --dataset DIR [--items 24] [--source SRC] [--paths REGEX]

The scripted model answers after 0.2 s (`kills`; 4 calls in flight) or at once (`overhead`), and logs every
answer. `kills` ends the process by SIGKILL at random times, starts the same command again, and compares the
tables with those of an undisturbed run. `overhead` is the CPU time of a run of many items less that of a run
of one item, divided by the difference in items: chunks, prompts, the calls by Inspect with its log, the
journal, assembling, the tables. `start` is the CPU
time of `--dry-run` for a few items and for all items of both units, with a hash of the prompts: --source is
the `src` folder of the version to measure.
"""

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from goutbench.dataset.store import read_table

REPLY = '```go\npackage p\n\nimport "testing"\n\nfunc TestIt(t *testing.T) {}\n```\n'


def command(options: argparse.Namespace, folder: Path, items: int, seconds: float, name: str) -> list[str]:
    script = folder / "script.jsonl"
    script.write_text(json.dumps({"reply": REPLY, "seconds": seconds}) + "\n")
    arguments = [sys.executable, "-m", "goutbench", "generate", str(options.dataset), "--unit", "function"]
    arguments += ["--model", f"scripted/{script}", "--limit", str(items), "--out", str(folder / name)]
    return [*arguments, "--connections", "4", "-M", f"calls={folder / name}.calls", "--json"]


def tables(run: Path) -> dict[str, list[dict[str, Any]]]:
    """What must be equal: all columns but `seconds`."""
    contents = {}
    for name in ("prompts", "completions", "candidates"):
        rows = read_table(run / f"{name}.parquet").to_pylist()
        contents[name] = [{k: v for k, v in row.items() if k != "seconds"} for row in rows]
    return contents


def calls(folder: Path, name: str) -> Counter[str]:
    path = folder / f"{name}.calls"
    return Counter(path.read_text().splitlines()) if path.is_file() else Counter()


def kills(options: argparse.Namespace, folder: Path) -> None:
    draw = random.Random(options.seed)
    lengths = []
    arguments = command(options, folder, options.items, 0.2, "killed")
    for _ in range(options.kills):
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = calls(folder, "killed").total()
        while calls(folder, "killed").total() == before and process.poll() is None:
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.2 * options.items / 4 / options.kills))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        lengths.append(calls(folder, "killed").total())
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        command(options, folder, options.items, 0.2, "undisturbed"), check=True, stdout=subprocess.DEVNULL
    )
    counts = calls(folder, "killed")
    again = counts.total() - len(counts)
    print(f"items {options.items}, answers at each kill: {lengths}")
    print(f"answers in total {counts.total()}, to distinct calls {len(counts)}, repeated {again}")
    print(
        f"same records as an undisturbed run: {tables(folder / 'killed') == tables(folder / 'undisturbed')}"
    )


def overhead(options: argparse.Namespace, folder: Path) -> None:
    seconds = []
    for items in (1, options.items):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            command(options, folder, items, 0.0, f"run{items}"), check=True, stdout=subprocess.DEVNULL
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    per_item = 1000 * (seconds[1] - seconds[0]) / (options.items - 1)
    print(
        f"one item {seconds[0]:.1f} s, {options.items} items {seconds[1]:.1f} s: "
        f"{per_item:.1f} ms CPU per item"
    )


DRY_RUN = """
import hashlib, resource, sys, time
from pathlib import Path
from goutbench.generate.items import read_items
from goutbench.generate.options import GenerateOptions
unit, limit, paths = sys.argv[2], int(sys.argv[3]), sys.argv[4]
begin = time.monotonic()
items = read_items(Path(sys.argv[1]), GenerateOptions(unit=unit, limit=limit, paths=paths))
wall = time.monotonic() - begin
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
seconds = sum(one.ru_utime + one.ru_stime for one in used)
text = "".join(repr((item.pair.id, item.focal, item.prompts)) for item in items)
digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
print(f"{len(items):6} items {seconds:6.1f} s CPU, {wall:6.1f} s, prompts {digest[:16]}")
"""


def start(options: argparse.Namespace, folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(options.source.resolve())}
    for unit, limit in (("function", options.items), ("function", 0), ("file", options.items), ("file", 0)):
        arguments = [sys.executable, "-c", DRY_RUN, str(options.dataset), unit, str(limit), options.paths]
        print(f"{unit:8} limit {limit:3}", end=" ", flush=True)
        subprocess.run(arguments, check=True, cwd=folder, env=environment)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    for action, items in ((kills, 60), (overhead, 300), (start, 24)):
        part = commands.add_parser(action.__name__)
        part.set_defaults(action=action)
        part.add_argument("--dataset", type=Path, required=True)
        part.add_argument("--items", type=int, default=items)
        part.add_argument("--kills", type=int, default=5)
        part.add_argument("--seed", type=int, default=1)
        part.add_argument("--source", type=Path, default=Path(__file__).parent.parent / "src")
        part.add_argument("--paths", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options.action(options, Path(folder))


if __name__ == "__main__":
    main()
