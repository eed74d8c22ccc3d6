"""Executes candidates on a two-node Ray cluster of this machine, beside the same command without Ray.

    python benchmarks/bench_cluster.py CANDIDATES --dataset DATASET --repos REPOS --out OUT [--kills]

It prints the wall and CPU time of both, their ratio, and how many records differ in more than seconds and
output. With --kills, it also kills three workers, one node, and the command itself; it prints how many units
were executed again after they had a record, and how many are missing or twice. All runs share one workspace;
a first run, which does not count, fills its caches.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from goutbench.dataset.reading import read_records
from goutbench.records import Execution

NODE: dict[str, Any] = {"memory": 4 << 30, "object_store_memory": 100 << 20}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("candidates", type=Path)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--repos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2, help="in all: half of them on each node")
    parser.add_argument("--kills", action="store_true")
    options = parser.parse_args()
    command = [
        sys.executable, "-m", "goutbench", "execute", str(options.candidates), "--dataset",
        str(options.dataset), "--repos", str(options.repos), "--work", str(options.out / "work"),
        "--repeat", "1", "--workers", str(options.workers),
    ]  # fmt: skip
    run("cache", command, options.out / "cache")
    seconds, cpu = run("local", command, options.out / "local")
    with_cluster(options, command, seconds, cpu)


def with_cluster(options: argparse.Namespace, command: list[str], seconds: float, cpu: float) -> None:
    from ray.cluster_utils import Cluster

    node = {**NODE, "num_cpus": max(1, options.workers // 2)}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    second = cluster.add_node(**node)
    cluster.wait_for_nodes()
    ray = [*command, "--ray", cluster.address]
    ray_seconds, _ = run("ray", ray, options.out / "ray")
    print(f"wall, Ray ÷ local: {ray_seconds / seconds:.2f}")
    compare(options.out / "local", options.out / "ray")
    if options.kills:
        out = options.out / "kills"
        killed = run_until(ray, out, 0.5, lambda: kill_workers(3))
        print(f"killed {killed} workers, then a node, then the command")
        run_until(ray, out, 0.7, lambda: cluster.remove_node(second))
        cluster.add_node(**node)
        run("after the kills", ray, out)
        compare(options.out / "local", out)
        count_repeats(out)
    cluster.shutdown()


def run(name: str, command: list[str], out: Path) -> tuple[float, float]:
    """The wall and the CPU seconds of a command; Ray's workers are not its children."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([*command, "--out", str(out)], check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = after.ru_maxrss >> 10
    print(f"{name}: {seconds:.1f} s wall, {cpu:.1f} s CPU of children, {peak} MiB peak of the largest child")
    return seconds, cpu


def run_until(command: list[str], out: Path, share: float, disturb: Callable[[], Any]) -> Any:
    """Start the command, disturb it at half of `share` of its records, and kill it at `share`."""
    total = len(read_records(out.parent / "local" / "executions.parquet", Execution))
    process = subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.DEVNULL)
    result = None
    for part, action in ((share / 2, disturb), (share, process.kill)):
        while process.poll() is None and lines(out) < part * total:
            time.sleep(0.1)
        outcome = action() if process.poll() is None else None
        result = outcome if action is disturb else result
    process.wait()
    return result


def lines(out: Path) -> int:
    path = out / "executions.jsonl"
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def kill_workers(count: int) -> int:
    """Kill Ray's workers that execute units."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    own = [int(line.split()[0]) for line in listed.splitlines() if "ray::_Serving" in line]
    for pid in own[:count]:
        os.kill(pid, signal.SIGKILL)
    return len(own[:count])


def compare(first: Path, second: Path) -> None:
    a, b = (comparable(folder) for folder in (first, second))
    differing = sum(a[key] != b.get(key) for key in a)
    print(f"records: {len(a)} and {len(b)}; different: {differing}; missing: {len(a.keys() - b.keys())}")


def comparable(folder: Path) -> dict[str, Any]:
    records = read_records(folder / "executions.parquet", Execution)
    blank: dict[str, Any] = {"gate_seconds": 0.0, "build_seconds": 0.0, "run_seconds": 0.0, "evidence": ""}
    return {record.candidate_id: asdict(replace(record, **blank)) for record in records}


def count_repeats(out: Path) -> None:
    ids = Counter(json.loads(line)["id"] for line in (out / "executions.jsonl").read_text().splitlines())
    repeated = sum(count > 1 for count in ids.values())
    print(f"units: {len(ids)}; executed again after they had a record: {repeated}")


if __name__ == "__main__":
    main()
