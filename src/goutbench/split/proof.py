"""The proof of a split: what its parts have in common by every measure, counted from the files alone."""

from collections.abc import Hashable, Sequence
from itertools import combinations
from pathlib import PurePosixPath

from goutbench.dedup.near import Neighbours
from goutbench.dedup.sketch import Fingerprints
from goutbench.records import Overlap
from goutbench.split.quotas import SPLITS
from goutbench.split.schemes import SCHEMES, SplitRow


def prove(
    scheme: str,
    rows: Sequence[SplitRow],
    splits: Sequence[str],
    code: tuple[Fingerprints, Sequence[Neighbours]],
    test: tuple[Fingerprints, Sequence[Neighbours]],
    *,
    promises: frozenset[str] | None = None,
) -> list[Overlap]:
    """The overlaps by measure, side and pair of splits; `splits` has the split of each row.

    `promises` are the measures that must be zero; by default those of the scheme.
    """
    promises = SCHEMES[scheme].promises if promises is None else promises
    overlaps = []
    for side, (prints, near), paths in (
        ("code", code, [row.code_path for row in rows]),
        ("test", test, [row.test_path for row in rows]),
    ):
        names = [row.repository for row in rows]
        folders = [(name, str(PurePosixPath(path).parent)) for name, path in zip(names, paths, strict=True)]
        splits_by_measure = {
            "exact": _by_key(prints.exact, splits),
            "normalised": _by_key(prints.normalised, splits),
            "renamed": _by_key(prints.renamed, splits),
            "near-duplicate": _by_similarity(near, splits),
            "same package": _by_key(folders, splits),
            "same repository": _by_key(names, splits),
        }
        for measure, reached in splits_by_measure.items():
            for first, second in combinations(SPLITS, 2):
                counts = _count(reached, splits, first, second), _count(reached, splits, second, first)
                overlaps.append(Overlap(scheme, measure, side, first, second, *counts, measure in promises))
    return overlaps


def broken_promises(proof: Sequence[Overlap]) -> list[Overlap]:
    """The overlaps that the scheme promises not to have."""
    return [
        overlap for overlap in proof if overlap.promised_zero and overlap.first_rows + overlap.second_rows
    ]


def _by_key(keys: Sequence[Hashable | None], splits: Sequence[str]) -> list[set[str]]:
    """For each row, the splits that contain its key; None is in no split."""
    where: dict[Hashable, set[str]] = {}
    for key, split in zip(keys, splits, strict=True):
        if key is not None:
            where.setdefault(key, set()).add(split)
    return [where[key] if key is not None else set() for key in keys]


def _by_similarity(near: Sequence[Neighbours], splits: Sequence[str]) -> list[set[str]]:
    """For each row, the splits that contain it or a near-duplicate."""
    reached: list[set[str]] = [set() for _ in splits]
    for view in near:
        similar = [(index, index) for index in range(len(view.classes))]
        similar += [pair for one, two, _ in view.alike for pair in ((one, two), (two, one))]
        for one, two in similar:
            splits_of_two = {splits[row] for row in view.classes[two]}
            for row in view.classes[one]:
                reached[row] |= splits_of_two
    return reached


def _count(reached: Sequence[set[str]], splits: Sequence[str], first: str, second: str) -> int:
    """The number of rows of split `first` with a counterpart in split `second`."""
    return sum(split == first and second in names for split, names in zip(splits, reached, strict=True))
