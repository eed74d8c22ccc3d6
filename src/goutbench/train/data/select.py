"""Which pairs of a split are trained on: a DuckDB expression over their columns and what lies beside them."""

from pathlib import Path
from typing import TYPE_CHECKING

from goutbench.dataset.store import read_table
from goutbench.errors import ConfigError, DatasetError, first_line

if TYPE_CHECKING:
    import pyarrow as pa

BESIDE = ("reference.parquet", "signals.parquet")
"""Tables beside the dataset's data, a row for each pair by `id`; the first is of `execute --reference`."""

_SHORT = {"coverage": "reference_coverage", "mutation_score": "reference_mutation_score"}


def split_table(dataset: Path, scheme: str, split: str) -> "pa.Table":
    """The pairs of one split with all that is known of them. Raises DatasetError where it was not made."""
    path = dataset / "splits" / f"{scheme}.{split}.parquet"
    if not path.is_file():
        hint = f"goutbench split {dataset} --scheme {scheme}"
        raise DatasetError(f"there is no {split} split of scheme {scheme!r}", where=str(dataset), hint=hint)
    return _with_signals(read_table(path), dataset)


def split_groups(dataset: Path, scheme: str) -> dict[str, str]:
    """The group of near-duplicates of each pair, by id. Raises DatasetError where the split was not made."""
    rows = read_table(dataset / "splits" / f"{scheme}.parquet", ["pair_id", "group"]).to_pylist()
    return {row["pair_id"]: row["group"] for row in rows}


def choose(
    table: "pa.Table", where: str, *, of: str = "the dataset", may_be_empty: bool = False
) -> "pa.Table":
    """The rows for which the expression holds, in their order; `of` says in words what they are of. Raises
    ConfigError; also where it holds for no row, unless `may_be_empty`.

    A comparison with what is not known (NULL, as for a pair that was never executed) does not hold.
    """
    import duckdb
    import pyarrow as pa

    connection = duckdb.connect(config={"enable_external_access": False, "threads": 1})
    try:
        connection.register("pairs", table)
        numbered = (
            f"SELECT n FROM (SELECT row_number() OVER () - 1 AS n, * FROM pairs) WHERE ({where}) ORDER BY n"
        )
        rows = [number for (number,) in connection.execute(numbered).fetchall()]
    except duckdb.Error as error:
        columns = ", ".join(table.column_names)
        hint = f"a DuckDB expression over {columns}"
        if "verified" not in table.column_names:
            hint += "; verified, coverage and mutation_score come with `goutbench execute --reference`"
        raise ConfigError(first_line(error), where=f"--where {where!r}", hint=hint) from None
    finally:
        connection.close()
    if not rows and not may_be_empty:
        hint = "choose more; a comparison with what is not known does not hold"
        raise ConfigError(f"no pair of {of} satisfies it", where=f"--where {where!r}", hint=hint)
    return table.take(pa.array(rows, pa.int64()))


def _with_signals(table: "pa.Table", dataset: Path) -> "pa.Table":
    """Left-join the tables that lie beside the dataset; a column that the pairs have already stays theirs."""
    order = table.column("id")
    for name in BESIDE:
        path = dataset / name
        if not path.is_file():
            continue
        beside = read_table(path)
        if "id" not in beside.column_names:
            raise DatasetError("has no column `id`", where=str(path), hint="write it again")
        known = set(table.column_names) - {"id"}
        beside = beside.select([column for column in beside.column_names if column not in known])
        table = _join(table, beside, path)
    for short, column in _SHORT.items():
        if column in table.column_names and short not in table.column_names:
            table = table.append_column(short, table.column(column))
    assert table.column("id").equals(order), "joining must keep the order"
    return table


def _join(table: "pa.Table", beside: "pa.Table", path: Path) -> "pa.Table":
    """Arrow's own join forgets the order and refuses some types, so rows are looked up by id."""
    import pyarrow as pa

    ids = beside.column("id").to_pylist()
    places = {key: place for place, key in enumerate(ids)}
    if len(places) < len(ids):
        raise DatasetError("an id stands twice", where=str(path), hint="write it again")
    take = pa.array([places.get(key) for key in table.column("id").to_pylist()], type=pa.int64())
    for name in beside.column_names:
        if name != "id":
            table = table.append_column(name, beside.column(name).take(take))
    return table
