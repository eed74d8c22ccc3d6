"""The statistics of one bug, and of all bugs together."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from bug_fixes.suites import Pool, Values
from goutbench.statistics import DIFFERENCES, RATES, Estimate, Interval, cluster_bootstrap

GROUPS = 5
"""Groups of suites of one size, by rank of what they are measured by."""

_POWER = (1.96 + 0.84) / 1.96


class Summary(NamedTuple):
    """A mean over bugs, with an interval that resamples repositories. `detectable` is the distance from no
    effect that such an interval finds with a probability of 80%."""

    estimate: Estimate
    bugs: int
    repositories: int

    @property
    def detectable(self) -> float:
        return (self.estimate.high - self.estimate.low) / 2 * _POWER


def summarise(
    rows: Sequence[Mapping[str, Any]], values: Sequence[float], bounds: Interval = RATES
) -> Summary:
    """The mean of one value for each bug; bugs without one (NaN) are left out."""
    known = [(value, row["repository"]) for value, row in zip(values, rows, strict=True) if value == value]
    numbers, clusters = [value for value, _ in known], [cluster for _, cluster in known]
    return Summary(cluster_bootstrap(numbers, clusters, bounds=bounds), len(known), len(set(clusters)))


# ── suites ───────────────────────────────────────────────────────────────────────────────────────


def superiority(hits: Values, misses: Values) -> float:
    """P(hit > miss) + P(hit = miss) / 2: the area under the ROC curve. NaN for values that are not known."""
    difference = np.subtract.outer(hits, misses)
    if np.isnan(difference).any():
        return float("nan")
    return float((difference > 0).mean() + (np.abs(difference) < 1e-12).mean() / 2)


def at_equal_size(pool: Pool) -> list[float]:
    """For each of MEASURES, how well it tells suites that catch the bug from others of the same size."""
    sizes = [
        [superiority(hit, miss) for hit, miss in zip(hits, misses, strict=True)]
        for hits, misses in pool.equal_sizes()
    ]
    return [float(value) for value in np.mean(sizes, axis=0)]


def at_equal_coverage(pool: Pool, measure: int, coverage: int) -> float:
    """The same for one measure, of pairs of one size that cover equally many statements; NaN without any."""
    found = []
    for hits, misses in pool.equal_sizes():
        equal = np.abs(np.subtract.outer(hits[coverage], misses[coverage])) < 1e-9
        difference = np.subtract.outer(hits[measure], misses[measure])[equal]
        if len(difference):
            found.append(float((difference > 1e-12).mean() + (np.abs(difference) < 1e-12).mean() / 2))
    return float(np.mean(found)) if found else float("nan")


def at_any_size(pool: Pool) -> list[float]:
    """For each of MEASURES, over random suites of all sizes together."""
    parts = list(pool.natural())
    values = np.concatenate([part for part, _ in parts], axis=1)
    caught = np.concatenate([part for _, part in parts])
    return [superiority(row[caught], row[~caught]) for row in values]


def correlation(pool: Pool, measure: int) -> float:
    """Kendall's tau-b of a measure and catching, of random suites of one size: the mean over sizes. NaN where
    no size has a spread of both."""
    from scipy.stats import kendalltau

    found = [
        float(kendalltau(values[measure], caught).statistic)
        for values, caught in pool.natural()
        if 0 < caught.sum() < len(caught) and np.ptp(values[measure]) > 0
    ]
    return float(np.mean(found)) if found else float("nan")


def catch_rates(pool: Pool, measure: int) -> list[float]:
    """The share of suites that catch the bug, in GROUPS groups of equal size by rank within each size; ties
    share the mean of their groups."""
    totals = np.zeros(GROUPS)
    sizes = 0
    for values, caught in pool.natural():
        rates = {
            value: float(caught[values[measure] == value].mean()) for value in np.unique(values[measure])
        }
        expected = np.array([rates[value] for value in np.sort(values[measure])])
        edges = np.linspace(0, len(expected), GROUPS + 1).astype(int)
        totals += [expected[first:last].mean() for first, last in pairwise(edges)]
        sizes += 1
    return [float(total) / sizes for total in totals]


# ── single tests ─────────────────────────────────────────────────────────────────────────────────


def needed(pool: Pool, measure: int) -> tuple[float, float]:
    """The shares of tests that mark something that no other test of the pool does: of those that catch the
    bug, and of the others; NaN without anything to mark."""
    bits = pool.marks[measure]
    if not bits.shape[1]:
        return float("nan"), float("nan")
    alone = (bits & (bits.sum(axis=0) == 1)).any(axis=1)
    return float(alone[pool.catching].mean()), float(alone[~pool.catching].mean())


def killed_shares(row: Mapping[str, Any], *, near: int, covered: bool) -> tuple[float, float]:
    """The shares of mutants that the tests before the fix kill in the code with the bug: of those at least as
    `near`, and of those outside of the changed functions. With `covered`, of mutants that tests reach."""
    kills = row["before"]
    mutants = [m for m in kills.get("mutants") or [] if m["reached"] or not covered]
    inside = [bool(m["killers"]) for m in mutants if m["near"] >= near]
    outside = [bool(m["killers"]) for m in mutants if not m["near"] and m["sampled"]]
    return _mean(inside), _mean(outside)


def covered_shares(row: Mapping[str, Any], *, near: int) -> tuple[float, float]:
    """The same for mutants that the tests before the fix reach."""
    mutants = row["before"].get("mutants") or []
    inside = [bool(m["reached"]) for m in mutants if m["near"] >= near]
    return _mean(inside), _mean([bool(m["reached"]) for m in mutants if not m["near"] and m["sampled"]])


def _mean(values: Iterable[bool]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else float("nan")


def differences(rows: Sequence[Mapping[str, Any]], pairs: Sequence[tuple[float, float]]) -> Summary:
    """The mean difference of pairs of shares."""
    return summarise(rows, [first - second for first, second in pairs], DIFFERENCES)
