"""Compares rows with the rows expected: each difference names its file, row and column."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goutbench.dataset.store import read_schema, read_table
from goutbench.errors import DatasetError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference from a rebuild by the pins: its file, row and column, empty if it concerns all of them."""

    file: str
    row: str
    column: str
    what: str

    def __str__(self) -> str:
        where = " · ".join(part for part in (self.file, self.row, self.column) if part)
        text = f"{where}: {self.what}"
        # names and values come from untrusted files: no control characters reach the terminal
        return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def compare_rows(
    dataset: Path,
    file: str,
    expected: "pa.Table",
    keys: Sequence[str],
    repository: str,
    *,
    shared: bool = False,
) -> Iterator[Difference]:
    """Compare the rows of a file with the expected ones, column by column.

    `keys` are the columns that identify a row. A `shared` file also has rows of other repositories, which are
    ignored; in any other file every row must be of this repository.
    """
    path = dataset / file
    if not path.is_file():
        return  # the check of the manifest reports it
    columns, faults = _read_columns(path, expected)
    for column, what in faults.items():
        yield Difference(file, "", column, what)
    if not {*keys, "repository"} <= columns.keys():
        return
    owners = enumerate(columns["repository"])
    rows = [index for index, owner in owners if owner == repository or not shared]
    actual = {name: [columns[name][i] for i in rows] for name in columns}
    expected_rows = {name: expected.column(name).to_pylist() for name in columns}
    for row, column, what in _differences(actual, expected_rows, keys):
        yield Difference(file, f"{repository} {row}" if row else repository, column, what)


def _differences(
    actual: dict[str, list[Any]], expected: dict[str, list[Any]], keys: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    """Each difference of two tables: the row's first key, the column, and what differs."""
    order, expected_order = (
        [tuple(map(str, values)) for values in zip(*(table[key] for key in keys), strict=True)]
        for table in (actual, expected)
    )
    index = {key: position for position, key in enumerate(order)}
    expected_index = {key: position for position, key in enumerate(expected_order)}
    repeated = Counter(expected_order)  # names that are not UTF-8 can be equal as text
    for key, count in Counter(order).items():
        if count > max(1, repeated[key]):
            yield key[0], "", f"the row occurs {count} times"
    for key in expected_index.keys() - index.keys():
        yield key[0], "", "the row is missing"
    for key in index.keys() - expected_index.keys():
        yield key[0], "", "the row does not belong here"
    if order != sorted(order, key=lambda key: [part.encode("utf-8", "surrogateescape") for part in key]):
        yield "", "", "the rows are not in path order"
    for key in expected_index.keys() & index.keys():
        for column in actual:
            value, should_be = actual[column][index[key]], expected[column][expected_index[key]]
            if value != should_be:
                yield key[0], column, _describe_change(value, should_be)


def _read_columns(path: Path, expected: "pa.Table") -> tuple[dict[str, list[Any]], dict[str, str]]:
    """The columns that can be compared, and for each of the others what is wrong with it."""
    columns: dict[str, list[Any]] = {}
    try:
        schema = read_schema(path)
    except DatasetError as error:
        return {}, {"": error.what}
    faults = {
        name: "the column does not belong here" for name in schema.names if name not in expected.schema.names
    }
    for field in expected.schema:
        if field.name not in schema.names:
            faults[field.name] = "the column is missing"
        elif not schema.field(field.name).equals(field):
            faults[field.name] = f"is of type {schema.field(field.name)}, should be {field}"
        else:
            try:
                columns[field.name] = (
                    read_table(path, columns=[field.name], check_hash=False).column(field.name).to_pylist()
                )
            except DatasetError as error:
                faults[field.name] = error.what
    return columns, faults


def _describe_change(value: Any, should_be: Any) -> str:
    """The actual and the expected value; of long texts, the parts from the first different character."""
    if not (isinstance(value, str) and isinstance(should_be, str)) or len(value + should_be) < 200:
        return f"is {value!r}, should be {should_be!r}"
    at = next(
        (index for index, (one, two) in enumerate(zip(value, should_be, strict=False)) if one != two),
        min(len(value), len(should_be)),
    )
    part, expected_part = value[at : at + 20], should_be[at : at + 20]
    return f"differs from character {at} on: is {part!r}, should be {expected_part!r}"
