"""The split schemes. To add one, write a function and add a line to SCHEMES.

A scheme gives the same splits on every machine.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from goutbench.errors import ConfigError
from goutbench.records import short_hash
from goutbench.split.quotas import SPLITS, TEST, TRAIN, VALIDATION, Quota, held_size, quotas

LEAKS = frozenset({"exact", "normalised", "renamed", "near-duplicate"})


@dataclass(frozen=True, slots=True)
class SplitRow:
    """The properties of a pair that schemes use; `group` is its leak group."""

    id: str
    repository: str
    domain: str
    code_path: str
    test_path: str
    code_first_date: datetime | None
    group: int


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """The options of a split: `after` of `temporal`, `hold_out` (repositories for test) of `repository`."""

    seed: int = 42
    after: datetime | None = None
    hold_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scheme:
    """A function that assigns rows to splits, and the measures of overlap that it keeps at zero."""

    assign: Callable[[Sequence[SplitRow], SplitOptions], list[str]]
    promises: frozenset[str]


def paper(rows: Sequence[SplitRow], options: SplitOptions) -> list[str]:
    """Stratified by repository. Similar rows may be in different splits, as in the paper."""
    free = {name: list(quota) for name, quota in quotas(Counter(row.repository for row in rows)).items()}
    splits = [TRAIN] * len(rows)
    for index in _shuffled(rows, options.seed):
        _, validation, test = quota = free[rows[index].repository]
        at = 1 if validation else 2 if test else 0
        quota[at] -= 1
        splits[index] = SPLITS[at]
    return splits


def leakfree(rows: Sequence[SplitRow], options: SplitOptions) -> list[str]:
    """Leak groups stay together; stratified by repository as well as they allow."""
    return _by_group(rows, quotas(Counter(row.repository for row in rows)), options.seed)


def temporal(rows: Sequence[SplitRow], options: SplitOptions) -> list[str]:
    """Test: leak groups with all rows first committed at `after` or later. The others as in `leakfree`."""
    if options.after is None:
        hint = "a model's training cutoff, such as 2024-06-01"
        raise ConfigError("the scheme `temporal` requires a date", where="--after", hint=hint)
    old = {row.group for row in rows if row.code_first_date is None or row.code_first_date < options.after}
    indices = [index for index, row in enumerate(rows) if row.group in old]
    old_rows = [rows[index] for index in indices]
    counts = Counter(row.repository for row in old_rows)
    splits = [TEST] * len(rows)
    assigned = _by_group(old_rows, quotas(counts, with_test=False), options.seed)
    for index, split in zip(indices, assigned, strict=True):
        splits[index] = split
    return splits


def repository(rows: Sequence[SplitRow], options: SplitOptions) -> list[str]:
    """Holds out whole repositories: those that the user names, or those whose sizes fit best."""
    sizes = Counter(row.repository for row in rows)
    if unknown := [name for name in options.hold_out if name not in sizes]:
        hint = f"one of {', '.join(sorted(sizes))}"
        raise ConfigError(f"no repository {', '.join(unknown)} in the dataset", where="--hold-out", hint=hint)
    target = held_size(len(rows))
    test = options.hold_out or _nearest(sizes, target, options.seed)
    remaining = {name: size for name, size in sizes.items() if name not in test}
    if not remaining or not test:
        what = "train and test each require at least one repository"
        raise ConfigError(what, where="--scheme repository", hint="use a dataset of two or more repositories")
    validation = _nearest(remaining, target, options.seed)
    split_of = dict.fromkeys(validation, VALIDATION) | dict.fromkeys(test, TEST)
    return [split_of.get(row.repository, TRAIN) for row in rows]


SCHEMES: dict[str, Scheme] = {
    "paper": Scheme(paper, frozenset()),
    "leakfree": Scheme(leakfree, LEAKS),
    "repository": Scheme(repository, frozenset({"same package", "same repository"})),
    "temporal": Scheme(temporal, LEAKS),
}


def scheme_named(name: str) -> Scheme:
    """The scheme of this name. Raises ConfigError if there is none."""
    if name not in SCHEMES:
        hint = f"one of {', '.join(SCHEMES)}"
        raise ConfigError(f"there is no scheme {name!r}", where="--scheme", hint=hint)
    return SCHEMES[name]


def _shuffled(rows: Sequence[SplitRow], seed: int) -> list[int]:
    """The indices of rows in an order that depends only on the seed and the rows' ids."""
    return sorted(range(len(rows)), key=lambda index: short_hash(str(seed), rows[index].id))


def _by_group(rows: Sequence[SplitRow], target: Mapping[str, Quota], seed: int) -> list[str]:
    """Assign leak groups, the largest first, to the split where most of their rows fit the quotas.

    Of several such splits, the one with the largest remaining share of its quotas.
    """
    free = {name: list(quota) for name, quota in target.items()}
    members: dict[int, list[int]] = {}
    for index in _shuffled(rows, seed):
        members.setdefault(rows[index].group, []).append(index)
    splits = [TRAIN] * len(rows)
    for group in sorted(members.values(), key=len, reverse=True):
        counts = Counter(rows[index].repository for index in group)
        fits = [
            (
                sum(min(count, max(free[name][at], 0)) for name, count in counts.items()),
                sum(count * free[name][at] / max(target[name][at], 1) for name, count in counts.items()),
            )
            for at in range(len(SPLITS))
        ]
        at = fits.index(max(fits))
        for name, count in counts.items():
            free[name][at] -= count
        for index in group:
            splits[index] = SPLITS[at]
    return splits


def _nearest(sizes: Mapping[str, int], target: int, seed: int) -> tuple[str, ...]:
    """Repositories, but not all, whose total of rows is nearest to the target; none if there is only one."""
    most = target + max(sizes.values())
    reachable: dict[int, tuple[str, ...]] = {0: ()}
    for name in sorted(sizes, key=lambda name: short_hash(str(seed), name)):
        for total, names in list(reachable.items()):
            if total + sizes[name] <= most and len(names) + 1 < len(sizes):
                reachable.setdefault(total + sizes[name], (*names, name))
    totals = [total for total in reachable if total] or [0]
    return reachable[min(totals, key=lambda total: (abs(total - target), total))]
