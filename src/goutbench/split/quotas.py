"""How many rows of each repository go to which split, in whole numbers."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
_HELD_PERCENT = 15  # each of validation and test: the paper's 790 of 5,264


class Quota(NamedTuple):
    """Rows for each split."""

    train: int
    validation: int
    test: int


def held_size(rows: int) -> int:
    """Rows in validation, and as many in test: 15% of all, rounded half up. The paper's 5,264 give 790."""
    return (2 * _HELD_PERCENT * rows + 100) // 200


def quotas(counts: Mapping[str, int], *, with_test: bool = True) -> dict[str, Quota]:
    """Quotas of each stratum, within one row of its exact share, that add up to the sizes of the whole."""
    rows, held = sum(counts.values()), held_size(sum(counts.values()))
    names = sorted(counts)
    kept_out = apportion([counts[name] for name in names], (1 + with_test) * held, rows)
    # validation and test are equally large, so that halving cannot take a share further than one row away
    validation = apportion(kept_out, held, sum(kept_out)) if with_test else kept_out
    shares = zip(names, kept_out, validation, strict=True)
    return {name: Quota(counts[name] - out, valid, out - valid) for name, out, valid in shares}


def apportion(counts: Sequence[int], seats: int, total: int) -> list[int]:
    """Seats in proportion to counts, each share rounded up or down, by the largest remainder (Hamilton)."""
    if not total:
        return [0] * len(counts)
    shares = [divmod(count * seats, total) for count in counts]
    left = seats - sum(whole for whole, _ in shares)
    up = set(sorted(range(len(counts)), key=lambda index: (-shares[index][1], index))[:left])
    return [whole + (index in up) for index, (whole, _) in enumerate(shares)]
