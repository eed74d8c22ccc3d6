"""Ratings of models from pairwise comparisons (Bradley and Terry 1952), and ranks with intervals.

Pure functions of counts, as in `statistics.py`. The fit is Newton's method on the penalised likelihood, for
all resamples at once: a library would add a dependency for these lines, and resample nothing by cluster.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goutbench.records import Match
from goutbench.statistics import Estimate

Array = NDArray[np.float64]
RESAMPLES = 1000
SCALE, CENTRE = 400 / np.log(10), 1000.0
"""Points for a factor of e in the odds, and the mean of all ratings: 400 points are odds of 10 to 1."""
_PRIOR = 0.5
"""Wins that each side of a compared pair starts with: ratings stay finite where one model always wins."""
_STEPS, _ENOUGH = 100, 1e-9


@dataclass(frozen=True, slots=True)
class Rating:
    """A model's rating in points, its rank from 1, and 95% intervals of both; `matches` counts items."""

    model: str
    points: Estimate
    rank: Estimate
    matches: float


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one comparison: `score` is 1 where `second` is better, 0 where `first` is, ½ for a tie.

    `cluster` is what is resampled, such as the file; `weight` is below 1 for one of several samples.
    """

    first: str
    second: str
    score: float
    cluster: Hashable
    weight: float = 1.0


def bradley_terry(wins: Array, compared: Array | None = None) -> Array:
    """Logarithms of strengths with mean 0, (…, n), from numbers of wins of row over column, (…, n, n).

    Each pair that was compared, or is in `compared`, (n, n), starts with `_PRIOR` wins of each side. Models
    that no chain of comparisons connects have ratings that mean nothing together: see `connected`.
    """
    games = wins + np.swapaxes(wins, -1, -2)
    wins = wins + _PRIOR * ((games > 0) if compared is None else compared)
    games = wins + np.swapaxes(wins, -1, -2)
    count = wins.shape[-1]
    theta = np.zeros(wins.shape[:-1])
    for _ in range(_STEPS):
        odds = 1 / (1 + np.exp(theta[..., None, :] - theta[..., :, None]))
        gradient = (wins - games * odds).sum(axis=-1)
        weights = games * odds * (1 - odds)
        # the sum of all strengths is free: a constant in every cell fixes it at 0
        hessian = np.full(wins.shape, 1.0 / count) - weights
        hessian[..., range(count), range(count)] += weights.sum(axis=-1)
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        step *= np.minimum(1.0, 2.0 / np.maximum(np.abs(step).max(axis=-1, keepdims=True), 1e-300))
        theta = theta + step
        if np.abs(step).max() < _ENOUGH:
            break
    result: Array = theta - theta.mean(axis=-1, keepdims=True)
    return result


def connected(results: Sequence[Result]) -> bool:
    """Whether a chain of comparisons leads from every model to every other one."""
    peers: dict[str, set[str]] = {}
    for result in results:
        peers.setdefault(result.first, set()).add(result.second)
        peers.setdefault(result.second, set()).add(result.first)
    reached: set[str] = set()
    pending = list(peers)[:1]
    while pending:
        model = pending.pop()
        if model not in reached:
            reached.add(model)
            pending += peers[model]
    return len(reached) == len(peers)


def ratings(results: Sequence[Result], *, seed: int = 0, resamples: int = RESAMPLES) -> list[Rating]:
    """The models by rating, the best first, with intervals that resample clusters.

    Percentile intervals of the bootstrap; ranks count how many models are better, and ties share their mean.
    Raises ValueError where the comparisons do not connect all models.
    """
    if not results or not connected(results):
        raise ValueError("the comparisons do not connect all models")
    models = sorted({model for result in results for model in (result.first, result.second)})
    clusters, counts = _wins_by_cluster(results, models)
    theta = bradley_terry(counts.sum(axis=0))
    drawn = np.random.default_rng(seed).multinomial(clusters, np.full(clusters, 1 / clusters), size=resamples)
    games = counts.sum(axis=0)
    # a resample may miss the only file that connects a model
    compared = (games + games.T) > 0
    resampled = bradley_terry(np.tensordot(drawn.astype(float), counts, axes=1), compared)
    points = CENTRE + SCALE * np.concatenate([theta[None], resampled])
    ranks = ranks_of(points)
    rated = [
        Rating(
            model, _estimate(points[:, index]), _estimate(ranks[:, index]),
            float(games[index].sum() + games[:, index].sum()),
        )
        for index, model in enumerate(models)
    ]  # fmt: skip
    return sorted(rated, key=lambda rating: (-rating.points.value, rating.model))


def mean_ranks(
    values: Mapping[str, Sequence[float]], clusters: Sequence[Hashable], *, seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Estimate]:  # fmt: skip
    """The rank of each model by the mean of its values for the same items, with intervals that resample
    clusters of items."""
    labels = {cluster: index for index, cluster in enumerate(dict.fromkeys(clusters))}
    numbers = np.array([labels[cluster] for cluster in clusters])
    table = np.array([values[model] for model in values], dtype=float)
    sums = np.zeros((len(labels), len(values) + 1))
    np.add.at(sums, numbers, np.column_stack([table.T, np.ones(len(numbers))]))
    count = len(labels)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    totals = np.concatenate([sums.sum(axis=0)[None], drawn @ sums])
    ranks = ranks_of(totals[:, :-1] / totals[:, -1:])
    return {model: _estimate(ranks[:, index]) for index, model in enumerate(values)}


def ranks_of(points: Array) -> Array:
    """The rank of each column, from 1 for the largest value; equal values share the mean of their ranks."""
    better = (points[..., None, :] > points[..., :, None] + 1e-12).sum(axis=-1)
    equal = (np.abs(points[..., None, :] - points[..., :, None]) <= 1e-12).sum(axis=-1)
    result: Array = 1 + better + (equal - 1) / 2
    return result


def _wins_by_cluster(results: Sequence[Result], models: Sequence[str]) -> tuple[int, Array]:
    """The number of clusters, and for each of them the wins of row over column."""
    index = {model: number for number, model in enumerate(models)}
    labels = {cluster: number for number, cluster in enumerate(dict.fromkeys(r.cluster for r in results))}
    counts = np.zeros((len(labels), len(models), len(models)))
    for result in results:
        first, second, cluster = index[result.first], index[result.second], labels[result.cluster]
        counts[cluster, second, first] += result.weight * result.score
        counts[cluster, first, second] += result.weight * (1 - result.score)
    return len(labels), counts


def _estimate(values: Array) -> Estimate:
    """The first value, with the percentiles of the others."""
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return Estimate(float(values[0]), float(min(low, values[0])), float(max(high, values[0])))


# ── matches ───────────────────────────────────────────────────────────────────────────────────────


_SCORES = {"win": 1.0, "loss": 0.0, "tie": 0.5, "flip": 0.5}
"""What an outcome is worth to the second model; an error is no comparison."""


def rating_results(matches: Sequence[Match]) -> list[Result]:
    """The matches as comparisons: files are the clusters, and the samples of an item count as one."""
    items = Counter(_item(match) for match in matches if match.outcome in _SCORES)
    return [
        Result(
            match.model_a, match.model_b, _SCORES[match.outcome], match.pair_id, 1 / items[_item(match)]
        )
        for match in matches
        if match.outcome in _SCORES
    ]  # fmt: skip


def ratings_by_judge(matches: Sequence[Match]) -> dict[str, list[Rating]]:
    """The ratings that each judge's matches give; none where they do not connect all models."""
    by_judge: dict[str, list[Match]] = {}
    for match in matches:
        by_judge.setdefault(match.judge, []).append(match)
    rated = {}
    for judge, own in sorted(by_judge.items()):
        results = rating_results(own)
        rated[judge] = ratings(results) if results and connected(results) else []
    return rated


def _item(match: Match) -> tuple[str, ...]:
    return match.judge, match.model_a, match.model_b, match.pair_id, *match.focal
