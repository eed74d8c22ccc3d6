"""Fingerprints of texts: three hashes and two MinHash signatures each, computed in worker processes."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from goutbench.dedup.views import Views, views
from goutbench.parallel import map_items

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Signatures = NDArray[np.uint32]

SLOTS = 256  # slots of a signature: the standard error of a similarity of 0.8 is 0.025
SEED = 42
_BATCH_BYTES = 2_000_000


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
    def concatenate(cls, parts: "Mapping[int, Fingerprints]") -> "Fingerprints":
        """The fingerprints of all texts from those of parts, by the index of the first text of each."""
        ordered = [parts[start] for start in sorted(parts)]
        names = (TEXT.name, STRUCTURE.name)
        return cls(
            exact=tuple(value for part in ordered for value in part.exact),
            normalised=tuple(value for part in ordered for value in part.normalised),
            renamed=tuple(value for part in ordered for value in part.renamed),
            tokens=tuple(value for part in ordered for value in part.tokens),
            rows={
                name: np.concatenate([parts[start].rows[name] + start for start in sorted(parts)])
                for name in names
            },
            signatures={name: np.concatenate([part.signatures[name] for part in ordered]) for name in names},
            grams=tuple(value for part in ordered for value in part.grams),
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    start: int
    texts: tuple[str, ...]
    gram: int

    @classmethod
    def split(cls, texts: Sequence[str], gram: int) -> "Iterator[_Batch]":
        """Batches of about the same number of characters."""
        start = size = 0
        for index, text in enumerate(texts):
            size += len(text)
            if size >= _BATCH_BYTES:
                yield cls(start, tuple(texts[start : index + 1]), gram)
                start, size = index + 1, 0
        yield cls(start, tuple(texts[start:]), gram)


def fingerprint(texts: Sequence[str], *, workers: int = 1, gram: int = 0) -> Fingerprints:
    """The fingerprints of texts, the same on every machine and for any number of workers.

    With `gram`, they include the distinct runs of so many tokens, in eight bytes each.
    """
    batches = list(_Batch.split(texts, gram))
    prints = dict(map_items(_sketch, batches, workers=workers))
    return Fingerprints.concatenate(prints)


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
    """A MinHash signature of each set: the share of equal slots estimates the Jaccard similarity."""
    from rensa import RMinHash

    if not sets:
        return np.zeros((0, SLOTS), dtype=np.uint32)
    ends = np.cumsum([0, *(len(items) for items in sets)], dtype=np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(np.concatenate(sets), ends, SLOTS, SEED)
    return np.array(matrix.to_rows(), dtype=np.uint32)
