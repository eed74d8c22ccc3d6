"""The whole stage: is what we hold out, or train on, already in other corpora?"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from goutbench.dataset.store import to_table, write_table
from goutbench.dedup import fingerprint
from goutbench.embeddings import Embedder
from goutbench.errors import ConfigError
from goutbench.leakage.corpus import Row, read_rows
from goutbench.leakage.index import GRAM, Index, unit_vectors
from goutbench.records import CorpusFile, Leak

MANY_GRAMS = 0.5  # the share of 13-grams from which a text counts as overlapping: Go repeats itself a lot
_ROWS_AT_ONCE = 4_000


@dataclass(frozen=True, slots=True)
class Leakage:
    """What was compared, and what was found for each text of the dataset."""

    files: tuple[CorpusFile, ...]
    leaks: tuple[Leak, ...]

    def summary(self) -> dict[str, int]:
        """Rows of the dataset that are found in the corpora, by measure, in code or test."""
        tests: dict[str, Callable[[Leak], object]] = {
            "exact": lambda leak: leak.exact,
            "normalised": lambda leak: leak.normalised,
            "renamed": lambda leak: leak.renamed,
            "near-duplicate": lambda leak: leak.alike or leak.alike_renamed,
            f"{GRAM}-grams, half or more": lambda leak: leak.grams_found >= MANY_GRAMS,
        }
        found = {name: {leak.row for leak in self.leaks if test(leak)} for name, test in tests.items()}
        sizes = {name: len(rows) for name, rows in found.items()}
        return sizes | {"any of these": len(set().union(*found.values()))}


def leakage(
    dataset: Path,
    against: Sequence[Path],
    *,
    columns: Sequence[str] = (),
    embed: Embedder | None = None,
    workers: int = 1,
) -> Leakage:
    """Compare a dataset, or any other corpus, with corpora, which are read a part at a time.

    Raises ConfigError, DatasetError.
    """
    if not against:
        raise ConfigError("nothing to compare with", where="--against", hint="a corpus, folder or dataset")
    own = list(read_rows([dataset], columns))
    texts = [text for row in own for _, text in row.texts]
    prints = fingerprint(texts, workers=workers, gram=GRAM)
    index = Index(prints, unit_vectors(embed, texts) if embed else None)
    census = _Census()
    for rows in _parts(census.counting(read_rows(against, columns))):
        pieces = [(row.place, text) for row in rows for _, text in row.texts]
        content = [text for _, text in pieces]
        vectors = unit_vectors(embed, content) if embed else None
        seen = fingerprint(content, workers=workers, gram=GRAM)
        index.look(seen, [place for place, _ in pieces], vectors)
    sides = [(row.id, side) for row in own for side, _ in row.texts]
    files = (*_Census(own).files("dataset"), *census.files("against"))
    return Leakage(files, tuple(index.leaks(sides, embedded=embed is not None)))


def write_leaks(found: Leakage, path: Path) -> None:
    """Write a row for each text as Parquet."""
    write_table(to_table(found.leaks, Leak), path)


class _Census:
    """Counts rows and distinct hashes of files while they pass, and rows that stand in more than one."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._rows: dict[str, Counter[str]] = {}
        for _ in self.counting(rows):
            pass

    def counting(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self._rows.setdefault(row.file, Counter())[row.hash] += 1
            yield row

    def files(self, role: str) -> list[CorpusFile]:
        found = [
            CorpusFile(file, role, hashes.total(), len(hashes), self._again(file))
            for file, hashes in self._rows.items()
        ]
        if len(found) > 1:
            distinct = len(set().union(*self._rows.values()))
            found.append(CorpusFile("all", role, sum(each.rows for each in found), distinct, ""))
        return found

    def _again(self, file: str) -> str:
        shared = {
            other: sum(count for value, count in self._rows[file].items() if value in hashes)
            for other, hashes in self._rows.items()
            if other != file
        }
        return ", ".join(f"{Path(other).name} {count:,}" for other, count in shared.items() if count)


def _parts(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while part := list(islice(rows, _ROWS_AT_ONCE)):
        yield part
