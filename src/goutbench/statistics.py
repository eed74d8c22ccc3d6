"""Statistics for comparing models: pure functions of counts and arrays, without input or output.

Intervals are two-sided, at 95% by default. Randomised functions take a seed, so equal input gives equal
output. Comparisons of two models are paired: the same items, in the same order.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 10_000
_BATCH = 1_000


class Interval(NamedTuple):
    """The ends of an interval."""

    low: float
    high: float


class Estimate(NamedTuple):
    """A value with its interval."""

    value: float
    low: float
    high: float


RATES, DIFFERENCES = Interval(0.0, 1.0), Interval(-1.0, 1.0)
"""The range of rates, and that of the difference of two rates."""


# ── rates ─────────────────────────────────────────────────────────────────────────────────────────


def wilson(successes: float, of: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a rate (Wilson 1927), without continuity correction.

    Raises ValueError unless 0 ≤ successes ≤ of and of > 0.
    """
    _check_counts(successes, of)
    from scipy.special import ndtri

    z = float(ndtri((1 + level) / 2))
    rate = successes / of
    centre = (rate + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(rate * (1 - rate) / of + z * z / (4 * of * of))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    return Interval(low, 1.0 if successes == of else min(1.0, centre + half))


def clopper_pearson(successes: int, of: int, level: float = 0.95) -> Interval:
    """The exact interval of a rate (Clopper and Pearson 1934): it covers at least `level`, often more."""
    _check_counts(successes, of)
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(successes, of - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, of - successes, 1 - tail)) if successes < of else 1.0
    return Interval(low, high)


def _check_counts(successes: float, of: int) -> None:
    if of <= 0 or not 0 <= successes <= of:
        raise ValueError(
            f"successes must be between 0 and the total, and the total positive: {successes} of {of}"
        )


def pass_at_k(samples: int, passing: int, k: int) -> float:
    """The unbiased estimate of pass@k of one item: 1 - C(n-c, k) / C(n, k) (Chen et al. 2021, equation 1).

    Raises ValueError unless 0 ≤ passing ≤ samples and 1 ≤ k ≤ samples.
    """
    if not 0 <= passing <= samples or not 1 <= k <= samples:
        raise ValueError(f"pass@{k} is undefined for {passing} passing of {samples} samples")
    return 1 - math.comb(samples - passing, k) / math.comb(samples, k)


def best_at_k(values: Sequence[float], k: int) -> float:
    """The unbiased estimate of the best of k samples of one item, from the values of all its samples.

    The mean of the largest value over all subsets of k samples; for values of 0 and 1 it is `pass_at_k`.
    Raises ValueError unless 1 ≤ k ≤ the number of values.
    """
    if not 1 <= k <= len(values):
        raise ValueError(f"k must be between 1 and {len(values)}, the number of samples: {k}")
    largest = (value * math.comb(rank, k - 1) for rank, value in enumerate(sorted(values)))
    return sum(largest) / math.comb(len(values), k)


# ── over repositories ─────────────────────────────────────────────────────────────────────────────


def cluster_bootstrap(
    values: ArrayLike,
    clusters: Sequence[Hashable],
    *,
    bounds: Interval = RATES,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Estimate:
    """The mean of `values` (n,) with an interval that resamples clusters (repositories), not single values.

    Symmetric bootstrap-t (Efron and Tibshirani 1993, section 12.5; Hall 1988) of a ratio of cluster sums:
    clusters are drawn with replacement, and the distance of a resample from the mean is divided by the
    resample's own standard error. With 7 to 10 clusters, percentiles of plain resampled means are much too
    narrow (benchmarks/bench_intervals.py). `bounds` is the range that values can have, not the one they
    happen to have: all differences of a sample can be positive, and their mean may still be negative. The
    interval is within it. With fewer than three clusters, or without any spread among them, the data do not
    bound the mean: the interval is the full range.
    Raises ValueError for no values, for unequal lengths, or for values outside the range.
    """
    sums, counts = _by_cluster(values, clusters)
    mean = float(sums.sum() / counts.sum())
    lowest, highest = bounds
    array = np.asarray(values, dtype=float)
    if array.min() < lowest - 1e-9 or array.max() > highest + 1e-9:
        raise ValueError(
            f"values of {array.min():g} to {array.max():g}, not within {lowest:g} to {highest:g}"
        )
    error = float(_ratio_errors(sums[None], counts[None])[0])
    if len(sums) < 3 or error == 0:
        return Estimate(mean, lowest, highest)
    distances = _distances(sums, counts, mean, resamples, np.random.default_rng(seed))
    margin = float(np.quantile(np.abs(distances), level)) * error
    return Estimate(mean, max(lowest, mean - margin), min(highest, mean + margin))


def _by_cluster(
    values: ArrayLike, clusters: Sequence[Hashable]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) != len(clusters) or not len(array):
        raise ValueError(f"{array.shape} values for {len(clusters)} clusters")
    numbers = {name: number for number, name in enumerate(dict.fromkeys(clusters))}
    labels = np.array([numbers[name] for name in clusters])
    return np.bincount(labels, array).astype(float), np.bincount(labels).astype(float)


def _ratio_errors(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard errors of ratios of sums, (resamples, clusters) → (resamples,).

    The residual of a cluster is divided by the share of all other clusters (as in the jackknife, and in CR3
    of Bell and McCaffrey 2002): otherwise a cluster that dominates the mean hides its own deviation.
    """
    clusters, totals = sums.shape[1], counts.sum(axis=1)[:, None]
    ratios = sums.sum(axis=1)[:, None] / totals
    remaining = np.maximum(1 - counts / totals, 1e-9)
    residuals = (sums - ratios * counts) / remaining
    variance = (clusters - 1) / clusters * (residuals**2).sum(axis=1)
    return np.asarray(np.sqrt(variance) / totals[:, 0])


def _distances(
    sums: NDArray[np.float64],
    counts: NDArray[np.float64],
    mean: float,
    resamples: int,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Studentised distances of the resampled means; a resample without any spread is drawn again."""
    batches: list[NDArray[np.float64]] = []
    while sum(map(len, batches)) < resamples:
        drawn = random.integers(len(sums), size=(_BATCH, len(sums)))
        drawn_sums, drawn_counts = sums[drawn], counts[drawn]
        errors = _ratio_errors(drawn_sums, drawn_counts)
        usable = errors > 1e-12
        means = drawn_sums.sum(axis=1) / drawn_counts.sum(axis=1)
        batches.append((means - mean)[usable] / errors[usable])
    return np.concatenate(batches)[:resamples]


# ── two models on the same items ──────────────────────────────────────────────────────────────────


def sign_test(better: int, worse: int) -> float:
    """Two-sided p of the exact sign test without ties; on paired outcomes it is McNemar's exact test."""
    if better < 0 or worse < 0:
        raise ValueError(f"negative counts: {better}, {worse}")
    if better == worse:
        return 1.0
    # in integers, and so exact; SciPy rounds, and importing its distributions takes half a second
    count, fewer = better + worse, min(better, worse)
    term = tail = 1
    for number in range(fewer):
        term = term * (count - number) // (number + 1)
        tail += term
    return 2 * tail / (1 << count)


def mcnemar(first: ArrayLike, second: ArrayLike) -> float:
    """Two-sided p of McNemar's exact test on two arrays (n,) of successes of the same items."""
    one, two = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if one.shape != two.shape:
        raise ValueError(f"unequal lengths: {one.shape} and {two.shape}")
    return sign_test(int((two & ~one).sum()), int((one & ~two).sum()))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p values (Holm 1979), in the order given."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def permutation_test(differences: ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES) -> float:
    """Two-sided p that the mean of paired differences (n,) is zero, by flipping their signs.

    Uses all sign patterns if there are at most `resamples` of them, else `resamples` random ones. The
    observed pattern counts as one of them (Phipson and Smyth 2010), so p is never 0.
    """
    array = np.asarray(differences, dtype=float)
    array = array[array != 0]
    if not len(array):
        return 1.0
    observed = abs(array.sum()) - 1e-9 * np.abs(array).sum()
    if 2 ** len(array) <= resamples:
        patterns = (np.arange(2 ** len(array))[:, None] >> np.arange(len(array))) & 1
        return float((np.abs((1 - 2 * patterns) @ array) >= observed).mean())
    random, extreme = np.random.default_rng(seed), 0
    for start in range(0, resamples, _BATCH):
        signs = random.integers(2, size=(min(_BATCH, resamples - start), len(array))) * 2 - 1
        extreme += int((np.abs(signs @ array) >= observed).sum())
    return (extreme + 1) / (resamples + 1)


def items_needed(better: float, worse: float, *, power: float = 0.8, level: float = 0.95) -> int | None:
    """The number of items that a paired comparison needs to detect a difference (Connor 1987).

    `better` and `worse` are the shares of items that only the second, or only the first model passes. None
    where they are equal.
    """
    from scipy.special import ndtri

    difference, discordant = abs(better - worse), better + worse
    if difference == 0:
        return None
    alpha, beta = float(ndtri((1 + level) / 2)), float(ndtri(power))
    spread = alpha * math.sqrt(discordant) + beta * math.sqrt(max(discordant - difference**2, 0.0))
    return math.ceil((spread / difference) ** 2)


# ── judges ────────────────────────────────────────────────────────────────────────────────────────


def adjusted_win_rate(outcomes: Sequence[str]) -> float:
    """(win + ½ tie) ÷ all; flips and errors count in the denominator."""
    if not outcomes:
        raise ValueError("no outcomes")
    return (outcomes.count("win") + outcomes.count("tie") / 2) / len(outcomes)


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Cohen's κ of two raters of the same items (Cohen 1960); 1 where both always use one label."""
    if len(first) != len(second) or not first:
        raise ValueError(f"{len(first)} and {len(second)} ratings")
    count = len(first)
    agreed = sum(one == two for one, two in zip(first, second, strict=True)) / count
    chance = sum(first.count(label) * second.count(label) for label in set(first)) / count**2
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)


def krippendorff_alpha(ratings: Sequence[Mapping[Hashable, Hashable] | Sequence[Hashable]]) -> float:
    """Krippendorff's α for nominal labels, with missing ratings (Krippendorff 2011).

    `ratings` has the labels of each item (a mapping of rater → label, or just the labels). Items with fewer
    than two labels are ignored. NaN where no item has two.
    """
    items = [list(item.values() if isinstance(item, Mapping) else item) for item in ratings]
    items = [labels for labels in items if len(labels) > 1]
    totals: dict[Hashable, float] = {}
    observed = 0.0
    for labels in items:
        for label in labels:
            totals[label] = totals.get(label, 0.0) + 1
            observed += sum(label != peer for peer in labels) / (len(labels) - 1)
    count = sum(totals.values())
    expected = sum(number * (count - number) for number in totals.values()) / (count - 1) if count else 0.0
    if not count:
        return math.nan
    return 1.0 if expected == 0 else 1 - observed / expected


def length_controlled(wins: ArrayLike, length_ratio: ArrayLike) -> float:
    """The win rate at equal length, after Dubois et al. 2024 with length as the only covariate.

    Fits a logistic regression of `wins` (n,) in [0, 1] on the tanh of `length_ratio` (n,), the logarithm of
    the ratio of lengths, and evaluates it at 0. A ridge of 1 on the slope keeps it finite where length alone
    decides.
    """
    won, ratio = np.asarray(wins, dtype=float), np.tanh(np.asarray(length_ratio, dtype=float))
    if won.shape != ratio.shape or not len(won):
        raise ValueError(f"{won.shape} wins, {ratio.shape} lengths")
    from scipy.optimize import minimize
    from scipy.special import expit

    def loss(point: NDArray[np.float64]) -> float:
        line = point[0] + point[1] * ratio
        fit = np.logaddexp(0, line) - won * line
        return float(fit.sum() + 0.5 * point[1] ** 2 + 1e-6 * point[0] ** 2)

    return float(expit(minimize(loss, np.zeros(2), method="BFGS").x[0]))
