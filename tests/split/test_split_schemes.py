"""Sizes, strata, groups and weights of every scheme."""

import random
from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goutbench.errors import ConfigError
from goutbench.split import SCHEMES, Balance, SplitOptions
from goutbench.split.balance import weights
from goutbench.split.quotas import SPLITS, held_size, quotas
from goutbench.split.schemes import SplitRow, scheme_named

PAPER = {
    "kubernetes/kubernetes": 1935,
    "pingcap/tidb": 878,
    "golang/go": 761,
    "hashicorp/terraform": 482,
    "moby/moby": 412,
    "ethereum/go-ethereum": 285,
    "gohugoio/hugo": 226,
    "prometheus/prometheus": 185,
    "kserve/kserve": 73,
    "gin-gonic/gin": 27,
}
SPRING = datetime(2024, 3, 1, tzinfo=UTC)


def rows_of(counts: dict[str, int], groups: list[int] | None = None) -> list[SplitRow]:
    """Rows named after their repository; each a group of its own where no groups are given."""
    names = [name for name, count in counts.items() for _ in range(count)]
    groups = groups or list(range(len(names)))
    dates = [datetime(2024, 1 + index % 12, 1, tzinfo=UTC) for index in range(len(names))]
    return [
        SplitRow(f"{name}/{index}", name, name[:1], f"d{index}/x.go", f"d{index}/x_test.go", date, group)
        for index, (name, date, group) in enumerate(zip(names, dates, groups, strict=True))
    ]


def sizes_of(splits: list[str]) -> tuple[int, ...]:
    return tuple(splits.count(name) for name in SPLITS)


@pytest.mark.parametrize("scheme", ["paper", "leakfree"])
def test_the_scheme_paper_gives_the_sizes_of_the_paper(scheme: str) -> None:
    rows = rows_of(PAPER)
    splits = SCHEMES[scheme].assign(rows, SplitOptions())
    assert sizes_of(splits) == (3684, 790, 790)
    cells = Counter(zip((row.repository for row in rows), splits, strict=True))
    for name, count in PAPER.items():
        for split, expected in zip(SPLITS, (3684, 790, 790), strict=True):
            assert abs(cells[name, split] - Fraction(count * expected, 5264)) < 1, (name, split)


def test_halves_are_rounded_up() -> None:
    assert [held_size(rows) for rows in (0, 3, 4, 10, 5264)] == [0, 0, 1, 2, 790]


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(1, 300), min_size=1, max_size=12)
)
def test_quotas_add_up_and_are_within_a_row(counts: dict[str, int]) -> None:
    rows, held = sum(counts.values()), held_size(sum(counts.values()))
    by_repository = quotas(counts)
    assert sum(item.validation for item in by_repository.values()) == held
    assert sum(item.test for item in by_repository.values()) == held
    for name, quota in by_repository.items():
        assert sum(quota) == counts[name]
        for size, expected in zip(quota, (rows - 2 * held, held, held), strict=True):
            assert size >= 0
            assert abs(size - Fraction(counts[name] * expected, rows)) <= 1


@pytest.mark.parametrize("scheme", ["paper", "leakfree", "repository", "temporal"])
def test_a_split_depends_on_the_seed_and_the_ids_but_not_the_order(scheme: str) -> None:
    rows = rows_of({"a": 40, "b": 30, "c": 20, "d": 10}, [index // 2 for index in range(100)])
    assign = SCHEMES[scheme].assign
    choice = SplitOptions(after=SPRING)
    first = dict(zip((row.id for row in rows), assign(rows, choice), strict=True))
    shuffled = random.Random(3).sample(rows, len(rows))
    assert first == dict(zip((row.id for row in shuffled), assign(shuffled, choice), strict=True))
    if scheme in ("paper", "leakfree"):
        assert assign(rows, choice) != assign(rows, SplitOptions(seed=43))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=60, max_size=120), st.sampled_from(["leakfree", "temporal"]))
def test_a_leak_group_is_never_separated(groups: list[int], scheme: str) -> None:
    half = len(groups) // 2
    rows = rows_of({"a": half, "b": len(groups) - half}, groups)
    splits = SCHEMES[scheme].assign(rows, SplitOptions(after=SPRING))
    where: dict[int, set[str]] = {}
    for row, split in zip(rows, splits, strict=True):
        where.setdefault(row.group, set()).add(split)
    assert all(len(item) == 1 for item in where.values())


def test_leakfree_keeps_the_sizes_where_groups_are_small() -> None:
    rng = random.Random(5)
    groups = list(range(5264))
    for _ in range(300):  # pairs of repositories share copies
        one, two = rng.sample(range(5264), 2)
        groups[two] = groups[one]
    splits = SCHEMES["leakfree"].assign(rows_of(PAPER, groups), SplitOptions())
    assert sizes_of(splits) == (3684, 790, 790)


def test_a_group_larger_than_any_share_goes_to_training() -> None:
    splits = SCHEMES["leakfree"].assign(rows_of({"a": 100}, [0] * 80 + list(range(80, 100))), SplitOptions())
    assert set(splits[:80]) == {"train"}
    assert sizes_of(splits) == (80, 10, 10)


def test_temporal_tests_only_groups_whose_copies_are_all_new() -> None:
    rows = rows_of({"a": 120}, [index - index % 2 for index in range(120)])  # each new row has a neighbour
    unknown = [SplitRow("z", "a", "a", "z.go", "z_test.go", None, 999)]
    splits = SCHEMES["temporal"].assign(rows + unknown, SplitOptions(after=SPRING))
    for row, split in zip(rows, splits[:-1], strict=True):
        twins = [item for item in rows if item.group == row.group]
        assert (split == "test") == all(item.code_first_date >= SPRING for item in twins)  # type: ignore[operator]
    assert splits[-1] != "test"
    assert splits.count("validation") == held_size(len(rows) + 1 - splits.count("test"))


def test_a_row_committed_on_the_date_itself_is_test() -> None:
    rows = rows_of({"a": 12})
    splits = SCHEMES["temporal"].assign(rows, SplitOptions(after=SPRING))
    assert [split == "test" for split in splits] == [False, False] + [True] * 10


def test_repository_holds_out_whole_repositories_near_the_sizes() -> None:
    rows = rows_of(PAPER)
    splits = SCHEMES["repository"].assign(rows, SplitOptions())
    where: dict[str, set[str]] = {}
    for row, split in zip(rows, splits, strict=True):
        where.setdefault(row.repository, set()).add(split)
    assert all(len(item) == 1 for item in where.values())
    _, validation, test = sizes_of(splits)
    assert abs(validation - 790) <= 20
    assert abs(test - 790) <= 20
    chosen = SCHEMES["repository"].assign(rows, SplitOptions(hold_out=("moby/moby", "gin-gonic/gin")))
    assert {row.repository for row, split in zip(rows, chosen, strict=True) if split == "test"} == {
        "moby/moby",
        "gin-gonic/gin",
    }


def test_two_repositories_are_enough_to_hold_one_out() -> None:
    assert sizes_of(SCHEMES["repository"].assign(rows_of({"a": 90, "b": 10}), SplitOptions())) == (90, 0, 10)


@pytest.mark.parametrize(
    ("scheme", "choice", "says"),
    [
        ("temporal", SplitOptions(), "`temporal` requires a date"),
        ("repository", SplitOptions(hold_out=("no/such",)), "no repository no/such"),
        ("repository", SplitOptions(), "require at least one repository"),
    ],
)
def test_impossible_splits_are_errors(scheme: str, choice: SplitOptions, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        SCHEMES[scheme].assign(rows_of({"a": 9}), choice)


def test_the_error_of_an_unknown_scheme_lists_all_schemes() -> None:
    with pytest.raises(ConfigError, match=r"(?s)no scheme 'random'.*paper, leakfree, repository, temporal"):
        scheme_named("random")


def shares(rows: list[SplitRow], row_weights: list[float]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for row, weight in zip(rows, row_weights, strict=True):
        total[row.repository] += weight  # type: ignore[assignment]
    return {name: value / sum(total.values()) for name, value in total.items()}


def test_weights_balance_the_strata() -> None:
    rows = rows_of({"a": 90, "b": 10})
    train = ["train"] * 100
    equal = weights(rows, train, Balance("repository", power=0.0), seed=1)
    assert shares(rows, equal) == pytest.approx({"a": 0.5, "b": 0.5})
    assert sum(equal) == pytest.approx(100)
    assert weights(rows, train, Balance("repository", power=1.0), seed=1) == pytest.approx([1.0] * 100)
    root = shares(rows, weights(rows, train, Balance("domain"), seed=1))
    assert root == pytest.approx({"a": 0.75, "b": 0.25})  # √90 : √10 is 3 : 1
    assert weights(rows, train, Balance(), seed=1) == [1.0] * 100


def test_rows_over_the_cap_have_the_weight_zero() -> None:
    rows = rows_of({"a": 90, "b": 10})
    splits = ["train"] * 80 + ["test"] * 10 + ["train"] * 10
    row_weights = weights(rows, splits, Balance("repository", power=1.0, cap=20), seed=1)
    assert sum(weight > 0 for weight in row_weights[:80]) == 20
    assert row_weights[80:90] == [1.0] * 10
    assert sum(row_weights[:80] + row_weights[90:]) == pytest.approx(30)
    assert row_weights != weights(rows, splits, Balance("repository", power=1.0, cap=20), seed=2)


@pytest.mark.parametrize(
    "wrong", [{"by": "licence"}, {"by": "domain", "power": 2.0}, {"by": "domain", "cap": 0}]
)
def test_a_wrong_balance_is_an_error(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Balance(**wrong)  # type: ignore[arg-type]
