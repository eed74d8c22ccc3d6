"""The ways of splitting. A scheme is a function and a line in SCHEMES; all are the same on every machine."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from goutbench.errors import ConfigError
from goutbench.records import short_hash
from goutbench.split.quotas import SPLITS, TEST, TRAIN, VALIDATION, Quota, held_size, quotas

LEAKS = frozenset({"exact", "normalised", "renamed", "near-duplicate"})


@dataclass(frozen=True, slots=True)
class Row:
    """What splitting needs to know of a pair; rows of one `group` are alike."""

    id: str
    repository: str
    domain: str
    code_path: str
    test_path: str
    code_first_date: datetime | None
    group: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A user's choices. `after` is for temporal, `hold_out` (repositories for test) for repository."""

    seed: int = 42
    after: datetime | None = None
    hold_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way of splitting, and the measures of overlap that are zero by it."""

    assign: Callable[[Sequence[Row], Choice], list[str]]
    promises: frozenset[str]


def _paper(rows: Sequence[Row], choice: Choice) -> list[str]:
    """Stratified by repository; alike rows may part, as they do in the paper."""
    left = {name: list(quota) for name, quota in quotas(Counter(row.repository for row in rows)).items()}
    splits = [TRAIN] * len(rows)
    for index in _shuffled(rows, choice.seed):
        _, validation, test = quota = left[rows[index].repository]
        at = 1 if validation else 2 if test else 0
        quota[at] -= 1
        splits[index] = SPLITS[at]
    return splits


def _leakfree(rows: Sequence[Row], choice: Choice) -> list[str]:
    """Whole groups, stratified by repository as well as these allow."""
    return _by_group(rows, quotas(Counter(row.repository for row in rows)), choice.seed)


def _temporal(rows: Sequence[Row], choice: Choice) -> list[str]:
    """Test: groups whose every row was first committed at `after` or later; the rest as by leakfree."""
    if choice.after is None:
        hint = "a model's training cutoff, such as 2024-06-01"
        raise ConfigError("temporal needs a date", where="--after", hint=hint)
    old = {row.group for row in rows if row.code_first_date is None or row.code_first_date < choice.after}
    rest = [index for index, row in enumerate(rows) if row.group in old]
    kept = [rows[index] for index in rest]
    counts = Counter(row.repository for row in kept)
    splits = [TEST] * len(rows)
    for index, split in zip(rest, _by_group(kept, quotas(counts, with_test=False), choice.seed), strict=True):
        splits[index] = split
    return splits


def _repository(rows: Sequence[Row], choice: Choice) -> list[str]:
    """Whole repositories held out: those that come nearest to the sizes, or that the user names."""
    sizes = Counter(row.repository for row in rows)
    if unknown := [name for name in choice.hold_out if name not in sizes]:
        hint = f"one of {', '.join(sorted(sizes))}"
        raise ConfigError(f"no repository {', '.join(unknown)} in the dataset", where="--hold-out", hint=hint)
    target = held_size(len(rows))
    test = choice.hold_out or _nearest(sizes, target, choice.seed)
    rest = {name: size for name, size in sizes.items() if name not in test}
    if not rest or not test:
        what = "test and train need a repository each"
        raise ConfigError(what, where="--scheme repository", hint="a dataset of two repositories or more")
    validation = _nearest(rest, target, choice.seed)
    place = dict.fromkeys(validation, VALIDATION) | dict.fromkeys(test, TEST)
    return [place.get(row.repository, TRAIN) for row in rows]


SCHEMES: dict[str, Scheme] = {
    "paper": Scheme(_paper, frozenset()),
    "leakfree": Scheme(_leakfree, LEAKS),
    "repository": Scheme(_repository, frozenset({"same package", "same repository"})),
    "temporal": Scheme(_temporal, LEAKS),
}


def scheme_named(name: str) -> Scheme:
    """A scheme. Raises ConfigError where there is none of the name."""
    if name not in SCHEMES:
        hint = f"one of {', '.join(SCHEMES)}"
        raise ConfigError(f"there is no scheme {name!r}", where="--scheme", hint=hint)
    return SCHEMES[name]


def _shuffled(rows: Sequence[Row], seed: int) -> list[int]:
    """Indices in an order that depends on the seed and the rows' ids only, not on the rows' order."""
    return sorted(range(len(rows)), key=lambda index: short_hash(str(seed), rows[index].id))


def _by_group(rows: Sequence[Row], wanted: Mapping[str, Quota], seed: int) -> list[str]:
    """The largest groups first, each where the most of its rows still fit, then where the most is left."""
    left = {name: list(quota) for name, quota in wanted.items()}
    members: dict[int, list[int]] = {}
    for index in _shuffled(rows, seed):
        members.setdefault(rows[index].group, []).append(index)
    splits = [TRAIN] * len(rows)
    for group in sorted(members.values(), key=len, reverse=True):
        counts = Counter(rows[index].repository for index in group)
        at = max(range(len(SPLITS)), key=lambda at: _fit(counts, left, wanted, at))
        for name, count in counts.items():
            left[name][at] -= count
        for index in group:
            splits[index] = SPLITS[at]
    return splits


def _fit(
    counts: Mapping[str, int], left: Mapping[str, list[int]], wanted: Mapping[str, Quota], at: int
) -> tuple[int, float]:
    fitting = sum(min(count, max(left[name][at], 0)) for name, count in counts.items())
    room = sum(count * left[name][at] / max(wanted[name][at], 1) for name, count in counts.items())
    return fitting, room


def _nearest(sizes: Mapping[str, int], target: int, seed: int) -> tuple[str, ...]:
    """Repositories, not all of them, whose rows together come nearest to the target; none of a single one."""
    most = target + max(sizes.values())
    reachable: dict[int, tuple[str, ...]] = {0: ()}
    for name in sorted(sizes, key=lambda name: short_hash(str(seed), name)):
        for total, chosen in list(reachable.items()):
            if total + sizes[name] <= most and len(chosen) + 1 < len(sizes):
                reachable.setdefault(total + sizes[name], (*chosen, name))
    totals = [total for total in reachable if total] or [0]
    return reachable[min(totals, key=lambda total: (abs(total - target), total))]
