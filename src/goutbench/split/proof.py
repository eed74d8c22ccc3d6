"""The proof of a split: what its splits have in common, by every measure, counted from the files alone."""

from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations
from pathlib import PurePosixPath

from goutbench.dedup import Fingerprints, Neighbours
from goutbench.records import Overlap
from goutbench.split.quotas import SPLITS
from goutbench.split.schemes import SCHEMES, Row


def prove(
    scheme: str,
    rows: Sequence[Row],
    splits: Sequence[str],
    code: tuple[Fingerprints, Sequence[Neighbours]],
    test: tuple[Fingerprints, Sequence[Neighbours]],
) -> list[Overlap]:
    """Overlaps by measure, side and pair of splits; `splits` holds each row's."""
    promises = SCHEMES[scheme].promises
    found = []
    for side, (prints, near), paths in (
        ("code", code, [row.code_path for row in rows]),
        ("test", test, [row.test_path for row in rows]),
    ):
        names = [row.repository for row in rows]
        folders = [(name, str(PurePosixPath(path).parent)) for name, path in zip(names, paths, strict=True)]
        meetings = {
            "exact": _by_key(prints.exact, splits),
            "normalised": _by_key(prints.normalised, splits),
            "renamed": _by_key(prints.renamed, splits),
            "near-duplicate": _by_likeness(near, splits),
            "same package": _by_key(folders, splits),
            "same repository": _by_key(names, splits),
        }
        for measure, met in meetings.items():
            for first, second in combinations(SPLITS, 2):
                counts = _met(met, splits, first, second), _met(met, splits, second, first)
                found.append(Overlap(scheme, measure, side, first, second, *counts, measure in promises))
    return found


def broken(proof: Sequence[Overlap]) -> list[Overlap]:
    """Overlaps where the scheme promises none."""
    return [each for each in proof if each.promised_zero and each.first_rows + each.second_rows]


def _by_key(keys: Sequence[Hashable | None], splits: Sequence[str]) -> list[set[str]]:
    """For each row the splits in which its key stands; None stands nowhere."""
    where: dict[Hashable, set[str]] = {}
    for key, split in zip(keys, splits, strict=True):
        if key is not None:
            where.setdefault(key, set()).add(split)
    return [where[key] if key is not None else set() for key in keys]


def _by_likeness(near: Sequence[Neighbours], splits: Sequence[str]) -> list[set[str]]:
    """For each row the splits in which it, or something like it, stands."""
    met: list[set[str]] = [set() for _ in splits]
    for each in near:
        for ones, others in _alike(each):
            there = {splits[row] for row in others}
            for row in ones:
                met[row] |= there
    return met


def _alike(near: Neighbours) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    yield from ((members, members) for members in near.classes)
    for one, two, _ in near.alike:
        yield near.classes[one], near.classes[two]
        yield near.classes[two], near.classes[one]


def _met(met: Sequence[set[str]], splits: Sequence[str], first: str, second: str) -> int:
    return sum(split == first and second in there for split, there in zip(splits, met, strict=True))
