"""The statistics against scipy, against published examples, and against their definitions."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from goutbench import statistics

COUNTS = st.integers(1, 500).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@given(COUNTS)
def test_intervals_of_rates_agree_with_scipy(counts: tuple[int, int]) -> None:
    successes, of = counts
    test = stats.binomtest(successes, of)
    for ours, method in ((statistics.wilson, "wilson"), (statistics.clopper_pearson, "exact")):
        theirs = test.proportion_ci(method=method)
        assert ours(successes, of) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(COUNTS)
def test_the_sign_test_agrees_with_scipy(counts: tuple[int, int]) -> None:
    better, of = counts
    expected = stats.binomtest(better, of).pvalue
    assert statistics.sign_test(better, of - better) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("successes", "of"), [(1, 0), (-1, 3), (4, 3)])
def test_impossible_counts_are_an_error(successes: int, of: int) -> None:
    with pytest.raises(ValueError, match="must be between 0 and the total"):
        statistics.wilson(successes, of)


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_draws_with_a_pass(drawn: tuple[int, int, int]) -> None:
    samples, passing, k = drawn
    draws = list(combinations(range(samples), k))
    share = sum(any(at < passing for at in draw) for draw in draws) / len(draws)
    assert statistics.pass_at_k(samples, passing, k) == pytest.approx(share)


@given(
    st.integers(1, 7).flatmap(
        lambda n: st.tuples(st.lists(st.floats(0, 1), min_size=n, max_size=n), st.integers(1, n))
    )
)
def test_best_at_k_is_the_mean_of_the_largest_value_over_all_draws(drawn: tuple[list[float], int]) -> None:
    values, k = drawn
    draws = list(combinations(values, k))
    assert statistics.best_at_k(values, k) == pytest.approx(sum(map(max, draws)) / len(draws))


@pytest.mark.parametrize(("passing", "k"), [(0, 1), (2, 3), (3, 5), (5, 2)])
def test_best_at_k_of_zeros_and_ones_is_pass_at_k(passing: int, k: int) -> None:
    values = [1.0] * passing + [0.0] * (5 - passing)
    assert statistics.best_at_k(values, k) == pytest.approx(statistics.pass_at_k(5, passing, k))


@pytest.mark.parametrize("k", [0, 3])
def test_k_must_be_a_number_of_samples(k: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 2"):
        statistics.best_at_k([0.0, 1.0], k)
    with pytest.raises(ValueError, match=f"pass@{k} is undefined"):
        statistics.pass_at_k(2, 1, k)


def test_mcnemar_counts_only_what_differs() -> None:
    first = [True] * 5 + [False] * 20 + [True] * 30
    second = [False] * 5 + [True] * 20 + [True] * 30
    assert statistics.mcnemar(first, second) == pytest.approx(stats.binomtest(5, 25).pvalue)
    assert statistics.mcnemar(first, first) == 1.0


def test_holm_agrees_with_a_worked_example() -> None:
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.integers(-3, 3).map(float), min_size=2, max_size=9))
def test_the_permutation_test_is_exact_for_few_items(differences: list[float]) -> None:
    theirs = stats.permutation_test(
        (np.array(differences),), lambda x, axis: x.mean(axis=axis), permutation_type="samples",
        n_resamples=np.inf, vectorized=True,
    )  # fmt: skip
    assert statistics.permutation_test(differences) == pytest.approx(theirs.pvalue)


def test_the_permutation_test_of_many_items_agrees_with_the_t_test() -> None:
    differences = np.random.default_rng(1).normal(0.12, 1, 400)
    ours = statistics.permutation_test(differences)
    assert ours == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.01)
    assert ours == statistics.permutation_test(differences)


def test_the_number_of_items_needed_gives_the_promised_power() -> None:
    better, worse = 0.2, 0.1
    needed = statistics.items_needed(better, worse)
    assert needed is not None
    random = np.random.default_rng(0)
    counts = random.multinomial(needed, [better, worse, 1 - better - worse], size=4000)
    seen = np.array([statistics.sign_test(int(up), int(down)) < 0.05 for up, down, _ in counts[:1000]]).mean()
    assert 0.74 < seen < 0.86
    assert statistics.items_needed(0.1, 0.1) is None


def test_an_interval_is_wider_where_clusters_differ() -> None:
    clusters = [f"r{number}" for number in range(8) for _ in range(40)]
    apart = [float(number % 2) for number in range(8) for _ in range(40)]
    mixed = [float(place % 2) for _ in range(8) for place in range(40)]
    wide, narrow = (
        statistics.cluster_bootstrap(values, clusters, resamples=2000)
        for values in (apart, [*mixed[1:], 1.0])
    )
    assert wide.value == pytest.approx(0.5)
    assert wide.high - wide.low > 4 * (narrow.high - narrow.low)
    assert wide == statistics.cluster_bootstrap(apart, clusters, resamples=2000)


def test_two_clusters_do_not_bound_the_mean() -> None:
    assert statistics.cluster_bootstrap([0, 1, 1, 1], list("aabb"))[1:] == (0.0, 1.0)


def test_the_interval_of_a_difference_can_be_negative_where_no_difference_is() -> None:
    bounds = statistics.DIFFERENCES
    assert statistics.cluster_bootstrap([0, 0, 1, 0], list("aabb"), bounds=bounds)[1:] == (-1.0, 1.0)
    one_gain = statistics.cluster_bootstrap([0, 0, 0, 0, 0, 1], list("abcdef"), bounds=bounds)
    assert one_gain.low < 0 < one_gain.value < one_gain.high
    losses = statistics.cluster_bootstrap([0, 0, 0, 0, 0, -1], list("abcdef"), bounds=bounds)
    assert (losses.low, losses.high) == pytest.approx((-one_gain.high, -one_gain.low))


def test_values_outside_their_range_are_an_error() -> None:
    with pytest.raises(ValueError, match="not within 0 to 1"):
        statistics.cluster_bootstrap([0.5, -0.5], list("ab"))


def test_a_clustered_interval_covers_the_true_mean() -> None:
    random, covered = np.random.default_rng(5), 0
    for run in range(300):
        rates = random.beta(6, 4, 10)
        clusters = [number for number in range(10) for _ in range(30)]
        values = (random.random(300) < np.repeat(rates, 30)).astype(float)
        found = statistics.cluster_bootstrap(values, clusters, seed=run, resamples=1000)
        covered += found.low <= 0.6 <= found.high
    assert covered / 300 > 0.91


def test_kappa_agrees_with_cohens_table() -> None:
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert statistics.cohen_kappa(first, second) == pytest.approx(0.4)
    assert statistics.cohen_kappa(["a", "a"], ["a", "a"]) == 1.0


def test_alpha_agrees_with_krippendorffs_example() -> None:
    # Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: nominal, missing data
    observers = (
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    )
    items = [
        [label for label in column if label != "."] for column in zip(*map(str.split, observers), strict=True)
    ]
    assert statistics.krippendorff_alpha(items) == pytest.approx(0.743, abs=0.0005)
    assert math.isnan(statistics.krippendorff_alpha([["a"], []]))


def test_flips_and_errors_count_in_the_denominator_of_the_adjusted_win_rate() -> None:
    assert statistics.adjusted_win_rate(["win", "tie", "flip", "error", "loss"]) == pytest.approx(0.3)


def test_length_control_removes_the_wins_of_length_alone() -> None:
    ratio = np.random.default_rng(3).normal(0.6, 0.5, 3000)
    wins = (np.random.default_rng(4).random(3000) < 1 / (1 + np.exp(-3 * ratio))).astype(float)
    assert wins.mean() > 0.75
    assert statistics.length_controlled(wins, ratio) == pytest.approx(0.5, abs=0.06)
    assert statistics.length_controlled(wins[:50] * 0 + 1, ratio[:50]) > 0.8
