"""What the private copy of each run costs.

    bench_copies.py sandbox TREE [--rounds 30] [--runs 200] [--work DIR]
    bench_copies.py execute --dataset DIR --repos DIR --against SRC [--pairs 10] [--rounds 5]

CPU seconds are user plus system seconds of all child processes (getrusage). Variants take turns, and medians
count. `sandbox` runs `/bin/true` in a sandbox of this machine, with copies of TREE and without; then many
runs in one sandbox, which write to the copy or do not. `execute` runs `goutbench execute --reference` with
this source tree and with another one, SRC (the `src` of an earlier commit), each in a workspace of its own,
whose caches an uncounted first round warms.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench_execute import write_small

from goutbench.dataset.store import DATA, read_pairs
from goutbench.execute.machine import open_machine
from goutbench.execute.sandbox.command import PATH, Command, CommandRun, Limits, PrivateCopy
from goutbench.execute.sandbox.copies import why_no_overlay

SRC = Path(__file__).parents[1] / "src"


def children_cpu() -> float:
    """The CPU seconds of all processes that we started: those that have ended, and those that still run."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = " ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children"))
    clocks = [~int(pid) << 3 | 2 for pid in running.split()]  # CPUCLOCK_SCHED of a process
    return ended.ru_utime + ended.ru_stime + sum(map(time.clock_gettime, clocks))


def medians(variants: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median CPU seconds of each variant; they take turns."""
    costs: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, action in variants.items():
            before = children_cpu()
            action()
            costs[name].append(children_cpu() - before)
    return {name: statistics.median(values) for name, values in costs.items()}


def sandbox(arguments: argparse.Namespace) -> None:
    machine, tree = open_machine(work=arguments.work), arguments.tree.resolve()
    print(f"{machine.sandbox.name}; overlay: {why_no_overlay(machine.sandbox, tree) or 'works'}")
    plain = Command(("/bin/true",), tree, {"PATH": PATH}, readable=(tree,), limits=Limits(wall=600.0))
    copies = {
        "no copy": None,
        "overlay": PrivateCopy(tree, overlay=True),
        "file by file": PrivateCopy(tree, overlay=False),
    }
    once = {name: replace(plain, copy=copy) for name, copy in copies.items()}
    for name, cost in medians(actions(machine.sandbox.run, once), arguments.rounds).items():
        print(f"a sandbox with one run, {name:<13} {1000 * cost:8.2f} ms")
    many = (CommandRun(),) * arguments.runs
    script = {"writes nothing": "exit 0", "writes a file": ": > written"}
    variants = {
        f"{name}, {what}": replace(command, argv=("/bin/sh", "-c", text), runs=many)
        for name, command in once.items()
        for what, text in script.items()
        if name != "no copy" or what == "writes nothing"
    }
    for name, cost in medians(actions(machine.sandbox.run, variants), max(3, arguments.rounds // 10)).items():
        print(f"one of {arguments.runs} runs, {name:<30} {1000 * cost / arguments.runs:8.3f} ms")


def actions(
    run: Callable[[Command], object], commands: dict[str, Command]
) -> dict[str, Callable[[], object]]:
    return {name: lambda command=command: run(command) for name, command in commands.items()}


def execute(arguments: argparse.Namespace) -> None:
    sources = {"this": SRC, "against": arguments.against.resolve()}
    chosen = sorted(pair.id for pair in read_pairs(arguments.dataset))[: arguments.pairs]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        dataset = Path(folder) / "dataset"
        (dataset / DATA).mkdir(parents=True)
        write_small(arguments.dataset, dataset, set(chosen))

        def run(name: str) -> None:
            out = tempfile.mkdtemp(dir=folder)
            command = [sys.executable, "-m", "goutbench", "execute", "--reference", "--repeat", "3"]
            command += ["--workers", "1", "--dataset", str(dataset), "--repos", str(arguments.repos)]
            command += ["--out", out, "--work", f"{arguments.work or folder}/{name}"]
            command += ["--mutants", str(arguments.mutants)] if arguments.mutants is not None else []
            env = {**os.environ, "PYTHONPATH": str(sources[name])}
            subprocess.run(command, env=env, check=True, capture_output=True)

        variants = {name: lambda name=name: run(name) for name in sources}
        for action in variants.values():
            action()
        costs = medians(variants, arguments.rounds)
    for name, cost in costs.items():
        print(f"{name:<8} {cost:8.2f} s")
    print(f"ratio    {costs['this'] / costs['against']:8.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("sandbox")
    command.set_defaults(action=sandbox)
    command.add_argument("tree", type=Path)
    command.add_argument("--rounds", type=int, default=30)
    command.add_argument("--runs", type=int, default=200)
    command = commands.add_parser("execute")
    command.set_defaults(action=execute)
    command.add_argument("--dataset", type=Path, required=True)
    command.add_argument("--repos", type=Path, required=True)
    command.add_argument("--against", type=Path, required=True)
    command.add_argument("--pairs", type=int, default=10)
    command.add_argument("--rounds", type=int, default=5)
    command.add_argument("--mutants", type=int)
    for command in commands.choices.values():
        command.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    arguments.action(arguments)


if __name__ == "__main__":
    main()
