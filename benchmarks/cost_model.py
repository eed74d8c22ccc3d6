"""A model of what executing pairs costs, fitted on runs of `execute --reference`, and what it says of large runs.

    python benchmarks/cost_model.py --run RUN … --dataset DATASET … [--price 0.04]

It fits the logarithm of three costs of a pair by least squares: CPU seconds of the builds, of one run of the
tests, and of one mutant's run, on the lines of the focal file and of the test, and for the builds on the
number of mutants. Held out by repository: each one is predicted from the others. The result is three tables:
the errors, the costs by stage of two plans, and their hours on 1, 8, 64 and 512 nodes with what bounds each.
What is not fitted is in CONSTANTS, with where each number was measured.
"""

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from seven import print_table

from goutbench.records import REFERENCE

CONSTANTS = {
    "curate_cpu_s": 1.28,  # of a repository: docs/benchmarks/curate.md, 8.97 s for seven
    "describe_cpu_s": 0.0028,  # of a pair, near-duplicates of both sides: docs/benchmarks/scale.md
    "cold_cpu_s": 55.0,  # of a node's first package of a repository: dependencies and standard library
    "worker_gib": 0.6,  # docs/benchmarks/scale.md
    "driver_s": 0.004,  # the command's own time for a unit on a Ray cluster: docs/benchmarks/scale.md
    "clone_mib": 100.0,  # of a bare repository
    "work_mib": 900.0,  # of trees, build cache and modules, for a repository on a node
    "record_kib": 11.0,  # of a record in the journal, with 60 mutants
    "pair_kib": 5.5,  # of a pair in the dataset's Parquet files
    "call_input_tokens": 4000.0,  # of a prompt: docs/benchmarks/generate.md has other budgets
    "call_output_tokens": 1500.0,
}
NODES = (1, 8, 64, 512)
LOAD_SHARE = 1.15  # an execution with Ray against one without, at most


@dataclass(frozen=True, slots=True)
class Measured:
    """A pair with what its reference test cost, in CPU seconds, and how many mutants ran."""

    repository: str
    code_lines: int
    test_lines: int
    mutants: int
    build: float
    run: float
    mutant: float | None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", action="append", type=Path, required=True, help="run folders")
    parser.add_argument("--dataset", action="append", type=Path, required=True, help="their datasets")
    parser.add_argument("--cores", type=int, default=16, help="of a node")
    parser.add_argument("--price", type=float, default=0.04, help="of a core for an hour")
    options = parser.parse_args()
    pairs = read_pairs(options.dataset)
    measured = list(read_runs(options.run, pairs))
    by_repository = defaultdict(list)
    for one in measured:
        by_repository[one.repository].append(one)
    counts = ", ".join(f"{name} {len(ones)}" for name, ones in sorted(by_repository.items()))
    print(f"{len(measured)} pairs of {len(by_repository)} repositories: {counts}\n")
    held_out(by_repository)
    lines = [(int(row["code_lines"]), int(row["test_lines"])) for row in pairs.values()]
    model = Model.fit(measured)
    print(f"\n{model}\n")
    names = {row["repository"] for row in pairs.values()}
    plans = (
        curating(model, lines, 10_000, len(lines) / len(names)),
        benchmarking(model, lines, models=20, samples=5, tasks=1000, repositories=50),
    )
    for plan in plans:
        plan.print(options.cores, options.price)


# ── what was measured ───────────────────────────────────────────────────────────────────────────────────


def read_pairs(datasets: Sequence[Path]) -> dict[str, dict[str, str]]:
    columns = ["id", "repository", "code_lines", "test_lines"]
    rows = (
        row
        for dataset in datasets
        for file in sorted((dataset / "data").glob("*.parquet"))
        for row in pq.read_table(file, columns=columns).to_pylist()
    )
    return {row["id"]: row for row in rows}


def read_runs(runs: Sequence[Path], pairs: dict[str, dict[str, str]]) -> Iterator[Measured]:
    """Each pair once, whose reference test passed and whose mutants ran. A journal may still grow."""
    done = set()
    for run in runs:
        for line in (run / "executions.jsonl").read_text().splitlines():
            record = json.loads(line)
            pair, mutation = pairs.get(record["pair_id"]), record["mutation"]
            whole = record["model"] in (REFERENCE, "reference-test") and record["status"] == "PASSED"
            if not whole or pair is None or not mutation or record["pair_id"] in done:
                continue
            done.add(record["pair_id"])
            ran = mutation["killed"] + mutation["survived"] + mutation["timed_out"]
            yield Measured(
                pair["repository"], int(pair["code_lines"]), int(pair["test_lines"]), ran,
                record["build_seconds"], record["run_seconds"] / record["repeats"],
                mutation["seconds"] / ran if ran else None,
            )  # fmt: skip


# ── the model ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Fit:
    """Weights of the logarithm of a cost, and the factor from the median to the mean (Duan's smearing)."""

    weights: NDArray[np.float64]
    smearing: float

    @classmethod
    def of(cls, features: NDArray[np.float64], costs: NDArray[np.float64]) -> "Fit":
        logs = np.log(np.maximum(costs, 0.001))
        ridge = 0.1 * np.eye(features.shape[1])
        ridge[0, 0] = 0.0
        weights = np.linalg.solve(features.T @ features + ridge, features.T @ logs)
        return cls(weights, float(np.exp(logs - features @ weights).mean()))

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The expected costs."""
        expected: NDArray[np.float64] = np.exp(features @ self.weights) * self.smearing
        return expected


def features_of(rows: Sequence[tuple[float, ...]]) -> NDArray[np.float64]:
    """A constant, and the logarithms of the numbers plus one."""
    logs = np.log1p(np.array(rows, dtype=np.float64).reshape(len(rows), -1))
    return np.column_stack([np.ones(len(rows)), logs])


@dataclass(frozen=True, slots=True)
class Model:
    """The fitted costs of a pair."""

    build: Fit
    run: Fit
    mutant: Fit

    @classmethod
    def fit(cls, measured: Sequence[Measured]) -> "Model":
        sizes = features_of([(one.code_lines, one.test_lines) for one in measured])
        with_mutants = features_of([(one.code_lines, one.test_lines, one.mutants) for one in measured])
        ran = [one for one in measured if one.mutant is not None]
        return cls(
            Fit.of(with_mutants, np.array([one.build for one in measured])),
            Fit.of(sizes, np.array([one.run for one in measured])),
            Fit.of(
                features_of([(one.code_lines, one.test_lines) for one in ran]),
                np.array([one.mutant for one in ran]),
            ),
        )

    def costs(
        self, lines: Sequence[tuple[int, int]], mutants: Sequence[int], repeat: int
    ) -> dict[str, NDArray[np.float64]]:
        """The expected CPU seconds of pairs by step."""
        sizes = features_of(lines)
        built = features_of([(*both, count) for both, count in zip(lines, mutants, strict=True)])
        count = np.array(mutants)
        return {
            "build": self.build(built),
            "run": repeat * self.run(sizes),
            "mutants": count * self.mutant(sizes),
        }

    def __str__(self) -> str:
        names = ("1", "log(1 + code lines)", "log(1 + test lines)", "log(1 + mutants)")
        return "\n".join(
            f"log({step}) = "
            + " + ".join(f"{weight:.3f}·{name}" for weight, name in zip(fit.weights, names, strict=False))
            + f"; mean ÷ median {fit.smearing:.2f}"
            for step, fit in (("build s", self.build), ("run s", self.run), ("mutant s", self.mutant))
        )


def held_out(by_repository: dict[str, list[Measured]]) -> None:
    """Predict each repository from the others, and print the errors."""
    factors = defaultdict(list)
    totals: dict[str, list[float]] = {}
    for name, own in by_repository.items():
        model = Model.fit([one for other, ones in by_repository.items() if other != name for one in ones])
        lines, counts = [(one.code_lines, one.test_lines) for one in own], [one.mutants for one in own]
        costs = model.costs(lines, counts, repeat=1)
        actual = {
            "build": np.array([one.build for one in own]),
            "run": np.array([one.run for one in own]),
            "mutants": np.array([one.mutants * (one.mutant or 0.0) for one in own]),
        }
        for step, values in costs.items():
            factors[step] += np.abs(np.log(values / np.maximum(actual[step], 0.001))).tolist()
        whole, real = (sum(parts.values()) for parts in (costs, actual))
        factors["all"] += np.abs(np.log(np.asarray(whole) / np.asarray(real))).tolist()
        totals[name] = [float(np.sum(whole)), float(np.sum(real))]
    rows = [
        (step, f"{math.exp(np.median(values)):.2f}×", f"{math.exp(np.quantile(values, 0.9)):.2f}×")
        for step, values in factors.items()
    ]
    print_table(("held out by repository: a pair's", "median factor", "90% within"), rows)
    print()
    rows = [
        (name, str(len(by_repository[name])), f"{predicted:.0f}", f"{real:.0f}", f"{predicted / real:.2f}")
        for name, (predicted, real) in sorted(totals.items(), key=lambda item: -len(by_repository[item[0]]))
    ]
    predicted, real = (sum(total[at] for total in totals.values()) for at in (0, 1))
    count = sum(map(len, by_repository.values()))
    rows.append(("all", str(count), f"{predicted:.0f}", f"{real:.0f}", f"{predicted / real:.2f}"))
    print_table(("repository", "pairs", "predicted CPU s", "measured CPU s", "ratio"), rows)


# ── plans ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Stage:
    """CPU seconds and storage of a stage; `units` that are shared out, the most that one takes, and what a
    node spends on each of the stage's repositories before its first unit."""

    name: str
    cpu: float
    gib: float
    units: int
    longest: float
    repositories: int = 0
    of_driver: float = 0.0

    def hours(self, nodes: int, cores: int) -> tuple[float, str]:
        """The hours on so many nodes, and what bounds them."""
        loads = max(self.repositories, min(nodes, self.units) if self.repositories else 0)
        cold = loads * CONSTANTS["cold_cpu_s"]
        busy = min(nodes * cores, self.units)
        bounds = {
            "CPU": (self.cpu + cold) * (LOAD_SHARE if nodes > 1 else 1.0) / busy,
            "cold caches": CONSTANTS["cold_cpu_s"] * math.ceil(loads / nodes) / min(cores, 4)
            if cold
            else 0.0,
            "the longest unit": self.longest,
            "the driver": self.units * self.of_driver if nodes > 1 else 0.0,
        }
        name = max(bounds, key=lambda bound: bounds[bound])
        return bounds[name] / 3600, name


@dataclass(frozen=True, slots=True)
class Plan:
    title: str
    stages: tuple[Stage, ...]
    notes: tuple[str, ...] = ()

    def print(self, cores: int, price: float) -> None:
        gib = cores * CONSTANTS["worker_gib"]
        print(f"\n**{self.title}** ({cores} cores and {gib:.0f} GiB for workers on a node)\n")
        rows = []
        for stage in self.stages:
            cpu = stage.cpu + stage.repositories * CONSTANTS["cold_cpu_s"]
            times = [stage.hours(nodes, cores) for nodes in NODES]
            cells = [f"{hours:,.2f} ({bound})" for hours, bound in times]
            rows.append(
                (stage.name, f"{cpu / 3600:,.1f}", f"{cpu / 3600 * price:,.2f}", f"{stage.gib:,.1f}", *cells)
            )
        columns = [f"hours on {nodes}" for nodes in NODES]
        print_table(("stage", "core hours", f"cost at {price}", "GiB", *columns), rows)
        for note in self.notes:
            print(f"\n{note}")


def curating(model: Model, lines: Sequence[tuple[int, int]], repositories: int, pairs_each: float) -> Plan:
    """Curate repositories like those that were curated, and execute all reference tests."""
    count = round(repositories * pairs_each)
    costs = model.costs(lines, [50] * len(lines), repeat=3)
    each = sum(costs.values())
    share = count / len(lines)
    mib, kib = 1 / 1024, 1 / 1024**2
    curate = Stage(
        "curate", repositories * CONSTANTS["curate_cpu_s"],
        repositories * CONSTANTS["clone_mib"] * mib + count * CONSTANTS["pair_kib"] * kib, repositories, 3.0,
    )  # fmt: skip
    describe = Stage("describe, split", 2 * count * CONSTANTS["describe_cpu_s"], 0.0, count // 64, 60.0)
    steps = execution(costs, share, count, float(np.max(each)), repositories, records=count)
    return Plan(
        f"{repositories:,} repositories, {count:,} pairs, 3 runs, 50 mutants", (curate, describe, *steps)
    )


def benchmarking(
    model: Model,
    lines: Sequence[tuple[int, int]],
    *,
    models: int,
    samples: int,
    tasks: int,
    repositories: int,
) -> Plan:
    """Execute the answers of models to tasks; all pass, which is the most that it can cost."""
    count = models * samples * tasks
    costs = model.costs(lines, [50] * len(lines), repeat=3)
    longest = float(np.max(sum(costs.values())))
    tokens = [count * CONSTANTS[name] / 1e6 for name in ("call_input_tokens", "call_output_tokens")]
    note = f"generate: {count:,} calls, {tokens[0]:,.0f} million tokens in and {tokens[1]:,.0f} out; its cost is that of the models."
    steps = execution(costs, count / len(lines), count, longest, repositories, records=count)
    title = (
        f"{models} models × {samples} samples × {tasks:,} tasks of {repositories} repositories × 50 mutants"
    )
    return Plan(title, steps, (note,))


def execution(
    costs: dict[str, NDArray[np.float64]],
    share: float,
    units: int,
    longest: float,
    repositories: int,
    records: int,
) -> tuple[Stage, ...]:
    """One stage of work, and its parts by step."""
    gib = records * CONSTANTS["record_kib"] / 1024**2 + repositories * CONSTANTS["work_mib"] / 1024
    cpu = {step: float(values.sum()) * share for step, values in costs.items()}
    whole = Stage("execute", sum(cpu.values()), gib, units, longest, repositories, CONSTANTS["driver_s"])
    parts = tuple(Stage(f"… {step}", seconds, 0.0, units, 0.0) for step, seconds in cpu.items())
    return whole, *parts


if __name__ == "__main__":
    main()
