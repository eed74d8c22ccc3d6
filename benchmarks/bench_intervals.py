"""Whether intervals cover the truth as often as they claim, by simulation.

    python benchmarks/bench_intervals.py [--runs 2000] [--resamples 10000]

rates: true rates of 0.02 to 0.9 and 30 to 790 items; how often Wilson's and the exact interval cover the
truth. A discrete count cannot give 95% everywhere, so the mean over the rates counts. clusters: 7 to 10
repositories of the paper's sizes, each with its own rate; how often the cluster bootstrap covers the truth,
beside percentiles of resampled repositories and Wilson's interval, which treats items as independent.
"""

import argparse

import numpy as np

from goutbench.statistics import clopper_pearson, cluster_bootstrap, wilson

SIZES = (1935, 878, 761, 482, 412, 285, 226, 185, 73, 27)
RATES = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=10_000)
    options = parser.parse_args()
    print("| interval | truth | runs | covers |\n|---|---|---|---|")
    rates(options.runs)
    clusters(options.runs, options.resamples)


def rates(runs: int) -> None:
    for name, interval in (("Wilson", wilson), ("exact", clopper_pearson)):
        every = []
        for items in (30, 100, 300, 790):
            for truth in RATES:
                drawn = np.random.default_rng(items).binomial(items, truth, runs)
                held = [low <= truth <= high for low, high in (interval(int(k), items) for k in drawn)]
                every.append(np.mean(held))
        span = f"{min(every):.3f} to {max(every):.3f} by rate and size"
        print(
            f"| {name} | {RATES[0]} to {RATES[-1]}, 30 to 790 items | {runs} each "
            f"| {np.mean(every):.3f} ({span}) |"
        )


def clusters(runs: int, resamples: int) -> None:
    for count, scale in ((7, 10), (10, 10), (10, 1)):
        sizes = np.maximum(np.array(SIZES[-count:]) // scale, 3)
        labels = np.repeat(np.arange(count), sizes)
        for spread in (5, 30):
            held = np.zeros(3)
            for run in range(runs):
                random = np.random.default_rng((count, scale, spread, run))
                own = random.beta(0.6 * spread, 0.4 * spread, count)
                values = (random.random(len(labels)) < own[labels]).astype(float)
                bootstrap = cluster_bootstrap(values, labels.tolist(), seed=run, resamples=resamples)
                drawn = percentiles(values, labels, count, random)
                low, high = wilson(int(values.sum()), len(values))
                held += [
                    bootstrap.low <= 0.6 <= bootstrap.high,
                    drawn[0] <= 0.6 <= drawn[1],
                    low <= 0.6 <= high,
                ]
            boot, plain, naive = held / runs
            description = (
                f"{count} repositories, {len(labels)} items, rates Beta({0.6 * spread:g}, {0.4 * spread:g})"
            )
            print(
                f"| cluster bootstrap | {description} | {runs} "
                f"| {boot:.3f} (percentiles {plain:.3f}, Wilson {naive:.3f}) |"
            )


def percentiles(
    values: np.ndarray, labels: np.ndarray, count: int, random: np.random.Generator
) -> tuple[float, float]:
    """The percentile cluster bootstrap, for comparison."""
    sums, sizes = np.bincount(labels, values), np.bincount(labels)
    drawn = random.integers(count, size=(1000, count))
    low, high = np.quantile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
