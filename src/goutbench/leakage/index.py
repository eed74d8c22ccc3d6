"""An index of the texts of a dataset, against which corpora of any size are streamed."""

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
    """For each text of the dataset a count or best value, with the location of the first or best match."""

    values: list[float]
    locations: list[str]

    @classmethod
    def of(cls, count: int) -> "Best":
        return cls([0.0] * count, [""] * count)

    def count(self, index: int, location: str) -> None:
        self.values[index] += 1
        self.locations[index] = self.locations[index] or location

    def raise_to(self, index: int, value: float, location: str) -> None:
        if value > self.values[index]:
            self.values[index], self.locations[index] = value, location


@dataclass(slots=True)
class Index:
    """The texts of the dataset, and their best matches in the corpora so far."""

    prints: Fingerprints
    vectors: "NDArray[np.float32] | None"
    matches: dict[str, Best] = field(init=False)
    _texts_of: dict[str, dict[str, list[int]]] = field(init=False)
    _bands: "dict[str, list[tuple[NDArray[np.uint64], NDArray[np.int64]]]]" = field(init=False)
    _grams: "NDArray[np.uint64]" = field(init=False)
    _seen: "NDArray[np.bool_]" = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.prints.exact)
        self.matches = {name: Best.of(count) for name in (*_HASHES, TEXT.name, STRUCTURE.name, "embedding")}
        self._texts_of = {name: _by_value(getattr(self.prints, name)) for name in _HASHES}
        self._bands = {view.name: _sorted_bands(self.prints, view) for view in (TEXT, STRUCTURE)}
        self._grams = np.unique(np.concatenate([np.zeros(0, dtype=np.uint64), *self.prints.grams]))
        self._seen = np.zeros(len(self._grams), dtype=bool)

    def search(
        self, prints: Fingerprints, locations: Sequence[str], vectors: "NDArray[np.float32] | None"
    ) -> None:
        """Compare texts of a corpus with all texts of the dataset."""
        for name in _HASHES:
            for value, location in zip(getattr(prints, name), locations, strict=True):
                for index in self._texts_of[name].get(value, ()):
                    self.matches[name].count(index, location)
        for view in (TEXT, STRUCTURE):
            for index, match, value in self._near(prints, view):
                self.matches[view.name].raise_to(index, value, locations[match])
        for grams in prints.grams:
            at = np.searchsorted(self._grams, grams)
            inside = at < len(self._grams)
            hits = at[inside][self._grams[at[inside]] == grams[inside]]
            self._seen[hits] = True
        if vectors is not None and self.vectors is not None:
            cosines = self.vectors @ vectors.T
            for index, at in enumerate(cosines.argmax(axis=1).tolist()):
                self.matches["embedding"].raise_to(index, float(cosines[index, at]), locations[at])

    def leaks(self, rows: Sequence[tuple[str, str]], *, embedded: bool) -> Iterator[Leak]:
        """The matches of each text; `rows` are the ids and sides of the texts."""
        exact, normalised, renamed, text, structure, embedding = self.matches.values()
        for index, (row, side) in enumerate(rows):
            grams = self.prints.grams[index]
            yield Leak(
                row,
                side,
                int(exact.values[index]),
                exact.locations[index],
                int(normalised.values[index]),
                normalised.locations[index],
                int(renamed.values[index]),
                renamed.locations[index],
                text.values[index] or None,
                text.locations[index],
                structure.values[index] or None,
                structure.locations[index],
                float(self._seen[np.searchsorted(self._grams, grams)].mean()) if len(grams) else 0.0,
                embedding.values[index] if embedded else None,
                embedding.locations[index],
            )

    def _near(self, prints: Fingerprints, view: View) -> Iterator[tuple[int, int, float]]:
        """Near-duplicates: the index of our text, the index of the corpus text, and their similarity."""
        own, theirs = self.prints.signatures[view.name], prints.signatures[view.name]
        candidates = [np.zeros(0, dtype=np.int64)]
        for (keys, order), their_keys in zip(self._bands[view.name], band_keys(theirs), strict=True):
            start = np.searchsorted(keys, their_keys, "left")
            end = np.searchsorted(keys, their_keys, "right")
            for at in np.nonzero(end > start)[0].tolist():
                candidates.append(order[start[at] : end[at]] * len(theirs) + at)
        ones, twos = np.divmod(np.unique(np.concatenate(candidates)), max(len(theirs), 1))
        similarities = similarity(own[ones], theirs[twos])
        for at in np.nonzero(similarities >= view.threshold)[0].tolist():
            index, match = self.prints.rows[view.name][ones[at]], prints.rows[view.name][twos[at]]
            yield int(index), int(match), float(similarities[at])


def unit_vectors(embed: Embedder, texts: Sequence[str]) -> "NDArray[np.float32]":
    """An embedder's vectors, scaled to length 1: their products are cosines."""
    vectors = np.asarray(embed(texts), dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = vectors / np.maximum(lengths, np.float32(1e-12))
    return unit


def _by_value(values: Sequence[str | None]) -> dict[str, list[int]]:
    indices: dict[str, list[int]] = {}
    for index, value in enumerate(values):
        if value is not None:
            indices.setdefault(value, []).append(index)
    return indices


def _sorted_bands(prints: Fingerprints, view: View) -> "list[tuple[NDArray[np.uint64], NDArray[np.int64]]]":
    bands = []
    for keys in band_keys(prints.signatures[view.name]):
        order = np.argsort(keys, kind="stable")
        bands.append((keys[order], order))
    return bands
