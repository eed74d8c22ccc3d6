"""The whole stage: from a dataset's pairs to split tables, their proof, and named configs of the dataset."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goutbench.dataset.card import Config, write_configs
from goutbench.dataset.store import (
    CARD,
    extend_manifest,
    from_table,
    read_pairs,
    read_table,
    to_table,
    write_table,
)
from goutbench.dedup import Fingerprints, Neighbours, compared, grouped
from goutbench.errors import DatasetError
from goutbench.records import Overlap, Pair, SplitAssignment
from goutbench.split.balance import Balance, weights
from goutbench.split.proof import broken, prove
from goutbench.split.quotas import SPLITS
from goutbench.split.schemes import Choice, Row, scheme_named

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "splits"


@dataclass(frozen=True, slots=True)
class Split:
    """A finished split: an assignment for each pair in the dataset's order, and its proof."""

    assignments: tuple[SplitAssignment, ...]
    proof: tuple[Overlap, ...]

    def sizes(self) -> dict[str, int]:
        """Rows in each split."""
        counts = Counter(each.split for each in self.assignments)
        return {name: counts[name] for name in SPLITS}

    def group_sizes(self) -> dict[int, int]:
        """How many groups there are of each size, the smallest first."""
        sizes = {each.group: each.group_size for each in self.assignments}
        return dict(sorted(Counter(sizes.values()).items()))


@dataclass(frozen=True, slots=True)
class Looked:
    """The pairs of a dataset as splitting sees them, with what was found by looking at their texts."""

    rows: tuple[Row, ...]
    code: tuple[Fingerprints, tuple[Neighbours, ...]]
    test: tuple[Fingerprints, tuple[Neighbours, ...]]


def look(pairs: Sequence[Pair], *, workers: int = 1) -> Looked:
    """Fingerprint the pairs and group them by what is alike in their code or their tests."""
    sides = compared([pair.code for pair in pairs], [pair.test for pair in pairs], workers=workers)
    rows = tuple(
        Row(p.id, p.repository, p.domain, p.code_path, p.test_path, p.code_first_date, group)
        for p, group in zip(pairs, grouped(sides), strict=True)
    )
    return Looked(rows, *sides)


def make(looked: Looked, scheme: str, choice: Choice, balance: Balance) -> Split:
    """Assign every pair to a split, and prove what the splits have in common. Raises ConfigError."""
    rows = looked.rows
    splits = scheme_named(scheme).assign(rows, choice)
    heavy = weights(rows, splits, balance, seed=choice.seed)
    size = Counter(row.group for row in rows)
    assignments = tuple(
        SplitAssignment(row.id, scheme, split, rows[row.group].id, size[row.group], weight)
        for row, split, weight in zip(rows, splits, heavy, strict=True)
    )
    return Split(assignments, tuple(prove(scheme, rows, splits, looked.code, looked.test)))


def split(dataset: Path, scheme: str, choice: Choice, balance: Balance, *, workers: int = 1) -> Split:
    """Split a dataset; write tables, configs and manifest. Raises ConfigError, DatasetError, StorageError."""
    scheme_named(scheme)
    pairs = list(read_pairs(dataset))
    if not pairs:
        raise DatasetError("there is no pair in it", where=str(dataset), hint="curate more repositories")
    made = make(look(pairs, workers=workers), scheme, choice, balance)
    if wrong := broken(made.proof):
        raise AssertionError(f"the scheme {scheme} breaks its promise: {wrong}")
    _write(dataset, scheme, pairs, made, _facts(made, scheme, choice, balance))
    return made


def check(dataset: Path, scheme: str, *, workers: int = 1) -> Split:
    """A split as its files say, with the proof made anew from the texts. Raises DatasetError."""
    assignments = tuple(from_table(read_table(dataset / table_name(scheme)), SplitAssignment))
    pairs = list(read_pairs(dataset))
    if [each.pair_id for each in assignments] != [pair.id for pair in pairs]:
        hint = "run the same `goutbench split` command again"
        raise DatasetError("not a split of these pairs", where=str(dataset / table_name(scheme)), hint=hint)
    looked = look(pairs, workers=workers)
    splits = [each.split for each in assignments]
    return Split(assignments, tuple(prove(scheme, looked.rows, splits, looked.code, looked.test)))


def table_name(scheme: str) -> str:
    """Where a scheme's assignments lie in a dataset."""
    return f"{FOLDER}/{scheme}.parquet"


def _facts(made: Split, scheme: str, choice: Choice, balance: Balance) -> dict[str, Any]:
    facts: dict[str, Any] = {"seed": choice.seed, "sizes": made.sizes(), "group_sizes": made.group_sizes()}
    if choice.after is not None:
        facts["after"] = choice.after.isoformat()
    if choice.hold_out:
        facts["hold_out"] = list(choice.hold_out)
    if balance.by:
        facts["balance"] = {"by": balance.by, "power": balance.power, "cap": balance.cap}
    return facts


def _write(dataset: Path, scheme: str, pairs: Sequence[Pair], made: Split, facts: dict[str, Any]) -> None:
    """The tables first, then what names them: the card, and the manifest last."""
    table, proof = table_name(scheme), f"{FOLDER}/{scheme}.proof.parquet"
    tables = {table: to_table(made.assignments, SplitAssignment), proof: to_table(made.proof, Overlap)}
    files = {name: f"{FOLDER}/{scheme}.{name}.parquet" for name in SPLITS}
    empty = {name for name, size in made.sizes().items() if not size}  # readers stumble over such files
    for name in sorted(files.keys() - empty):
        chosen = [both for both in zip(pairs, made.assignments, strict=True) if both[1].split == name]
        tables[files[name]] = _rows(chosen)
    for name, content in tables.items():
        write_table(content, dataset / name)
    for name in empty:
        (dataset / files[name]).unlink(missing_ok=True)
    split_files = {name: files[name] for name in SPLITS if name not in empty}
    write_configs(dataset, [Config(scheme, split_files), Config(f"{scheme}-proof", {"train": proof})])
    gone = [files[name] for name in empty]
    extend_manifest(dataset, [*tables, CARD], {"splits": {scheme: facts}}, gone=gone)


def _rows(chosen: Sequence[tuple[Pair, SplitAssignment]]) -> "pa.Table":
    """Pairs with the columns that training needs of their assignments."""
    import pyarrow as pa

    table = to_table([pair for pair, _ in chosen], Pair)
    for name, kind in (("group", pa.string()), ("weight", pa.float64())):
        column = pa.array([getattr(each, name) for _, each in chosen], type=kind)
        table = table.append_column(pa.field(name, kind, nullable=False), column)
    return table
