"""What a report measures of a sample, and how samples combine to an item, and items to a rate or mean."""

from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

from goutbench.report.results import ItemResult, Measure, SampleResult, integer_if_integral
from goutbench.report.tables.cells import Mean, Rate
from goutbench.statistics import RATES, Interval, best_at_k, cluster_bootstrap, pass_at_k, wilson

_MIN_CLUSTERS = 5


class Cluster(NamedTuple):
    """Where an item comes from: items of one repository resemble each other, those of one file even more."""

    repository: str
    pair_id: str


def built(sample: SampleResult) -> bool:
    return sample.built


def passed(sample: SampleResult) -> bool:
    return sample.passed


def coverage(sample: SampleResult) -> float | None:
    return sample.coverage


def branch_coverage(sample: SampleResult) -> float | None:
    return sample.branch_coverage


def mutation_score(sample: SampleResult) -> float | None:
    return sample.mutation_score


def timed_out_detected(sample: SampleResult) -> float | None:
    return sample.mutation.score_timed_out_detected if sample.mutation else None


def timed_out_excluded(sample: SampleResult) -> float | None:
    return sample.mutation.score_timed_out_excluded if sample.mutation else None


def rate_of(items: Sequence[ItemResult], holds: Callable[[SampleResult], bool]) -> Rate | None:
    """The share of items, each counted by the share of its samples for which the condition holds."""
    shares = [item.share(holds) for item in items]
    return rate_over(shares, clusters_of(items), sampled=any(len(item.samples) > 1 for item in items))


def rate_over(
    shares: Sequence[Fraction | float], clusters: Sequence[Cluster], *, sampled: bool
) -> Rate | None:
    """The mean of shares, one for each item; None for no items.

    With one sample per item the interval is Wilson's. With several, shares are not just 0 and 1, and the
    interval is that of `sampled_interval`.
    """
    if not shares:
        return None
    total: Fraction | float = sum(shares)
    interval = sampled_interval(shares, clusters) if sampled else wilson(int(total), len(shares))
    return Rate(integer_if_integral(total), len(shares), interval)


def sampled_interval(shares: Sequence[Fraction | float], clusters: Sequence[Cluster]) -> Interval:
    """The interval of a mean of shares: resampled by repository, or by pair or item if these are too few.

    Wilson's where all shares are 0 or all are 1: resamples would all be equal.
    """
    values = [float(share) for share in shares]
    if set(values) in ({0.0}, {1.0}):
        return wilson(int(sum(values)), len(values))
    units: Sequence[Hashable] = range(len(values))
    for level in ([cluster.repository for cluster in clusters], [cluster.pair_id for cluster in clusters]):
        if len(set(level)) >= _MIN_CLUSTERS:
            units = level
            break
    return Interval(*cluster_bootstrap(values, units)[1:])


def bootstrap_units(
    clusters: Sequence[Cluster], at_least: int = _MIN_CLUSTERS
) -> tuple[list[str], Literal["repository", "pair"]]:
    """What to resample, a unit for each item: repositories, or pairs if there are fewer than `at_least`."""
    repositories = [cluster.repository for cluster in clusters]
    if len(set(repositories)) >= at_least:
        return repositories, "repository"
    return [cluster.pair_id for cluster in clusters], "pair"


def clusters_of(items: Sequence[ItemResult]) -> list[Cluster]:
    return [Cluster(item.pair.repository, item.pair.id) for item in items]


def mean_of(items: Sequence[ItemResult], measure: Measure) -> Mean | None:
    """The mean over all items; a sample without a measurement counts as 0."""
    return Mean(sum(item.mean(measure) for item in items) / len(items), len(items)) if items else None


def mean_with_interval(items: Sequence[ItemResult], measure: Measure) -> Mean | None:
    """The mean over all items, as `mean_of`, with its resampled interval where the items bound the mean."""
    if not items:
        return None
    values = [item.mean(measure) for item in items]
    interval = sampled_interval(values, clusters_of(items))
    return Mean(sum(values) / len(values), len(values), None if interval == RATES else interval)


def mean_of_passing(items: Sequence[ItemResult], measure: Measure) -> Mean | None:
    """The mean over items with a passing sample, of their passing samples that have a measurement."""
    means = []
    for item in items:
        values = [value for s in item.samples if s.passed and (value := measure(s)) is not None]
        if values:
            means.append(sum(values) / len(values))
    return Mean(sum(means) / len(means), len(means)) if means else None


def rate_at_k(items: Sequence[ItemResult], holds: Callable[[SampleResult], bool], k: int) -> Rate | None:
    """build@k or pass@k, averaged over items; None where an item has fewer than k samples."""
    if not items or any(len(item.samples) < k for item in items):
        return None
    shares = [pass_at_k(len(item.samples), sum(map(holds, item.samples)), k) for item in items]
    return rate_over(shares, clusters_of(items), sampled=True)


def best_of_k(items: Sequence[ItemResult], measure: Measure, k: int) -> Mean | None:
    """The expected best value of k samples, averaged over items; None where an item has fewer than k."""
    if not items or any(len(item.samples) < k for item in items):
        return None
    values = [best_at_k(item.values(measure), k) for item in items]
    return Mean(sum(values) / len(values), len(values), sampled_interval(values, clusters_of(items)))
