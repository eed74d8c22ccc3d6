"""The stage: writes split tables, their proof, and the configurations of the dataset that name them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goutbench.console import OnStep, silent
from goutbench.dataset.card import DatasetConfig, write_configs
from goutbench.dataset.store import (
    CARD,
    extend_manifest,
    from_table,
    read_pairs,
    read_table,
    to_table,
    write_table,
)
from goutbench.dedup.near import Neighbours, compare_sides, group_rows
from goutbench.dedup.sketch import Fingerprints
from goutbench.errors import DatasetError
from goutbench.locations import SPLIT_FOLDER
from goutbench.records import Overlap, Pair, SplitAssignment
from goutbench.split.balance import Balance, weights
from goutbench.split.proof import broken_promises, prove
from goutbench.split.quotas import SPLITS
from goutbench.split.schemes import SplitOptions, SplitRow, scheme_named

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Split:
    """A finished split: an assignment for each pair in the dataset's order, and its proof."""

    assignments: tuple[SplitAssignment, ...]
    proof: tuple[Overlap, ...]

    def sizes(self) -> dict[str, int]:
        """The number of rows in each split."""
        counts = Counter(assignment.split for assignment in self.assignments)
        return {name: counts[name] for name in SPLITS}

    def group_sizes(self) -> dict[int, int]:
        """The number of leak groups of each size, the smallest first."""
        sizes = {assignment.group: assignment.group_size for assignment in self.assignments}
        return dict(sorted(Counter(sizes.values()).items()))


@dataclass(frozen=True, slots=True)
class FingerprintedPairs:
    """The pairs of a dataset with the fingerprints and near-duplicates of their code and tests."""

    rows: tuple[SplitRow, ...]
    code: tuple[Fingerprints, tuple[Neighbours, ...]]
    test: tuple[Fingerprints, tuple[Neighbours, ...]]


def fingerprint_pairs(
    pairs: Sequence[Pair], *, workers: int = 1, runner: str | None = None
) -> FingerprintedPairs:
    """Fingerprint the pairs, and group those with similar code or similar tests.

    `runner` is that of `parallel.map_items`.
    """
    codes, tests = [pair.code for pair in pairs], [pair.test for pair in pairs]
    sides = compare_sides(codes, tests, workers=workers, runner=runner)
    rows = tuple(
        SplitRow(p.id, p.repository, p.domain, p.code_path, p.test_path, p.code_first_date, group)
        for p, group in zip(pairs, group_rows(sides), strict=True)
    )
    return FingerprintedPairs(rows, *sides)


def make_split(pairs: FingerprintedPairs, scheme: str, options: SplitOptions, balance: Balance) -> Split:
    """Assign every pair to a split, and count what the splits have in common. Raises ConfigError."""
    rows = pairs.rows
    splits = scheme_named(scheme).assign(rows, options)
    row_weights = weights(rows, splits, balance, seed=options.seed)
    size = Counter(row.group for row in rows)
    assignments = tuple(
        SplitAssignment(row.id, scheme, split, rows[row.group].id, size[row.group], weight)
        for row, split, weight in zip(rows, splits, row_weights, strict=True)
    )
    return Split(assignments, tuple(prove(scheme, rows, splits, pairs.code, pairs.test)))


def split(
    dataset: Path,
    scheme: str,
    options: SplitOptions,
    balance: Balance,
    *,
    workers: int = 1,
    runner: str | None = None,
    on_step: OnStep = silent,
) -> Split:
    """Split a dataset; write tables, card and manifest. Raises ConfigError, DatasetError, StorageError.

    `runner` is that of `parallel.map_items`. `on_step` gets a text for each part of the work as it begins.
    """
    scheme_named(scheme)
    pairs = list(read_pairs(dataset))
    if not pairs:
        raise DatasetError("the dataset has no pairs", where=str(dataset), hint="curate more repositories")
    on_step(f"comparing {len(pairs):,} pairs")
    result = make_split(fingerprint_pairs(pairs, workers=workers, runner=runner), scheme, options, balance)
    if broken := broken_promises(result.proof):
        raise AssertionError(f"the scheme {scheme} breaks its promise: {broken}")
    facts: dict[str, Any] = {
        "seed": options.seed,
        "sizes": result.sizes(),
        "group_sizes": result.group_sizes(),
    }
    if options.after is not None:
        facts["after"] = options.after.isoformat()
    if options.hold_out:
        facts["hold_out"] = list(options.hold_out)
    if balance.by:
        facts["balance"] = {"by": balance.by, "power": balance.power, "cap": balance.cap}
    on_step("writing the split")
    _write(dataset, scheme, pairs, result, facts)
    return result


def check(dataset: Path, scheme: str, *, workers: int = 1, runner: str | None = None) -> Split:
    """The split in a dataset's files, with a new proof from the texts. Raises DatasetError."""
    # whatever the manifest lists, the proof decides about the table that is there
    table = read_table(dataset / table_name(scheme), check_hash=False)
    assignments = tuple(from_table(table, SplitAssignment))
    pairs = list(read_pairs(dataset))
    if [assignment.pair_id for assignment in assignments] != [pair.id for pair in pairs]:
        hint = "run the same `goutbench split` command again"
        raise DatasetError(
            "not a split of the pairs in this dataset", where=str(dataset / table_name(scheme)), hint=hint
        )
    prints = fingerprint_pairs(pairs, workers=workers, runner=runner)
    splits = [assignment.split for assignment in assignments]
    return Split(assignments, tuple(prove(scheme, prints.rows, splits, prints.code, prints.test)))


def table_name(scheme: str) -> str:
    """The file of a scheme's assignments in a dataset."""
    return f"{SPLIT_FOLDER}/{scheme}.parquet"


def _write(dataset: Path, scheme: str, pairs: Sequence[Pair], result: Split, facts: dict[str, Any]) -> None:
    """Write the tables, then the card that names them, and the manifest last."""
    table, proof = table_name(scheme), f"{SPLIT_FOLDER}/{scheme}.proof.parquet"
    tables = {table: to_table(result.assignments, SplitAssignment), proof: to_table(result.proof, Overlap)}
    files = {name: f"{SPLIT_FOLDER}/{scheme}.{name}.parquet" for name in SPLITS}
    empty = {name for name, size in result.sizes().items() if not size}  # readers fail on empty files
    for name in sorted(files.keys() - empty):
        assigned = zip(pairs, result.assignments, strict=True)
        tables[files[name]] = _rows([row for row in assigned if row[1].split == name])
    for name, content in tables.items():
        write_table(content, dataset / name)
    for name in empty:
        (dataset / files[name]).unlink(missing_ok=True)
    split_files = {name: files[name] for name in SPLITS if name not in empty}
    write_configs(
        dataset, [DatasetConfig(scheme, split_files), DatasetConfig(f"{scheme}-proof", {"train": proof})]
    )
    removed = [files[name] for name in empty]
    extend_manifest(dataset, [*tables, CARD], {"splits": {scheme: facts}}, removed=removed)


def _rows(assigned: Sequence[tuple[Pair, SplitAssignment]]) -> "pa.Table":
    """Pairs with the columns of their assignments that training uses."""
    import pyarrow as pa

    table = to_table([pair for pair, _ in assigned], Pair)
    for name, kind in (("group", pa.string()), ("weight", pa.float64())):
        column = pa.array([getattr(assignment, name) for _, assignment in assigned], type=kind)
        table = table.append_column(pa.field(name, kind, nullable=False), column)
    return table
