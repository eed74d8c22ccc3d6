"""Ratings: true strengths are recovered, intervals cover them, and what decides nothing is an error."""

import numpy as np
import pytest

from goutbench.ratings import (
    Result,
    bradley_terry,
    mean_ranks,
    ranks_of,
    rating_results,
    ratings,
    ratings_by_judge,
)
from goutbench.records import Match

STRENGTHS = {"a": -1.0, "b": 0.0, "c": 1.0}


def simulated(seed: int, files: int, spread: float = 0.0) -> list[Result]:
    """Every pair of models on every file; `spread` is the variation of each file's own strengths."""
    random, results = np.random.default_rng(seed), []
    for file in range(files):
        own = {model: value + spread * random.normal() for model, value in STRENGTHS.items()}
        for first, second in (("a", "b"), ("a", "c"), ("b", "c")):
            chance = 1 / (1 + np.exp(own[first] - own[second]))
            results.append(Result(first, second, float(random.random() < chance), file))
    return results


def test_two_models_get_the_odds_of_their_wins() -> None:
    wins = np.array([[0.0, 29.5], [9.5, 0.0]])  # and half a win each that every pair begins with
    theta = bradley_terry(wins)
    assert theta[0] - theta[1] == pytest.approx(np.log(3))
    assert theta.sum() == pytest.approx(0)
    stacked = bradley_terry(np.stack([wins, wins.T]))
    assert stacked[0] == pytest.approx(theta)
    assert stacked[1] == pytest.approx(-theta)


def test_the_fit_has_the_highest_likelihood() -> None:
    from scipy.optimize import minimize

    wins = np.array([[0, 7, 3, 1], [2, 0, 5, 4], [6, 1, 0, 9], [0, 2, 2, 0]], dtype=float)

    def loss(theta: np.ndarray) -> float:
        penalised = wins + 0.5 * (1 - np.eye(4))
        return float((penalised * np.logaddexp(0, theta[None, :] - theta[:, None])).sum() + theta.sum() ** 2)

    assert bradley_terry(wins) == pytest.approx(minimize(loss, np.zeros(4)).x, abs=1e-4)


def test_true_strengths_are_recovered_and_the_best_is_first() -> None:
    rated = ratings(simulated(1, 2000))
    assert [rating.model for rating in rated] == ["c", "b", "a"]
    points = {rating.model: rating.points.value for rating in rated}
    assert (points["c"] - points["a"]) * np.log(10) / 400 == pytest.approx(2.0, abs=0.15)
    assert sum(points.values()) == pytest.approx(3000)
    assert [rating.rank for rating in rated] == [(1, 1, 1), (2, 2, 2), (3, 3, 3)]
    assert rated == ratings(simulated(1, 2000)), "equal input gives equal output"


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    covered = 0
    for seed in range(60):
        (top, *_) = (rating for rating in ratings(simulated(seed, 60), resamples=200) if rating.model == "c")
        covered += top.points.low <= 1000 + 400 / np.log(10) <= top.points.high
    assert covered >= 52


def test_a_model_that_always_wins_has_a_finite_rating_and_few_files_a_wide_rank() -> None:
    results = [Result(a, b, 1.0, file) for file in range(3) for a, b in (("x", "y"), ("y", "z"), ("x", "z"))]
    rated = ratings(results)
    assert [rating.model for rating in rated] == ["z", "y", "x"]
    assert all(np.isfinite(rating.points.value) for rating in rated)
    even = ratings([Result("x", "y", file % 2, file) for file in range(8)])
    assert {rating.rank.value for rating in even} == {1.5}
    assert {(rating.rank.low, rating.rank.high) for rating in even} == {(1.0, 2.0)}


def test_samples_and_files_do_not_make_an_interval_narrower() -> None:
    once = simulated(3, 40)
    copies = [Result(r.first, r.second, r.score, r.cluster, 0.1) for r in once for _ in range(10)]
    for one, many in zip(ratings(once), ratings(copies), strict=True):
        assert many.points == pytest.approx(one.points)


def test_models_without_a_chain_of_comparisons_have_no_ratings() -> None:
    with pytest.raises(ValueError, match="connect"):
        ratings([Result("a", "b", 1.0, 1), Result("c", "d", 1.0, 1)])
    with pytest.raises(ValueError, match="connect"):
        ratings([])


def test_a_model_that_few_files_connect_has_a_wide_rating() -> None:
    results = [Result("a", "b", file % 2, file) for file in range(30)]
    rated = ratings([*results, *(Result("b", "c", 1.0, 100 + file) for file in range(2))])
    widths = {rating.model: rating.points.high - rating.points.low for rating in rated}
    assert rated[0].model == "c"
    assert widths["c"] > widths["a"]


def a_match(outcome: str, sample: int = 0, a: str = "a", b: str = "b", pair: str = "p") -> Match:
    return Match("id", pair, "o/r", (), sample, a, b, "ca", "cb", "judge", "panel", outcome, "")


def test_matches_count_by_item_and_errors_do_not() -> None:
    results = rating_results(
        [a_match("win", 0), a_match("tie", 1), a_match("error", 2), a_match("flip", pair="q")]
    )
    assert [(r.score, r.weight, r.cluster) for r in results] == [
        (1.0, 0.5, "p"),
        (0.5, 0.5, "p"),
        (0.5, 1.0, "q"),
    ]
    assert ratings_by_judge([a_match("error")]) == {"judge": []}


def test_ranks_by_means_share_ties_and_have_intervals() -> None:
    assert ranks_of(np.array([3.0, 5.0, 3.0])).tolist() == [2.5, 1.0, 2.5]
    clusters = [number // 2 for number in range(40)]
    values = {"good": [1.0] * 40, "bad": [0.0] * 40, "coin": [float(cluster % 2) for cluster in clusters]}
    ranks = mean_ranks(values, clusters)
    assert {model: rank.value for model, rank in ranks.items()} == {"good": 1, "coin": 2, "bad": 3}
    close = mean_ranks({"x": [1.0, 0.0] * 20, "y": [0.0, 1.0] * 19 + [1.0, 1.0]}, list(range(40)))
    assert (close["y"].value, close["y"].low, close["y"].high) == (1.0, 1.0, 2.0)
