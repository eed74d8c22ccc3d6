"""A model of what executing pairs costs, fitted on reference tests, and what it says of large runs.

    python benchmarks/cost_model.py --run RUN … --dataset DATASET … [--price 0.04]

It fits the logarithm of three costs of a pair by least squares: CPU seconds of the builds, of one run of the
tests, and of one mutant's run, on the lines of the focal file and of the test, and for the builds on the
number of mutants. Held out by repository: each one is predicted from the others, alone and with factors for
its steps from five of its pairs, which are then not counted. It prints the errors, and for two plans the cost
of each stage and its hours on 1, 8, 64 and 512 nodes with what bounds them. What is not fitted is in
CONSTANTS, with where each number was measured.
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

Numbers = NDArray[np.float64]
Costs = dict[str, Numbers]
Lines = tuple[int, int]  # of the focal file and of the test

CONSTANTS = {
    # CPU seconds
    "curate": 1.28,  # of a repository: docs/benchmarks/curate.md, 8.97 s for seven
    "describe": 0.042,  # of a pair, describe and split: docs/benchmarks/describe.md and split.md
    "cold": 48.0,  # of a node's first package of a repository, which compiles what it imports: scale.md
    "driver": 0.0006,  # of the command, for a unit on a cluster
    "grouping": 0.000046,  # of the command, for a text: pairs and groups of near-duplicates
    # GiB
    "curate_worker": 0.21,
    "describe_worker": 0.15,
    "describe_text": 1.73e-6,  # of the command, for a text
    "execute_worker": 1.05,  # 95% of the time it needs less: docs/benchmarks/scale.md
    "execute_unit": 55e-6,  # of the command, for a candidate (23 kB) and its record (31 kB)
    "clone": 0.116,  # of a repository: 19 bare ones are 2,257 MiB
    "pair": 5.5e-6,  # in the dataset
    "work": 0.9,  # of a repository on a node: tree, build cache, modules
    "record": 11e-6,  # in the journal, with 60 mutants
    # tokens of a call, in millions
    "input": 0.004,
    "output": 0.0015,
}
NODES = (1, 8, 64, 512)
CALIBRATION = 5
WHOLE = ("reference", "reference-test", "without-0")
"""The models of candidates that are a complete reference test, here and in other benchmarks."""
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
    longest = max(one.build + 3 * one.run + one.mutants * (one.mutant or 0.0) for one in measured)
    each = len(lines) / len(names)
    for title, stages in (
        curating(model, lines, longest, 10_000, round(10_000 * each)),
        benchmarking(model, lines, longest, repositories=50),
    ):
        print_plan(title, stages, options.cores, options.price)


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
            whole = record["model"] in WHOLE and record["status"] == "PASSED"
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

    weights: Numbers
    smearing: float

    @classmethod
    def of(cls, features: Numbers, costs: Numbers) -> "Fit":
        logs = np.log(np.maximum(costs, 0.001))
        ridge = 0.1 * np.eye(features.shape[1])
        ridge[0, 0] = 0.0
        weights = np.linalg.solve(features.T @ features + ridge, features.T @ logs)
        return cls(weights, float(np.exp(logs - features @ weights).mean()))

    def __call__(self, features: Numbers) -> Numbers:
        """The expected costs."""
        expected: Numbers = np.exp(features @ self.weights) * self.smearing
        return expected


def features_of(rows: Sequence[tuple[float, ...]]) -> Numbers:
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

    def costs(self, lines: Sequence[Lines], mutants: Sequence[int], repeat: int) -> Costs:
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
    rows = []
    for name, own in sorted(by_repository.items(), key=lambda item: -len(item[1])):
        model = Model.fit([one for other, ones in by_repository.items() if other != name for one in ones])
        lines, counts = [(one.code_lines, one.test_lines) for one in own], [one.mutants for one in own]
        costs = model.costs(lines, counts, repeat=1)
        actual = {
            "build": np.array([one.build for one in own]),
            "run": np.array([one.run for one in own]),
            "mutants": np.array([one.mutants * (one.mutant or 0.0) for one in own]),
        }
        whole, real = total(costs), total(actual)
        for step, values in (*costs.items(), ("all", whole)):
            measured = actual.get(step, real)
            factors[step] += np.abs(np.log(np.maximum(values, 0.01) / np.maximum(measured, 0.01))).tolist()
        row = [
            name,
            str(len(own)),
            f"{whole.sum():.0f}",
            f"{real.sum():.0f}",
            f"{whole.sum() / real.sum():.2f}",
        ]
        rows.append((*row, f"{calibrated(costs, actual):.2f}" if len(own) >= 2 * CALIBRATION else ""))
    errors = [
        (step, f"{math.exp(np.median(values)):.2f}×", f"{math.exp(np.quantile(values, 0.9)):.2f}×")
        for step, values in factors.items()
    ]
    print_table(("held out by repository: a pair's", "median factor", "90% within"), errors)
    print()
    columns = (
        "repository",
        "pairs",
        "predicted CPU s",
        "measured CPU s",
        "ratio",
        "with five pairs, median of 200",
    )
    print_table(columns, rows)


def calibrated(costs: Costs, actual: Costs) -> float:
    """Predicted ÷ measured seconds of the other pairs, where five at random give a factor to each step.

    The median over 200 draws of the larger ratio: 1.5 is half as much again, or two thirds.
    """
    count, draw = len(costs["build"]), np.random.default_rng(0)
    ratios = []
    for _ in range(200):
        order = draw.permutation(count)
        known, others = order[:CALIBRATION], order[CALIBRATION:]
        predicted = sum(
            values[others].sum() * actual[step][known].sum() / values[known].sum()
            for step, values in costs.items()
        )
        ratio = predicted / sum(values[others].sum() for values in actual.values())
        ratios.append(max(ratio, 1 / ratio))
    return float(np.median(ratios))


def total(costs: Costs) -> Numbers:
    return np.sum(list(costs.values()), axis=0)


# ── plans ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Stage:
    """CPU seconds of a stage's workers, and what else it needs.

    `units` are shared out, of which the longest takes `longest` seconds. `serial` are seconds of the command
    alone. Memory in GiB is that of a worker and of the command. Each node of a stage with `repositories`
    compiles what their packages import, once for each repository that it works on.
    """

    name: str
    cpu: float
    units: int
    longest: float
    storage: float = 0.0
    worker: float = 0.0
    command: float = 0.0
    serial: float = 0.0
    repositories: int = 0

    def core_hours(self, nodes: int) -> float:
        """With those for cold caches."""
        loads = max(self.repositories, min(nodes, self.units)) if self.repositories else 0
        return (self.cpu + loads * CONSTANTS["cold"]) / 3600

    def hours(self, nodes: int, cores: int) -> tuple[float, str]:
        """The hours on so many nodes, and what bounds them."""
        share = LOAD_SHARE if nodes > 1 else 1.0
        bounds = {
            "CPU": share * self.core_hours(nodes) / min(nodes * cores, self.units),
            "longest unit": self.longest / 3600,
            "command": self.serial / 3600,
        }
        if self.repositories:
            bounds["longest unit"] += CONSTANTS["cold"] / 3600
        name = max(bounds, key=lambda bound: bounds[bound])
        return bounds[name], name


def print_plan(title: str, stages: Sequence[Stage], cores: int, price: float) -> None:
    print(f"\n**{title}**\n")
    rows = []
    for stage in stages:
        times = [stage.hours(nodes, cores) for nodes in NODES]
        memory = f"{stage.worker * cores:.0f} + {stage.command:.1f}" if stage.worker else ""
        storage = f"{stage.storage:,.0f}" if stage.storage else ""
        core_hours = stage.core_hours(1)
        cells = [f"{hours:,.2f}, {bound}" for hours, bound in times]
        rows.append((stage.name, f"{core_hours:,.0f}", f"{core_hours * price:,.0f}", memory, storage, *cells))
    columns = ("core hours", f"cost at {price}", "GiB of memory, node + command", "GiB of storage")
    print_table(("stage", *columns, *(f"hours on {nodes}" for nodes in NODES)), rows)


def curating(
    model: Model, lines: Sequence[Lines], longest: float, repositories: int, pairs: int
) -> tuple[str, list[Stage]]:
    """Curate repositories, and execute all their reference tests."""
    texts = 2 * pairs
    curate = Stage(
        "curate", repositories * CONSTANTS["curate"], repositories, 15.0, worker=CONSTANTS["curate_worker"],
        storage=repositories * CONSTANTS["clone"] + pairs * CONSTANTS["pair"],
    )  # fmt: skip
    describe = Stage(
        "describe, split", pairs * CONSTANTS["describe"], pairs // 64, 3.0,
        worker=CONSTANTS["describe_worker"], command=texts * CONSTANTS["describe_text"],
        serial=texts * CONSTANTS["grouping"],
    )  # fmt: skip
    title = f"{repositories:,} repositories, {pairs:,} pairs, 3 runs, 50 mutants"
    return title, [curate, describe, *execution(model, lines, longest, pairs, repositories)]


def benchmarking(
    model: Model, lines: Sequence[Lines], longest: float, repositories: int
) -> tuple[str, list[Stage]]:
    """Execute the answers of models to tasks; all pass, which is the most that it can cost."""
    models, samples, tasks = 20, 5, 1000
    count = models * samples * tasks
    tokens = f"{count * CONSTANTS['input']:,.0f} million tokens in, {count * CONSTANTS['output']:,.0f} out"
    title = (
        f"{models} models × {samples} samples × {tasks:,} tasks of {repositories} repositories × 50 mutants"
    )
    stages = execution(model, lines, longest, count, repositories)
    return f"{title}; {count:,} calls, {tokens}", stages


def execution(
    model: Model, lines: Sequence[Lines], longest: float, units: int, repositories: int
) -> list[Stage]:
    """The stage, and its parts by step."""
    costs = model.costs(lines, [50] * len(lines), repeat=3)
    cpu = {step: float(values.mean()) * units for step, values in costs.items()}
    whole = Stage(
        "execute", sum(cpu.values()), units, longest, worker=CONSTANTS["execute_worker"],
        storage=units * CONSTANTS["record"] + repositories * CONSTANTS["work"],
        command=units * CONSTANTS["execute_unit"], serial=units * CONSTANTS["driver"],
        repositories=repositories,
    )  # fmt: skip
    return [whole, *(Stage(f"… {step}", seconds, units, 0.0) for step, seconds in cpu.items())]


if __name__ == "__main__":
    main()
