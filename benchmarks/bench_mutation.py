"""Mutation by schemata: what compiles, whether verdicts are those of single compiles, and what it costs.

    python benchmarks/bench_mutation.py compiles --module "$(go env GOROOT)/src" --sample 200
    python benchmarks/bench_mutation.py agreement --module "$(go env GOROOT)/src" PACKAGE/FILE.go ...

`compiles` builds the schemata of focal files (X.go beside X_test.go) and says which Go refuses. `agreement` runs
each mutant twice: behind the switch, and compiled singly; it compares verdicts and CPU time, by a bare loop
without sandbox. CPU time is that of all child processes (getrusage), the Go helper's included. The build cache is
warm for everything but the mutated package itself.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from goutbench.golang.helper import GoHelper
from goutbench.golang.mutate import MutationPlan, mutants, single
from goutbench.golang.toolchain import Toolchain, find_toolchain, go_env, run_go


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
    """The toolchain, one environment, and a scratch folder for overlays and binaries."""

    def __init__(self, cache: Path, scratch: Path) -> None:
        self.toolchain: Toolchain = find_toolchain()
        self.env = go_env(self.toolchain, cache=cache)
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
        ok, words = self.go(["test", "-c", "-vet=off", "-ldflags=-s -w", "-o", str(binary)], package, files)
        return (binary if ok else None), words

    def run(self, binary: Path, package: Path, extra: dict[str, str], limit: float) -> str:
        command = [str(binary), "-test.short", "-test.failfast", "-test.paniconexit0"]
        with subprocess.Popen(
            command,
            cwd=package,
            env={**self.env, **extra},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=limit_memory,
        ) as process:
            try:
                return "lived" if process.wait(limit) == 0 else "killed"
            except subprocess.TimeoutExpired:
                process.kill()
                return "timed out"


def limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))


def schemata(plan: MutationPlan) -> dict[Path, bytes]:
    return {plan.focal: plan.schemata, plan.focal.parent / plan.support_name: plan.support}


def compiles(bench: Bench, module: Path, sample: int, seed: int) -> None:
    files = list(focal_files(module))
    total = len(files)
    if 0 < sample < total:
        files = sorted(random.Random(seed).sample(files, sample))
    counts: collections.Counter[str] = collections.Counter()
    reasons: collections.Counter[str] = collections.Counter()
    viable = refused = 0
    seconds = []
    with GoHelper(bench.toolchain, bench.env) as helper:
        for file in files:
            plan = mutants(helper, file.parent, file)
            name = file.relative_to(module)
            if plan.reason or plan.infra:
                counts["skipped"] += 1
                print(f"  skipped {name}: {str(plan.reason or plan.infra)[:150]}")
                continue
            seconds.append(plan.seconds)
            viable += len(plan.mutants)
            refused += len(plan.not_viable)
            reasons.update(f"{row.operator}: {row.reason[:60]}" for row in plan.not_viable)
            ok, words = bench.go(["build", "-o", os.devnull], file.parent, schemata(plan))
            counts["compile" if ok else "refused"] += 1
            print(f"  {name}: {len(plan.mutants)} mutants, {'compile' if ok else 'REFUSED'}", flush=True)
            if not ok:
                print(f"  refused {name}: {words[:600]}")
    tried = counts["compile"] + counts["refused"]
    print(f"focal files: {total} in all, {len(files)} taken, {counts['skipped']} skipped (reasons above)")
    print(f"schemata that compile: {counts['compile']} of {tried} = {counts['compile'] / max(1, tried):.1%}")
    print(
        f"mutants: {viable} viable, {refused} not; {sorted(seconds)[len(seconds) // 2]:.2f} s a file (median)"
    )
    for reason, number in reasons.most_common(12):
        print(f"  {number:6} {reason}")


def agreement(bench: Bench, module: Path, names: list[str], limit: int, seed: int) -> None:
    same = differing = 0
    switched = alone = 0.0
    rates = []
    for name in names:
        file = module / name
        before = children_cpu()
        with GoHelper(bench.toolchain, bench.env) as helper:
            plan = mutants(helper, file.parent, file)
        chosen = sorted(
            random.Random(seed).sample(plan.mutants, min(limit, len(plan.mutants))),
            key=lambda mutant: mutant.id,
        )
        binary, words = bench.test_binary(file.parent, schemata(plan), "schemata.test")
        if binary is None:
            sys.exit(f"{name}: {words}")
        started = time.perf_counter()
        if bench.run(binary, file.parent, plan.environment(0), 60) != "lived":
            print(f"{name}: the unmutated program fails its tests here")
            continue
        plain = time.perf_counter() - started
        wait = max(2.0, 10 * plain)
        started = time.perf_counter()
        behind = [bench.run(binary, file.parent, plan.environment(mutant.id), wait) for mutant in chosen]
        spent = time.perf_counter() - started
        timed_out = sum(verdict == "timed out" for verdict in behind)
        rates.append((name, plain, len(chosen), (len(chosen) - timed_out) / (spent - timed_out * wait)))
        middle = children_cpu()
        source = file.read_bytes()
        for mutant, verdict in zip(chosen, behind, strict=True):
            own, words = bench.test_binary(file.parent, {file: single(source, mutant)}, "single.test")
            other = bench.run(own, file.parent, {}, wait) if own else f"does not compile: {words[:300]}"
            same += other == verdict
            if other != verdict:
                differing += 1
                print(
                    f"  {name}:{mutant.line} {mutant.operator} {mutant.original!r} -> {mutant.replacement!r}:"
                )
                print(f"    behind the switch {verdict}, alone {other}")
        switched += middle - before
        alone += children_cpu() - middle
        print(f"{name}: {collections.Counter(behind)}", flush=True)
    print(f"verdicts: {same} of {same + differing} agree")
    print(
        f"CPU: {switched:.1f} s by schemata, {alone:.1f} s by single compiles: {alone / switched:.1f} times"
    )
    for name, plain, number, rate in rates:
        print(
            f"  {name}: tests take {1000 * plain:.0f} ms; {number} mutants at {rate:.0f} a second (wall, one worker)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["compiles", "agreement"])
    parser.add_argument("files", nargs="*", help="focal files within the module, for `agreement`")
    parser.add_argument("--module", type=Path, required=True, help="module root, or GOROOT/src")
    parser.add_argument(
        "--cache", type=Path, help="GOCACHE (default: goutbench-bench in the temporary folder)"
    )
    parser.add_argument(
        "--sample", type=int, default=0, help="focal files (compiles) or mutants a file; 0: all"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cache = options.cache or Path(tempfile.gettempdir(), "goutbench-bench")
    module = options.module.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(cache, Path(scratch))
        if options.what == "compiles":
            compiles(bench, module, options.sample, options.seed)
        else:
            agreement(bench, module, options.files, options.sample or 10**9, options.seed)


if __name__ == "__main__":
    main()
