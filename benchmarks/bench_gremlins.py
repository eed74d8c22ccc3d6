"""Mutants per second and scores, side by side with go-gremlins, for packages of the standard library.

    GOBIN=DIR go install github.com/go-gremlins/gremlins/cmd/gremlins@latest
    python benchmarks/bench_gremlins.py --gremlins DIR/gremlins text/tabwriter encoding/csv

Each package is copied into a separate module for both tools. goutbench mutates every file that has a test
file and runs all mutants, covered or not, in a plain loop without a sandbox. gremlins runs with one worker
and its default operators (fewer than goutbench's), and skips what its coverage run did not reach. The build
cache is warm for both.
"""

from __future__ import annotations

import argparse
import collections
import json
import shutil
import tempfile
import time
from pathlib import Path

from bench_mutation import Bench, children_cpu, focal_files, schemata

from goutbench.golang.toolchain.helper import GoHelper
from goutbench.golang.toolchain.installation import run_go
from goutbench.golang.toolchain.mutation import plan_mutation


def copied(bench: Bench, package: str, root: Path) -> Path:
    name = package.rsplit("/", 1)[-1]
    module = root / name
    shutil.copytree(bench.toolchain.goroot / "src" / package, module)
    (module / "go.mod").write_text(f"module example.com/{name}\n\ngo 1.24\n")
    return module


def ours(bench: Bench, module: Path) -> tuple[collections.Counter[str], float, float]:
    clock, cpu = time.perf_counter(), children_cpu()
    counts: collections.Counter[str] = collections.Counter()
    with GoHelper(bench.toolchain, bench.env) as helper:
        for file in focal_files(module):
            plan = plan_mutation(helper, module, file)
            binary, output = bench.test_binary(module, schemata(plan), "schemata.test")
            assert binary, output
            assert bench.run(binary, module, plan.environment(0)) == "survived"
            max_steps = bench.steps(binary, module, plan)
            counts.update(
                bench.run(binary, module, plan.environment(mutant.id, limit=max_steps))
                for mutant in plan.mutants
            )
    return counts, time.perf_counter() - clock, children_cpu() - cpu


def theirs(
    bench: Bench, gremlins: Path, module: Path, out: Path
) -> tuple[collections.Counter[str], float, float]:
    run_go(bench.toolchain, ["test", "-cover", "."], cwd=module, env=bench.env)
    clock, cpu = time.perf_counter(), children_cpu()
    command = [
        "unleash",
        "--workers",
        "1",
        "--test-cpu",
        "1",
        "--timeout-coefficient",
        "20",
        "--output",
        str(out),
        ".",
    ]
    runner = type(bench.toolchain)(gremlins, "", gremlins.parent)
    done = run_go(runner, command, cwd=module, env=bench.env, timeout=3000)
    wall, spent = time.perf_counter() - clock, children_cpu() - cpu
    assert out.exists(), done.stdout + done.stderr
    results = json.loads(out.read_text())
    counts = collections.Counter(
        mutation["status"].lower() for file in results.get("files") or [] for mutation in file["mutations"]
    )
    return counts, wall, spent


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", nargs="+")
    parser.add_argument("--gremlins", type=Path, required=True)
    parser.add_argument(
        "--cache", type=Path, help="GOCACHE (default: goutbench-bench in the temporary folder)"
    )
    options = parser.parse_args()
    cache = options.cache or Path(tempfile.gettempdir(), "goutbench-bench")
    for package in options.packages:
        with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as root:
            bench = Bench(cache, Path(scratch))
            module = copied(bench, package, Path(root))
            for tool, (counts, wall, cpu) in {
                "goutbench": ours(bench, module),
                "gremlins": theirs(bench, options.gremlins.resolve(), module, Path(scratch, "gremlins.json")),
            }.items():
                killed, survived, timed_out = counts["killed"], counts["survived"], counts["timed out"]
                run = killed + survived + timed_out
                score = killed / (killed + survived)
                line = f"{package} {tool}: {dict(counts)}; killed of killed and survived {score:.1%}"
                print(f"{line}; {run / wall:.1f} mutants/s wall, {run / cpu:.1f} per CPU second", flush=True)


if __name__ == "__main__":
    main()
