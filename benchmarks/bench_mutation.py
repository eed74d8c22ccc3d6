"""Mutation by schemata: whether results equal those of single compiles, and the cost.

    python benchmarks/bench_mutation.py --module "$(go env GOROOT)/src" PACKAGE/FILE.go ...
    python benchmarks/bench_mutation.py --steps --module MODULE PACKAGE/FILE.go ...

It runs each mutant twice, behind the switch and compiled singly, in a plain loop without a sandbox, and
compares results and CPU time. The sample has mutants of every operator. CPU time is that of all child
processes (getrusage), including the Go helper. The build cache is warm for everything but the mutated package
itself. `--steps` counts the steps of each mutant without a limit of them, against those of the unmutated
program.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from goutbench.execute.ladder.mutants.runs import STEPS_FACTOR, STEPS_FLOOR
from goutbench.golang.toolchain.helper import GoHelper
from goutbench.golang.toolchain.installation import Toolchain, find_toolchain, go_env, run_go
from goutbench.golang.toolchain.mutation import Mutant, MutationPlan, apply_mutant, plan_mutation


def focal_files(module: Path) -> Iterator[Path]:
    """X.go beside X_test.go anywhere in the module; not in vendor, testdata or a nested module."""
    for folder, folders, names in os.walk(module):
        folders[:] = sorted(
            name
            for name in folders
            if name not in ("vendor", "testdata", "_asm")
            and not name.startswith(".")
            and not Path(folder, name, "go.mod").exists()
        )
        for name in sorted(names):
            if name.endswith("_test.go") and name[:-8] + ".go" in names:
                yield Path(folder, name[:-8] + ".go")


def children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Bench:
    """A toolchain with its environment, and a scratch folder for overlays and binaries."""

    def __init__(self, cache: Path, scratch: Path, modules: Path | None = None) -> None:
        self.toolchain: Toolchain = find_toolchain()
        self.env = go_env(self.toolchain, cache=cache, modcache=modules)
        self.scratch = scratch

    def overlay(self, files: dict[Path, bytes]) -> Path:
        replace = {}
        for number, (path, text) in enumerate(files.items()):
            copy = self.scratch / f"{number}.go"
            copy.write_bytes(text)
            replace[str(path)] = str(copy)
        out = self.scratch / "overlay.json"
        out.write_text(json.dumps({"Replace": replace}))
        return out

    def go(self, command: list[str], package: Path, files: dict[Path, bytes]) -> tuple[bool, str]:
        overlay = self.overlay(files)
        done = run_go(self.toolchain, [*command, f"-overlay={overlay}", "."], cwd=package, env=self.env)
        return done.returncode == 0, done.stderr

    def test_binary(self, package: Path, files: dict[Path, bytes], name: str) -> tuple[Path | None, str]:
        binary = self.scratch / name
        binary.unlink(missing_ok=True)
        ok, output = self.go(["test", "-c", "-vet=off", "-ldflags=-s -w", "-o", str(binary)], package, files)
        return (binary if ok else None), output

    def run(self, binary: Path, package: Path, extra: dict[str, str]) -> str:
        """killed, survived or timed out: by CPU time, since other programs may use this machine, and by wall
        time if it waits."""
        command = [str(binary), "-test.short", "-test.failfast", "-test.paniconexit0"]
        try:
            done = subprocess.run(
                command,
                cwd=package,
                env={**self.env, **extra},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                preexec_fn=limit,
                timeout=WALL_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return "timed out"
        # which limit a runaway mutant meets first is chance, so they are one class
        if (
            done.returncode == -signal.SIGKILL
            or b" over\n" in done.stderr
            or any(marker in done.stderr for marker in RUNAWAY)
        ):
            return "timed out"
        return "survived" if done.returncode == 0 else "killed"

    def steps(self, binary: Path, package: Path, plan: MutationPlan) -> int:
        """The step limit of a mutant, as in `goutbench execute`."""
        done = subprocess.run(
            [str(binary), "-test.short"],
            cwd=package,
            env={**self.env, **plan.counting()},
            capture_output=True,
        )
        return max(STEPS_FLOOR, STEPS_FACTOR * (plan.steps(done.stderr) or 0))


def ratios_of_steps(bench: Bench, module: Path, names: list[str]) -> None:
    """Print the steps of the mutants that end, and of those that a limit of time or memory ends, as multiples
    of the most steps of three runs of the unmutated program."""
    for name in names:
        file = module / name
        with GoHelper(bench.toolchain, bench.env) as helper:
            plan = plan_mutation(helper, file.parent, file)
        binary, output = bench.test_binary(file.parent, schemata(plan), "schemata.test")
        if binary is None:
            sys.exit(f"{name}: {output}")
        plain = max(counted(bench, binary, file.parent, plan, 0)[1] for _ in range(3))
        counts = [counted(bench, binary, file.parent, plan, mutant.id) for mutant in plan.mutants]
        for ended in (True, False):
            ratios = sorted(steps / plain for end, steps in counts if end is ended)
            shown = " ".join(f"{ratio:.2f}" for ratio in (ratios[-5:] if ended else ratios[:5]))
            print(f"{name}: {plain} steps, {len(ratios)} mutants {'end' if ended else 'do not end'}: {shown}")


def counted(bench: Bench, binary: Path, package: Path, plan: MutationPlan, number: int) -> tuple[bool, int]:
    """Whether a mutant ends by itself, and its steps until then; 0 if it takes none."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(
            [str(binary), "-test.short", "-test.failfast", "-test.paniconexit0"],
            cwd=package,
            env={**bench.env, **plan.environment(number, limit=0)},
            capture_output=True,
            preexec_fn=limit,
            timeout=WALL_SECONDS,
        )
        ended = done.returncode >= 0 and not any(marker in done.stderr for marker in RUNAWAY)
        return ended, plan.steps(done.stderr) or 0
    return False, 0


RUNAWAY = (b"out of memory", b"cannot allocate memory", b"goroutine stack exceeds")
CPU_SECONDS, WALL_SECONDS = 1, 10


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


def schemata(plan: MutationPlan) -> dict[Path, bytes]:
    return {plan.focal: plan.schemata, plan.focal.parent / plan.support_name: plan.support}


@dataclass(frozen=True, slots=True)
class Row:
    """Results and CPU seconds of one focal file.

    `plain` is a run without mutants; `schemata` is everything by schemata, of which `runs` are the mutants'
    runs and `timed_out` those that ended at a limit (they cost the same either way); `single` is the mean of
    a mutant compiled singly. `wall` is the wall clock of the runs.
    """

    name: str
    mutants: int
    statuses: collections.Counter[str]
    plain: float
    schemata: float
    runs: float
    timed_out: float
    wall: float
    single: float
    compared: collections.Counter[str]
    differing: int


def agreement(bench: Bench, module: Path, names: list[str], sample: int, seed: int, jobs: int) -> None:
    rows = []
    for name in names:
        row = compare(bench, module / name, name, sample, seed, jobs)
        if row is not None:
            rows.append(row)
            print(row, flush=True)
    operators = sum((row.compared for row in rows), collections.Counter())
    compared, differing = operators.total(), sum(row.differing for row in rows)
    print(f"results: {compared - differing} of {compared} agree")
    print(", ".join(f"{name} {count}" for name, count in sorted(operators.items())))
    print(
        "focal file | mutants | CPU of a plain run | schemata CPU | single CPU, mean | ratio | mutants/s run"
    )
    for row in rows:
        ratio = row.single * row.mutants / row.schemata
        bare = (row.single * row.mutants - row.timed_out) / (row.schemata - row.timed_out)
        rate = (row.mutants - row.statuses["timed out"]) / (row.runs - row.timed_out)
        cells = [row.name, row.mutants, f"{1000 * row.plain:.0f} ms", f"{row.schemata:.1f} s"]
        cells += [f"{row.single:.2f} s", f"{ratio:.0f}, {bare:.0f} without runaways"]
        print(*cells, f"{rate:.0f} per CPU second", sep=" | ")
    singly, together = sum(row.single * row.mutants for row in rows), sum(row.schemata for row in rows)
    print(
        f"all mutants: {together:.1f} s CPU by schemata, {singly:.1f} s singly: {singly / together:.1f} times"
    )


def sample_of_operators(mutants: tuple[Mutant, ...], size: int, seed: int) -> list[Mutant]:
    """Mutants of as many operators as there are, in turn; 0 for all."""
    shuffled = random.Random(seed).sample(mutants, len(mutants))
    rank: collections.Counter[str] = collections.Counter()
    order: list[tuple[int, int]] = []
    for mutant in shuffled:
        order.append((rank[mutant.operator], len(order)))
        rank[mutant.operator] += 1
    return [shuffled[index] for _, index in sorted(order)][: size or None]


def compare(bench: Bench, file: Path, name: str, sample: int, seed: int, jobs: int) -> Row | None:
    """Run all mutants behind the switch, and a sample of them compiled singly."""
    start = children_cpu()
    with GoHelper(bench.toolchain, bench.env) as helper:
        plan = plan_mutation(helper, file.parent, file)
    binary, output = bench.test_binary(file.parent, schemata(plan), "schemata.test")
    if binary is None:
        sys.exit(f"{name}: {output}")
    built = children_cpu()
    if bench.run(binary, file.parent, plan.environment(0)) != "survived":
        print(f"{name}: the unmutated program fails its tests here")
        return None
    run, clock = children_cpu(), time.perf_counter()
    max_steps = bench.steps(binary, file.parent, plan)
    statuses, timed_out_cpu = {}, 0.0
    for mutant in plan.mutants:
        before = children_cpu()
        statuses[mutant.id] = bench.run(binary, file.parent, plan.environment(mutant.id, limit=max_steps))
        timed_out_cpu += children_cpu() - before if statuses[mutant.id] == "timed out" else 0.0
    end, wall = children_cpu(), time.perf_counter() - clock
    source, differing = file.read_bytes(), 0
    chosen = sample_of_operators(plan.mutants, sample, seed)

    def compiled_singly(mutant: Mutant) -> str:
        with tempfile.TemporaryDirectory() as scratch:
            lab = Bench(Path(bench.env["GOCACHE"]), Path(scratch), Path(bench.env["GOMODCACHE"]))
            own, output = lab.test_binary(file.parent, {file: apply_mutant(source, mutant)}, "single.test")
            return lab.run(own, file.parent, {}) if own else f"does not compile: {output[:300]}"

    with ThreadPoolExecutor(jobs) as pool:
        single_statuses = list(pool.map(compiled_singly, chosen))
    for mutant, single_status in zip(chosen, single_statuses, strict=True):
        if single_status != statuses[mutant.id]:
            differing += 1
            print(f"  {name}:{mutant.line} {mutant.operator} {mutant.original!r} -> {mutant.replacement!r}:")
            print(f"    behind the switch {statuses[mutant.id]}, compiled singly {single_status}")
    single = (children_cpu() - end) / max(1, len(chosen))
    counts = collections.Counter(statuses.values())
    spent, runs = end - start, end - run
    return Row(
        name,
        len(plan.mutants),
        counts,
        run - built,
        spent,
        runs,
        timed_out_cpu,
        wall,
        single,
        collections.Counter(mutant.operator for mutant in chosen),
        differing,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", help="focal files in the module")
    parser.add_argument("--module", type=Path, required=True, help="module root, or GOROOT/src")
    parser.add_argument(
        "--cache", type=Path, help="GOCACHE (default: goutbench-bench in the temporary folder)"
    )
    parser.add_argument("--modcache", type=Path, help="GOMODCACHE, with the module's dependencies")
    parser.add_argument("--sample", type=int, default=0, help="mutants per file; 0: all")
    parser.add_argument("--jobs", type=int, default=2, help="single compiles at a time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", action="store_true", help="count the steps of the mutants")
    options = parser.parse_args()
    cache = options.cache or Path(tempfile.gettempdir(), "goutbench-bench")
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(cache, Path(scratch), options.modcache)
        if options.steps:
            ratios_of_steps(bench, options.module.resolve(), options.files)
            return
        agreement(bench, options.module.resolve(), options.files, options.sample, options.seed, options.jobs)


if __name__ == "__main__":
    main()
