"""Near-duplicates from the signatures of texts, and the groups that they form."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING

import numpy as np

from goutbench.dedup.sketch import SLOTS, STRUCTURE, TEXT, Fingerprints, fingerprint
from goutbench.dedup.views import fold_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from goutbench.dedup.sketch import Signatures

# with 51 bands of 5 slots, a pair of similarity s is a candidate with probability 1 - (1 - s^5)^51,
# which is 0.998 at 0.65
BAND_SLOTS = 5
BANDS = SLOTS // BAND_SLOTS
_PAIRS_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Near-duplicates in one view: classes of texts with equal signatures, and similarities of classes."""

    view: str
    classes: tuple[tuple[int, ...], ...]
    alike: tuple[
        tuple[int, int, float], ...
    ]  # two indices into classes, the smaller first, and their similarity

    def links(self) -> Iterator[tuple[int, int]]:
        """Pairs of texts that connect all near-duplicates."""
        for members in self.classes:
            yield from ((members[0], member) for member in members[1:])
        yield from ((self.classes[one][0], self.classes[two][0]) for one, two, _ in self.alike)


def neighbours(prints: Fingerprints) -> tuple[Neighbours, ...]:
    """All near-duplicates among the texts, view by view."""
    views = []
    for view in (TEXT, STRUCTURE):
        signatures = prints.signatures[view.name]
        _, first, class_of = np.unique(fold_rows(signatures), return_index=True, return_inverse=True)
        alike = tuple(_similar_pairs(signatures, first, view.threshold))
        views.append(Neighbours(view.name, _classes(prints.rows[view.name], class_of), alike))
    return tuple(views)


def _classes(rows: "NDArray[np.int64]", class_of: "NDArray[np.int64]") -> tuple[tuple[int, ...], ...]:
    """The rows of each class, in their order."""
    order = np.argsort(class_of, kind="stable")
    ends = np.cumsum(np.bincount(class_of)).tolist()
    members = iter(rows[order].tolist())
    return tuple(tuple(islice(members, end - start)) for start, end in pairwise([0, *ends]))


def compare_sides(
    codes: Sequence[str], tests: Sequence[str], *, workers: int = 1, runner: str | None = None
) -> list[tuple[Fingerprints, tuple[Neighbours, ...]]]:
    """Fingerprints and neighbours of the pairs' code, and of their tests: the sides for `group_rows`.

    `runner` is that of `parallel.map_items`.
    """
    prints = [fingerprint(texts, workers=workers, runner=runner) for texts in (codes, tests)]
    return [(side, neighbours(side)) for side in prints]


def group_rows(sides: Sequence[tuple[Fingerprints, Sequence[Neighbours]]]) -> list[int]:
    """For each row, the lowest index of its group.

    A row has a text on each side. Rows are in one group if their texts of one side are equal, equal but for
    names, or near-duplicates, in any number of steps.
    """
    count = len(sides[0][0].exact)
    links: list[Iterator[tuple[int, int]]] = []
    for prints, near in sides:
        links += [equal_links(values) for values in (prints.exact, prints.normalised, prints.renamed)]
        links += [view.links() for view in near]
    return union_find(count, chain.from_iterable(links))


def union_find(count: int, links: Iterable[tuple[int, int]]) -> list[int]:
    """For each of `count` indices, the lowest one that links connect it with, in any number of steps."""
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = index = parent[parent[index]]
        return index

    for one, two in links:
        first, second = sorted((root(one), root(two)))
        parent[second] = first
    return [root(index) for index in range(count)]


def equal_links(values: Sequence[str | None]) -> Iterator[tuple[int, int]]:
    """Each index with the first index of an equal value; None equals nothing."""
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        if value is not None and first.setdefault(value, index) != index:
            yield first[value], index


def _similar_pairs(
    signatures: "Signatures", rows: "NDArray[np.int64]", threshold: float
) -> Iterator[tuple[int, int, float]]:
    """Pairs of `rows` of the signatures, as indices into `rows`, and their similarities."""
    candidates = candidate_pairs(signatures, rows)
    for start in range(0, len(candidates), _PAIRS_AT_ONCE):
        ones, twos = candidates[start : start + _PAIRS_AT_ONCE].T
        similar = similarity(signatures[rows[ones]], signatures[rows[twos]])
        for at in np.nonzero(similar >= threshold)[0].tolist():
            yield int(ones[at]), int(twos[at]), float(similar[at])


def similarity(ones: "Signatures", twos: "Signatures") -> "NDArray[np.float64]":
    """The estimated Jaccard similarity of signatures, row by row."""
    same: NDArray[np.float64] = (ones == twos).mean(axis=1)
    return same


def band_keys(signatures: "Signatures") -> "Iterator[NDArray[np.uint64]]":
    """Band by band, a number for each row. Rows with equal numbers are a candidate pair."""
    for band in range(BANDS):
        yield fold_rows(signatures[:, band * BAND_SLOTS : (band + 1) * BAND_SLOTS])


def candidate_pairs(signatures: "Signatures", rows: "NDArray[np.int64] | None" = None) -> "NDArray[np.int64]":
    """Every pair of rows that are equal in a band, the smaller index first, in order.

    With `rows`, only those count, and pairs are indices into them.
    """
    count = len(signatures) if rows is None else len(rows)
    pairs = np.zeros(0, dtype=np.int64)
    for of_all in band_keys(signatures):
        keys = of_all if rows is None else of_all[rows]
        order = np.argsort(keys, kind="stable")
        pairs = np.union1d(pairs, _pairs_of_equal_keys(order, keys[order], count))
    return np.stack(np.divmod(pairs, max(count, 1)), axis=1)


def _pairs_of_equal_keys(
    order: "NDArray[np.int64]", keys: "NDArray[np.uint64]", count: int
) -> "NDArray[np.int64]":
    """Pairs of rows with equal keys, as numbers: first × count + second. `keys` are sorted."""
    pairs = []
    for step in range(1, count):
        same = keys[step:] == keys[:-step]
        if not same.any():
            break
        ones, twos = order[:-step][same], order[step:][same]
        pairs.append(np.minimum(ones, twos) * count + np.maximum(ones, twos))
    return np.concatenate(pairs) if pairs else np.zeros(0, dtype=np.int64)
