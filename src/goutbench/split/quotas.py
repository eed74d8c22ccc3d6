"""The number of rows of each repository for each split."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
_HELD_PERCENT = 15  # for validation, and the same for test: 790 of 5,264 in the paper


class Quota(NamedTuple):
    """The number of rows for each split."""

    train: int
    validation: int
    test: int


def held_size(rows: int) -> int:
    """The rows in validation, and in test: 15% of all, rounded half up. The paper's 5,264 rows give 790."""
    return (2 * _HELD_PERCENT * rows + 100) // 200


def quotas(counts: Mapping[str, int], *, with_test: bool = True) -> dict[str, Quota]:
    """The quotas of each stratum, less than one row from its exact share. Their sums are the split sizes."""
    rows, held = sum(counts.values()), held_size(sum(counts.values()))
    names = sorted(counts)
    held_out = apportion([counts[name] for name in names], (1 + with_test) * held, rows)
    # validation and test have the same size, so halving keeps each share within one row
    validation = apportion(held_out, held, sum(held_out)) if with_test else held_out
    shares = zip(names, held_out, validation, strict=True)
    return {name: Quota(counts[name] - out, valid, out - valid) for name, out, valid in shares}


def apportion(counts: Sequence[int], seats: int, total: int) -> list[int]:
    """Seats in proportion to counts, rounded by the largest remainder (Hamilton's method)."""
    if not total:
        return [0] * len(counts)
    shares = [divmod(count * seats, total) for count in counts]
    remaining = seats - sum(quotient for quotient, _ in shares)
    up = set(sorted(range(len(counts)), key=lambda index: (-shares[index][1], index))[:remaining])
    return [quotient + (index in up) for index, (quotient, _) in enumerate(shares)]
