"""Executes candidates on a Ray cluster of two nodes on this machine, beside the same command without Ray.

    python benchmarks/bench_cluster.py same --dataset DATASET --references RUN --repos REPOS --out OUT
    python benchmarks/bench_cluster.py kills|poison|differs --dataset DATASET …

The candidates are variants of the cheapest reference tests of RUN that passed: complete, cut in half, with a
test that fails, and with a name that nobody declares. same: both runs in turn, their wall and CPU time and
how many records differ in more than seconds and output. kills: three workers die, then a node, then the
command; the next command finishes the run. poison: a candidate kills every worker that has it. differs: a
file of a package has other bytes on the second node; the pairs must be of git repositories. All runs share
one workspace; the first one, which does not count, fills its caches. CPU seconds are those of all processes,
Ray's included (cgroup v1).
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from cpu_group import group_of, usage

from goutbench.dataset.reading import read_records
from goutbench.execute.evaluate import ExecutionSpec, evaluate_in
from goutbench.execute.inputs import read_candidates, read_locations, read_settings, read_sources
from goutbench.execute.ladder.climb import climb
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.stage import reference_candidates
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.records import Candidate, Execution, Status

NODE: dict[str, Any] = {"memory": 4 << 30, "object_store_memory": 100 << 20}
POISON = "poison"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("question", choices=("same", "kills", "poison", "differs"))
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--references", type=Path, required=True, help="a run of `execute --reference`")
    parser.add_argument("--repos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=25)
    parser.add_argument("--variants", type=int, default=20, help="candidates of each pair")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--limit", type=int, default=0, help="kills, differs: only so many candidates")
    parser.add_argument("--workers", type=int, default=2, help="in all: half of them on each node")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    count_cpu()
    write_candidates(options)
    if not (options.out / "cache").exists():
        run("cache", local_command(options, limit=2 * options.pairs), options.out / "cache")
    questions = {"same": same, "kills": kills, "poison": poison, "differs": differs}
    questions[options.question](options)


# ── candidates and commands ─────────────────────────────────────────────────────────────────────────


def write_candidates(options: argparse.Namespace) -> None:
    records = read_records(options.references / "executions.parquet", Execution)
    passed = [record for record in records if record.status is Status.PASSED]
    cheapest = sorted(passed, key=lambda record: (record.build_seconds + record.run_seconds, record.id))
    pairs = {record.pair_id for record in cheapest[: options.pairs]}
    with (options.out / "candidates.jsonl").open("w") as file:
        for reference in reference_candidates(options.dataset, pairs):
            for number in range(options.variants):
                row = {"pair_id": reference.pair_id, "model": f"variant-{number:02}"}
                file.write(json.dumps(row | {"code": variant(reference.code, number)}) + "\n")


def variant(code: str, number: int) -> str:
    """One of four kinds of a test file, each with a comment that no other one has."""
    code += f"\n// variant {number}\n"
    kind = number % 4
    if kind == 1:
        return code + "\nfunc TestThatIsUndeclared(t *testing.T) { undeclaredName() }\n"
    if kind == 2:
        return code + '\nfunc TestThatFails(t *testing.T) { t.Fatal("as intended") }\n'
    return code[: len(code) // 2] if kind == 3 else code


def local_command(options: argparse.Namespace, limit: int = 0) -> list[str]:
    return [
        sys.executable, "-m", "goutbench", "execute", str(options.out / "candidates.jsonl"), "--dataset",
        str(options.dataset), "--repos", str(options.repos), "--work", str(options.out / "work"),
        "--repeat", "1", "--short", "--workers", str(options.workers), "--limit", str(limit),
    ]  # fmt: skip


@contextmanager
def cluster_of_two(options: argparse.Namespace, **second: Any) -> Iterator[tuple[Any, Any]]:
    """A cluster and its second node."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - Ray's own name
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    node = {**NODE, "num_cpus": max(1, options.workers // 2)}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    try:
        other = cluster.add_node(**node, **second)
        cluster.wait_for_nodes()
        yield cluster, other
    finally:
        cluster.shutdown()


# ── questions ───────────────────────────────────────────────────────────────────────────────────────


def same(options: argparse.Namespace) -> None:
    command, costs = local_command(options), dict[str, list[tuple[float, float]]]()
    with cluster_of_two(options) as (cluster, _):
        for number in range(options.rounds):
            for name, extra in (("local", []), ("ray", ["--ray", cluster.address])):
                out = options.out / f"{name}-{number}"
                costs.setdefault(name, []).append(run(name, [*command, *extra], out))
    for at, what in enumerate(("wall", "CPU")):
        local, ray = (statistics.median(cost[at] for cost in costs[name]) for name in ("local", "ray"))
        print(f"{what}, median: local {local:.1f} s, Ray {ray:.1f} s, ratio {ray / local:.2f}")
    for number in range(options.rounds):
        compare(options.out / "local-0", options.out / f"ray-{number}")
        if number:
            compare(options.out / "local-0", options.out / f"local-{number}")


def kills(options: argparse.Namespace) -> None:
    """Needs the records of `same`."""
    out = options.out / "kills"
    total = options.limit or len(read_candidates(options.out / "candidates.jsonl"))
    with cluster_of_two(options) as (cluster, second):
        command = [*local_command(options, options.limit), "--ray", cluster.address, "--out", str(out)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        disturbances: tuple[tuple[float, str, Callable[[], Any]], ...] = (
            *((share, "a worker", kill_worker) for share in (0.15, 0.25, 0.35)),
            (0.45, "a node", partial(cluster.remove_node, second, allow_graceful=False)),
            (0.65, "the command", process.kill),
        )
        for share, name, disturb in disturbances:
            while process.poll() is None and lines(out) < share * total:
                time.sleep(0.05)
            assert process.poll() is None, "the command ended before"
            disturb()
            print(f"killed {name} after {lines(out)} of {total} records", flush=True)
        process.wait()
        finished = lines(out)
        cluster.add_node(**NODE, num_cpus=max(1, options.workers // 2))
        run("after the kills", command[:-2], out)
    compare(options.out / "local-0", out)
    ids = Counter(json.loads(line)["id"] for line in (out / "executions.jsonl").read_text().splitlines())
    repeated = sum(count > 1 for count in ids.values())
    print(f"records when the command died: {finished}; units with a record: {len(ids)}; with two: {repeated}")


def poison(options: argparse.Namespace) -> None:
    """Through the API, since no candidate can kill its worker."""
    pairs = read_locations(options.dataset)
    candidates = read_candidates(options.out / "candidates.jsonl")[: 2 * options.variants]
    candidates[7] = replace(candidates[7], model=POISON)
    spec = ExecutionSpec(
        options.repos.absolute(), ExecuteOptions(repeat=1, short=True), killed_by_poison,
        (options.out / "work").absolute(), sources=read_sources(options.dataset),
        settings=read_settings(options.dataset),
    )  # fmt: skip
    with cluster_of_two(options) as (cluster, _), spec.open_session(options.workers) as session:
        records = evaluate_in(session, candidates, pairs, runner=f"ray:{cluster.address}")
    reasons = Counter(f"{record.status} {record.reason}".strip() for record in records)
    print(f"{len(records)} of {len(candidates)} records: {dict(reasons)}")
    print(f"the poison: {records[7].status} {records[7].reason}")


def killed_by_poison(worker: Worker, package: PackageUnderTest, candidate: Candidate) -> Execution:
    if candidate.model == POISON:
        os.kill(os.getpid(), signal.SIGKILL)
    return climb(worker, package, candidate)


def differs(options: argparse.Namespace) -> None:
    """Each node has a workspace of its own; a file of the second one's has one more comment.

    The pairs must be of a git repository: all nodes of a machine share its Go.
    """
    command, out = local_command(options, options.limit), options.out
    run("local", command, out / "local-0")
    for name in ("first", "second"):
        shutil.copytree(out / "work", out / name, symlinks=True, copy_function=os.link)
    location = read_locations(options.dataset)[read_candidates(out / "candidates.jsonl")[0].pair_id]
    (path,) = (out / "second" / "trees").glob(f"*/*/tree/{location.code_path}")
    content = path.read_bytes()
    path.unlink()  # the other workspace has the same file
    path.write_bytes(content + b"\n// other bytes\n")
    del command[command.index("--work") : command.index("--work") + 2]
    os.environ["GOUTBENCH_CACHE"] = str(out / "first")
    with cluster_of_two(options, env_vars={"GOUTBENCH_CACHE": str(out / "second")}) as (cluster, _):
        run("nodes that differ", [*command, "--ray", cluster.address], out / "differs")
    pairs, changed = read_locations(options.dataset), str(Path(location.code_path).parent)
    counted = Counter(
        (str(Path(pairs[record.pair_id].code_path).parent) == changed, f"{record.status} {record.reason}")
        for record in read_records(out / "differs" / "executions.parquet", Execution)
    )
    for (of_changed, result), count in sorted(counted.items()):
        print(f"{'the changed package' if of_changed else 'other packages'}: {count} {result}")
    compare(out / "local-0", out / "differs")


# ── measuring ───────────────────────────────────────────────────────────────────────────────────────


def count_cpu() -> None:
    """Count the CPU seconds of this process and all that it starts, also where nobody waits for it."""
    group = group_of(os.getpid())
    try:
        group.mkdir(exist_ok=True)
        (group / "cgroup.procs").write_text(str(os.getpid()))
    except OSError as error:
        sys.exit(f"CPU seconds need a writable {group.parent}: {error}")


def run(name: str, command: list[str], out: Path) -> tuple[float, float]:
    """The wall and the CPU seconds of a command, with those of the cluster meanwhile."""
    group = group_of(os.getpid())
    before, start = usage(group) or 0.0, time.monotonic()
    with (out.parent / f"{out.name}.log").open("a") as log:
        subprocess.run([*command, "--out", str(out)], check=True, stdout=subprocess.DEVNULL, stderr=log)
    seconds, cpu = time.monotonic() - start, (usage(group) or 0.0) - before
    load = os.getloadavg()[0]
    print(f"{name}: {seconds:.1f} s wall, {cpu:.1f} s CPU, load {load:.0f}", flush=True)
    return seconds, cpu


def lines(out: Path) -> int:
    path = out / "executions.jsonl"
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def kill_worker() -> None:
    """Kill one of the workers of our cluster that execute units."""
    own = (group_of(os.getpid()) / "cgroup.procs").read_text().split()
    for pid in own:
        title = Path("/proc", pid, "cmdline").read_bytes().decode(errors="replace")
        if re.match("ray::_Serving", title):
            os.kill(int(pid), signal.SIGKILL)
            return
    raise AssertionError("no worker is running")


def compare(first: Path, second: Path) -> None:
    a, b = (comparable(folder) for folder in (first, second))
    unequal = [key for key in a if key in b and a[key] != b[key]]
    fields = Counter(name for key in unequal for name in a[key] if a[key][name] != b[key][name])
    missing, more = len(a.keys() - b.keys()), len(b.keys() - a.keys())  # with --limit, some are not in b
    print(f"{first.name}, {second.name}: {len(a)} and {len(b)} records, {len(unequal)} differ {dict(fields)}")
    print(f"… missing: {missing}; more: {more}; statuses: {dict(Counter(r['status'] for r in b.values()))}")


def comparable(folder: Path) -> dict[str, Any]:
    records = read_records(folder / "executions.parquet", Execution)
    blank: dict[str, Any] = {"gate_seconds": 0.0, "build_seconds": 0.0, "run_seconds": 0.0, "evidence": ""}
    return {record.candidate_id: asdict(replace(record, **blank)) for record in records}


if __name__ == "__main__":
    main()
