"""What is looked for, made ready so that corpora of any size can stream past it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from goutbench.dedup.near import band_keys, similarity
from goutbench.dedup.sketch import STRUCTURE, TEXT, Fingerprints, View
from goutbench.embeddings import Embedder
from goutbench.records import Leak

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRAM = 13  # tokens, as GPT-3's contamination check counts words (Brown et al. 2020, appendix C)
_HASHES = ("exact", "normalised", "renamed")


@dataclass(slots=True)
class Best:
    """Counts or best values so far, with the place of the first or best: one for each text looked for."""

    values: list[float]
    places: list[str]

    @classmethod
    def of(cls, count: int) -> "Best":
        return cls([0.0] * count, [""] * count)

    def count(self, index: int, place: str) -> None:
        self.values[index] += 1
        self.places[index] = self.places[index] or place

    def raise_to(self, index: int, value: float, place: str) -> None:
        if value > self.values[index]:
            self.values[index], self.places[index] = value, place


@dataclass(slots=True)
class Index:
    """The texts looked for, and what was found of them so far."""

    prints: Fingerprints
    vectors: "NDArray[np.float32] | None"
    found: dict[str, Best] = field(init=False)
    _texts_of: dict[str, dict[str, list[int]]] = field(init=False)
    _bands: "dict[str, list[tuple[NDArray[np.uint64], NDArray[np.int64]]]]" = field(init=False)
    _grams: "NDArray[np.uint64]" = field(init=False)
    _seen: "NDArray[np.bool_]" = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.prints.exact)
        self.found = {name: Best.of(count) for name in (*_HASHES, TEXT.name, STRUCTURE.name, "embedding")}
        self._texts_of = {name: _by_value(getattr(self.prints, name)) for name in _HASHES}
        self._bands = {view.name: _sorted_bands(self.prints, view) for view in (TEXT, STRUCTURE)}
        self._grams = np.unique(np.concatenate([np.zeros(0, dtype=np.uint64), *self.prints.grams]))
        self._seen = np.zeros(len(self._grams), dtype=bool)

    def look(
        self, prints: Fingerprints, places: Sequence[str], vectors: "NDArray[np.float32] | None"
    ) -> None:
        """Compare texts of a corpus with all that is looked for."""
        for name in _HASHES:
            for value, place in zip(getattr(prints, name), places, strict=True):
                for index in self._texts_of[name].get(value, ()):
                    self.found[name].count(index, place)
        for view in (TEXT, STRUCTURE):
            for index, other, value in self._near(prints, view):
                self.found[view.name].raise_to(index, value, places[other])
        for grams in prints.grams:
            self._mark(grams)
        if vectors is not None and self.vectors is not None:
            self._compare(vectors, places)

    def leaks(self, rows: Sequence[tuple[str, str]], *, embedded: bool) -> Iterator[Leak]:
        """What was found of each text; `rows` are their rows' ids and sides."""
        exact, normalised, renamed, text, structure, embedding = self.found.values()
        for index, (row, side) in enumerate(rows):
            yield Leak(
                row,
                side,
                int(exact.values[index]),
                exact.places[index],
                int(normalised.values[index]),
                normalised.places[index],
                int(renamed.values[index]),
                renamed.places[index],
                text.values[index] or None,
                text.places[index],
                structure.values[index] or None,
                structure.places[index],
                self._share(index),
                embedding.values[index] if embedded else None,
                embedding.places[index],
            )

    def _near(self, prints: Fingerprints, view: View) -> Iterator[tuple[int, int, float]]:
        """Texts looked for, texts of the corpus, and how alike they are, where that is near."""
        own, other = self.prints.signatures[view.name], prints.signatures[view.name]
        found = [np.zeros(0, dtype=np.int64)]
        for (keys, order), theirs in zip(self._bands[view.name], band_keys(other), strict=True):
            start, end = np.searchsorted(keys, theirs, "left"), np.searchsorted(keys, theirs, "right")
            for at in np.nonzero(end > start)[0].tolist():
                found.append(order[start[at] : end[at]] * len(other) + at)
        ones, twos = np.divmod(np.unique(np.concatenate(found)), max(len(other), 1))
        alike = similarity(own[ones], other[twos])
        for at in np.nonzero(alike >= view.threshold)[0].tolist():
            mine, their = self.prints.rows[view.name][ones[at]], prints.rows[view.name][twos[at]]
            yield int(mine), int(their), float(alike[at])

    def _mark(self, grams: "NDArray[np.uint64]") -> None:
        at = np.searchsorted(self._grams, grams)
        inside = at < len(self._grams)
        hits = at[inside][self._grams[at[inside]] == grams[inside]]
        self._seen[hits] = True

    def _share(self, index: int) -> float:
        grams = self.prints.grams[index]
        return float(self._seen[np.searchsorted(self._grams, grams)].mean()) if len(grams) else 0.0

    def _compare(self, vectors: "NDArray[np.float32]", places: Sequence[str]) -> None:
        assert self.vectors is not None
        cosines = self.vectors @ vectors.T
        nearest = cosines.argmax(axis=1)
        for index, at in enumerate(nearest.tolist()):
            self.found["embedding"].raise_to(index, float(cosines[index, at]), places[at])


def unit_vectors(embed: Embedder, texts: Sequence[str]) -> "NDArray[np.float32]":
    """An embedder's vectors, scaled to length 1, so that a product is a cosine."""
    vectors = np.asarray(embed(texts), dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = vectors / np.maximum(lengths, np.float32(1e-12))
    return unit


def _by_value(values: Sequence[str | None]) -> dict[str, list[int]]:
    where: dict[str, list[int]] = {}
    for index, value in enumerate(values):
        if value is not None:
            where.setdefault(value, []).append(index)
    return where


def _sorted_bands(prints: Fingerprints, view: View) -> "list[tuple[NDArray[np.uint64], NDArray[np.int64]]]":
    bands = []
    for keys in band_keys(prints.signatures[view.name]):
        order = np.argsort(keys, kind="stable")
        bands.append((keys[order], order))
    return bands
