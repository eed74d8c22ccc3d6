"""Fingerprints of texts: three hashes and two MinHash signatures each, computed in worker processes."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from goutbench.dedup.views import Views, views
from goutbench.parallel import map_items

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Signatures = NDArray[np.uint16]

SLOTS = 256  # slots of a signature: the standard error of a similarity of 0.8 is 0.025
SEED = 42
_BATCH_BYTES = 2_000_000
_BATCH_TEXTS = 2_000


@dataclass(frozen=True, slots=True)
class View:
    """How texts are compared in a view: tokens per shingle, tokens of the shortest text, least similarity."""

    name: str
    shingle: int
    fewest: int
    threshold: float


TEXT = View("text", shingle=5, fewest=30, threshold=0.7)
STRUCTURE = View("structure", shingle=16, fewest=40, threshold=0.65)


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """The hashes, numbers of tokens and signatures of texts. A text too short for a view has none in it.

    `exact` is the SHA-256 of the bytes. `normalised` is a hash of the tokens without comments, imports and
    package clause (None: no token). `renamed` is one that does not depend on names, either (None: too few
    tokens). For each view, `rows` has the index of the text of each signature. `grams` are the distinct runs
    of the requested number of tokens, if any.
    """

    exact: tuple[str, ...]
    normalised: tuple[str | None, ...]
    renamed: tuple[str | None, ...]
    tokens: tuple[int, ...]
    rows: "dict[str, NDArray[np.int64]]"
    signatures: "dict[str, Signatures]"
    grams: "tuple[NDArray[np.uint64], ...]" = ()

    @classmethod
    def concatenate(cls, parts: "Iterable[tuple[int, Fingerprints]]") -> "Fingerprints":
        """The fingerprints of all texts from those of parts, which come in any order.

        Each part has the index of its first text. Memory: that of all fingerprints, and a few parts.
        """
        exact, tokens = list[str](), list[int]()
        normalised, renamed = list[str | None](), list[str | None]()
        grams: list[NDArray[np.uint64]] = []
        rows = {view.name: GrowingArray(np.dtype(np.int64)) for view in (TEXT, STRUCTURE)}
        signatures = {view.name: GrowingArray(np.dtype(np.uint16), SLOTS) for view in (TEXT, STRUCTURE)}
        early: dict[int, Fingerprints] = {}
        for start, arrived in parts:
            early[start] = arrived
            while (part := early.pop(len(exact), None)) is not None and part.exact:
                for name, column in rows.items():
                    column.extend(part.rows[name] + len(exact))
                    signatures[name].extend(part.signatures[name])
                exact += part.exact
                normalised += part.normalised
                renamed += part.renamed
                tokens += part.tokens
                grams += part.grams
        return cls(
            tuple(exact), tuple(normalised), tuple(renamed), tuple(tokens),
            {name: column.values() for name, column in rows.items()},
            {name: column.values() for name, column in signatures.items()},
            tuple(grams),
        )  # fmt: skip


class GrowingArray:
    """Rows of an array that grows in place: a copy of the signatures of a million texts would not fit."""

    def __init__(self, dtype: "np.dtype[Any]", width: int = 0) -> None:
        self._array: NDArray[Any] = np.zeros((0, width) if width else 0, dtype=dtype)
        self._count = 0

    def extend(self, more: "NDArray[Any]") -> None:
        """Add rows at the end."""
        end = self._count + len(more)
        if end > len(self._array):
            self._resize(max(end, len(self._array) * 5 // 4))
        self._array[self._count : end] = more
        self._count = end

    def values(self) -> "NDArray[Any]":
        """All rows; none can be added any more."""
        self._resize(self._count)
        return self._array

    def _resize(self, count: int) -> None:
        # nobody else has the array, so the check that nobody has is off: it fails under a debugger
        self._array.resize((count, *self._array.shape[1:]), refcheck=False)


@dataclass(frozen=True, slots=True)
class _Batch:
    start: int
    texts: tuple[str, ...]
    gram: int

    @classmethod
    def split(cls, texts: Iterable[str], gram: int) -> "Iterator[_Batch]":
        """Batches of about the same number of characters, and of not too many texts."""
        start, size, batch = 0, 0, list[str]()
        for text in texts:
            batch.append(text)
            size += len(text)
            if size >= _BATCH_BYTES or len(batch) >= _BATCH_TEXTS:
                yield cls(start, tuple(batch), gram)
                start, size, batch = start + len(batch), 0, []
        if batch:
            yield cls(start, tuple(batch), gram)


def fingerprint(
    texts: Iterable[str], *, workers: int = 1, gram: int = 0, runner: str | None = None
) -> Fingerprints:
    """The fingerprints of texts, the same on every machine and for any number of workers.

    Texts are taken as workers need them. With `gram`, the fingerprints include the distinct runs of so many
    tokens, in eight bytes each. `runner` is that of `parallel.map_items`.
    """
    batches = _Batch.split(texts, gram)
    first = list(islice(batches, max(workers, 2)))
    few = len(first) < max(workers, 2)  # a worker for each is enough
    items = first if few else chain(first, batches)
    return Fingerprints.concatenate(map_items(_sketch, items, workers=workers, runner=runner))


def _sketch(batch: _Batch) -> tuple[int, Fingerprints]:
    sources = [text.encode("utf-8", "surrogatepass") for text in batch.texts]
    all_views = [views(source) for source in sources]
    rows: dict[str, NDArray[np.int64]] = {}
    signatures: dict[str, Signatures] = {}
    for view in (TEXT, STRUCTURE):
        long_enough = [index for index, both in enumerate(all_views) if len(both.text) >= view.fewest]
        rows[view.name] = np.array(long_enough, dtype=np.int64)
        signatures[view.name] = sign([shingles(all_views[index], view) for index in long_enough])
    return batch.start, Fingerprints(
        exact=tuple(hashlib.sha256(source).hexdigest() for source in sources),
        normalised=tuple(both.hash_of_text() for both in all_views),
        renamed=tuple(
            both.hash_of_structure() if len(both.text) >= TEXT.fewest else None for both in all_views
        ),
        tokens=tuple(len(both.text) for both in all_views),
        rows=rows,
        signatures=signatures,
        grams=tuple(np.unique(both.shingles_of_text(batch.gram)) for both in all_views) if batch.gram else (),
    )


def shingles(both: Views, view: View) -> "NDArray[np.uint64]":
    """The distinct shingles of a text in a view."""
    in_order = both.shingles_of_text if view is TEXT else both.shingles_of_structure
    return np.unique(in_order(view.shingle))


def sign(sets: "Sequence[NDArray[np.uint64]]") -> "Signatures":
    """A MinHash signature of each set: the share of equal slots estimates the Jaccard similarity.

    A slot has the lowest 16 bits of the smallest hash: two that differ are equal in 1 of 65,536 (b-bit
    MinHash, Li and König, 2010).
    """
    from rensa import RMinHash

    if not sets:
        return np.zeros((0, SLOTS), dtype=np.uint16)
    ends = np.cumsum([0, *(len(items) for items in sets)], dtype=np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(np.concatenate(sets), ends, SLOTS, SEED)
    return np.array(matrix.to_rows(), dtype=np.uint32).astype(np.uint16)
