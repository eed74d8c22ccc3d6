"""The stage: compares the texts of a dataset with those of other corpora."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path

from goutbench.dataset.store import read_schema, to_table, write_table
from goutbench.dedup.sketch import fingerprint
from goutbench.embeddings import Embedder
from goutbench.errors import ConfigError
from goutbench.leakage.corpus import CorpusRow, read_rows
from goutbench.leakage.index import GRAM, Index, unit_vectors
from goutbench.records import CorpusFile, Leak

MANY_GRAMS = 0.5  # from this share of 13-grams on a text overlaps: much Go code is alike
_ROWS_AT_ONCE = 4_000


@dataclass(frozen=True, slots=True)
class Leakage:
    """The compared files, and the matches of each text of the dataset."""

    files: tuple[CorpusFile, ...]
    leaks: tuple[Leak, ...]

    def summary(self) -> dict[str, int]:
        """The number of rows of the dataset with code or test in the corpora, by measure."""
        tests: dict[str, Callable[[Leak], object]] = {
            "exact": lambda leak: leak.exact,
            "normalised": lambda leak: leak.normalised,
            "renamed": lambda leak: leak.renamed,
            "near-duplicate": lambda leak: leak.alike or leak.alike_renamed,
            f"{GRAM}-grams, half or more": lambda leak: leak.grams_shared >= MANY_GRAMS,
        }
        leaked = {name: {leak.row for leak in self.leaks if test(leak)} for name, test in tests.items()}
        sizes = {name: len(rows) for name, rows in leaked.items()}
        return sizes | {"any of these": len(set().union(*leaked.values()))}


def leakage(
    dataset: Path,
    against: Sequence[Path],
    *,
    columns: Sequence[str] = (),
    embed: Embedder | None = None,
    workers: int = 1,
) -> Leakage:
    """Compare a dataset, or any other corpus, with corpora. Those are read in parts.

    Raises ConfigError, DatasetError.
    """
    if not against:
        raise ConfigError(
            "nothing to compare with", where="--against", hint="give a corpus, folder or dataset"
        )
    own = list(read_rows([dataset], columns))
    texts = [text for row in own for _, text in row.texts]
    prints = fingerprint(texts, workers=workers, gram=GRAM)
    index = Index(prints, unit_vectors(embed, texts) if embed else None)
    census = _Census()
    corpus = census.counting(read_rows(against, columns))
    while rows := list(islice(corpus, _ROWS_AT_ONCE)):
        pieces = [(row.location, text) for row in rows for _, text in row.texts]
        content = [text for _, text in pieces]
        vectors = unit_vectors(embed, content) if embed else None
        content_prints = fingerprint(content, workers=workers, gram=GRAM)
        index.search(content_prints, [location for location, _ in pieces], vectors)
    sides = [(row.id, side) for row in own for side, _ in row.texts]
    files = (*_Census(own).files("dataset"), *census.files("against"))
    return Leakage(files, tuple(index.leaks(sides, embedded=embed is not None)))


def write_leaks(result: Leakage, path: Path) -> None:
    """Write a Parquet file with a row for each text. Raises ConfigError for a file of another kind."""
    columns = [field.name for field in fields(Leak)]
    if path.exists() and (path.is_dir() or read_schema(path).names != columns):
        what = "this file is not a table of `goutbench leakage`, and is not replaced"
        raise ConfigError(what, where=f"--out {path}", hint="give another --out")
    write_table(to_table(result.leaks, Leak), path)


class _Census:
    """Counts the rows and distinct hashes of files while they are read, and rows that several files have."""

    def __init__(self, rows: Iterable[CorpusRow] = ()) -> None:
        self._rows: dict[str, Counter[str]] = {}
        for _ in self.counting(rows):
            pass

    def counting(self, rows: Iterable[CorpusRow]) -> Iterator[CorpusRow]:
        for row in rows:
            self._rows.setdefault(row.file, Counter())[row.hash] += 1
            yield row

    def files(self, role: str) -> list[CorpusFile]:
        files = [
            CorpusFile(file, role, hashes.total(), len(hashes), self._shared_rows(file))
            for file, hashes in self._rows.items()
        ]
        if len(files) > 1:
            distinct = len(set().union(*self._rows.values()))
            files.append(CorpusFile("all", role, sum(item.rows for item in files), distinct, ""))
        return files

    def _shared_rows(self, file: str) -> str:
        shared = {
            second: sum(count for value, count in self._rows[file].items() if value in hashes)
            for second, hashes in self._rows.items()
            if second != file
        }
        return ", ".join(f"{Path(second).name} {count:,}" for second, count in shared.items() if count)
