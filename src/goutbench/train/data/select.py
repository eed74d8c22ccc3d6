"""Selects pairs of a split by a DuckDB expression over their columns and the tables beside the dataset."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from goutbench.dataset.store import read_table
from goutbench.errors import ConfigError, DatasetError, first_line
from goutbench.locations import REFERENCE_TABLE, SIGNALS, SPLIT_FOLDER

if TYPE_CHECKING:
    import pyarrow as pa

BESIDE = (REFERENCE_TABLE, SIGNALS)
"""Tables beside the dataset's data, one row per pair by `id`; `execute --reference` writes the first."""

_SHORT = {
    "coverage": "reference_coverage",
    "branch_coverage": "reference_branch_coverage",
    "mutation_score": "reference_mutation_score",
}


def split_table(dataset: Path, scheme: str, split: str) -> "pa.Table":
    """The pairs of one split with all their columns. Raises DatasetError if the split does not exist."""
    path = dataset / SPLIT_FOLDER / f"{scheme}.{split}.parquet"
    if not path.is_file():
        hint = f"run {shlex.join(['goutbench', 'split', str(dataset), '--scheme', scheme])}"
        if any((dataset / SPLIT_FOLDER).glob(f"{scheme}.*.parquet")):
            hint = "the split was made and this part is empty: it needs a dataset of more repositories"
        raise DatasetError(f"no {split} split of scheme {scheme!r}", where=str(dataset), hint=hint)
    table = read_table(path)
    order = table.column("id")
    for name in BESIDE:
        if (dataset / name).is_file():
            table = _join(table, dataset / name)
    for short, column in _SHORT.items():
        if column in table.column_names and short not in table.column_names:
            table = table.append_column(short, table.column(column))
    assert table.column("id").equals(order), "joining must preserve the order"
    return table


def split_groups(dataset: Path, scheme: str) -> dict[str, str]:
    """The group of near-duplicates of every pair, by id. Raises DatasetError if the split does not exist."""
    rows = read_table(dataset / SPLIT_FOLDER / f"{scheme}.parquet", ["pair_id", "group"]).to_pylist()
    return {row["pair_id"]: row["group"] for row in rows}


def select_pairs(
    table: "pa.Table", where: str, *, source: str = "the dataset", may_be_empty: bool = False
) -> "pa.Table":
    """The pairs for which the expression holds; `source` names the table in errors. Raises ConfigError."""
    hint = ""
    if "verified" not in table.column_names:
        hint = "; `goutbench execute --reference` adds verified, coverage and mutation_score"
    return select_rows(table, where, what=f"pair of {source}", may_be_empty=may_be_empty, hint=hint)


def select_rows(
    table: "pa.Table", where: str, *, what: str, may_be_empty: bool = False, hint: str = ""
) -> "pa.Table":
    """The rows for which a DuckDB expression holds, in their order; `what` names a row in errors.

    A comparison with NULL, as for a pair that was never executed, does not hold. Raises ConfigError for an
    invalid expression, with the columns and the hint, and, unless `may_be_empty`, if it holds for no row.
    """
    import duckdb
    import pyarrow as pa

    connection = duckdb.connect(config={"enable_external_access": False, "threads": 1})
    try:
        connection.register("rows", table)
        numbered = (
            f"SELECT n FROM (SELECT row_number() OVER () - 1 AS n, * FROM rows) WHERE ({where}) ORDER BY n"
        )
        rows = [number for (number,) in connection.execute(numbered).fetchall()]
    except duckdb.Error as error:
        columns = f"write a DuckDB expression over {', '.join(table.column_names)}"
        raise ConfigError(first_line(error), where=f"--where {where!r}", hint=columns + hint) from None
    finally:
        connection.close()
    if not rows and not may_be_empty:
        relax = "relax the expression; a comparison with NULL does not hold"
        raise ConfigError(f"no {what} satisfies it", where=f"--where {where!r}", hint=relax)
    return table.take(pa.array(rows, pa.int64()))


def _join(table: "pa.Table", path: Path) -> "pa.Table":
    """Left-join the table at a path by id; columns that `table` already has are not replaced.

    Arrow's own join does not preserve the order and rejects some types.
    """
    import pyarrow as pa

    beside = read_table(path)
    if "id" not in beside.column_names:
        raise DatasetError("no column `id`", where=str(path), hint="write the table again")
    ids = beside.column("id").to_pylist()
    index_of = {key: index for index, key in enumerate(ids)}
    if len(index_of) < len(ids):
        raise DatasetError("duplicate id", where=str(path), hint="write the table again")
    take = pa.array([index_of.get(key) for key in table.column("id").to_pylist()], type=pa.int64())
    existing = set(table.column_names)
    for name in beside.column_names:
        if name not in existing:
            table = table.append_column(name, beside.column(name).take(take))
    return table
