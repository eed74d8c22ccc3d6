"""Pairs of alike texts from their signatures, and the groups that such pairs join."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from goutbench.dedup.sketch import SLOTS, STRUCTURE, TEXT, Fingerprints, fingerprint
from goutbench.dedup.views import folded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from goutbench.dedup.sketch import Signatures

# 51 bands of 5 slots bring a pair of similarity s together with probability 1 - (1 - s^5)^51: 0.998 at 0.65
BAND_SLOTS = 5
BANDS = SLOTS // BAND_SLOTS
_AT_ONCE = 200_000


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Near-duplicates in one view: texts by equal signature, and how much these classes are alike."""

    view: str
    classes: tuple[tuple[int, ...], ...]
    alike: tuple[tuple[int, int, float], ...]  # indices into classes, the smaller first


def neighbours(prints: Fingerprints) -> tuple[Neighbours, ...]:
    """All pairs of texts that are near-duplicates, view by view."""
    found = []
    for view in (TEXT, STRUCTURE):
        distinct, class_of = _distinct(prints.signatures[view.name])
        members: list[list[int]] = [[] for _ in range(len(distinct))]
        for row, number in zip(prints.rows[view.name].tolist(), class_of.tolist(), strict=True):
            members[number].append(row)
        alike = tuple(_alike(distinct, view.threshold))
        found.append(Neighbours(view.name, tuple(tuple(each) for each in members), alike))
    return tuple(found)


def compared(
    codes: Sequence[str], tests: Sequence[str], *, workers: int = 1
) -> list[tuple[Fingerprints, tuple[Neighbours, ...]]]:
    """Fingerprints and neighbours of the pairs' code, and of their tests: the sides that `grouped` takes."""
    prints = [fingerprint(texts, workers=workers) for texts in (codes, tests)]
    return [(each, neighbours(each)) for each in prints]


def grouped(sides: Sequence[tuple[Fingerprints, Sequence[Neighbours]]]) -> list[int]:
    """For each row the lowest index of its group.

    A row has a text on each side. Rows whose texts of one side are the same, the same but for names, or
    near-duplicates are in one group, in any number of steps.
    """
    count = len(sides[0][0].exact)
    return union(count, (link for prints, near in sides for link in _links(prints, near)))


def union(count: int, links: Iterable[tuple[int, int]]) -> list[int]:
    """For each of `count` things the lowest index of all that links join it with, in any number of steps."""
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = index = parent[parent[index]]
        return index

    for one, two in links:
        first, second = sorted((root(one), root(two)))
        parent[second] = first
    return [root(index) for index in range(count)]


def _links(prints: Fingerprints, near: Iterable[Neighbours]) -> Iterator[tuple[int, int]]:
    for values in (prints.exact, prints.normalised, prints.renamed):
        yield from chained(values)
    for each in near:
        for members in each.classes:
            yield from ((members[0], other) for other in members[1:])
        yield from ((each.classes[one][0], each.classes[two][0]) for one, two, _ in each.alike)


def chained(values: Sequence[str | None]) -> Iterator[tuple[int, int]]:
    """Each index with the first one of an equal value; None equals nothing."""
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        if value is not None and first.setdefault(value, index) != index:
            yield first[value], index


def _distinct(signatures: "Signatures") -> "tuple[Signatures, NDArray[np.int64]]":
    """The distinct rows, and for each row its number among them."""
    _, first, inverse = np.unique(folded(signatures), return_index=True, return_inverse=True)
    return signatures[first], inverse


def _alike(signatures: "Signatures", threshold: float) -> Iterator[tuple[int, int, float]]:
    candidates = banded(signatures)
    for start in range(0, len(candidates), _AT_ONCE):
        ones, twos = candidates[start : start + _AT_ONCE].T
        similar = similarity(signatures[ones], signatures[twos])
        for at in np.nonzero(similar >= threshold)[0].tolist():
            yield int(ones[at]), int(twos[at]), float(similar[at])


def similarity(ones: "Signatures", twos: "Signatures") -> "NDArray[np.float64]":
    """The estimated Jaccard similarity of signatures, row by row."""
    same: NDArray[np.float64] = (ones == twos).mean(axis=1)
    return same


def band_keys(signatures: "Signatures") -> "Iterator[NDArray[np.uint64]]":
    """Band by band, a number for each row; equal numbers make a candidate pair."""
    for band in range(BANDS):
        yield folded(signatures[:, band * BAND_SLOTS : (band + 1) * BAND_SLOTS])


def banded(signatures: "Signatures") -> "NDArray[np.int64]":
    """Every pair of rows that agree in a whole band, smaller index first, in order."""
    count = len(signatures)
    pairs = np.zeros(0, dtype=np.int64)
    for keys in band_keys(signatures):
        order = np.argsort(keys, kind="stable")
        pairs = np.union1d(pairs, _pairs_in_runs(order, keys[order], count))
    return np.stack(np.divmod(pairs, max(count, 1)), axis=1)


def _pairs_in_runs(order: "NDArray[np.int64]", keys: "NDArray[np.uint64]", count: int) -> "NDArray[np.int64]":
    """Pairs of rows with equal keys, each as one number: first × count + second."""
    found = []
    for step in range(1, count):
        same = keys[step:] == keys[:-step]
        if not same.any():
            break
        ones, twos = order[:-step][same], order[step:][same]
        found.append(np.minimum(ones, twos) * count + np.maximum(ones, twos))
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
