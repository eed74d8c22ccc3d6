"""Rows that are, against rows that should be: every difference with its file, row and column."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goutbench.dataset.store import read_schema, read_table
from goutbench.errors import DatasetError

if TYPE_CHECKING:
    import pyarrow as pa

_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the pins say, and where: file, row, column (empty where it is all of them)."""

    file: str
    row: str
    column: str
    what: str

    def __str__(self) -> str:
        place = " · ".join(part for part in (self.file, self.row, self.column) if part)
        text = f"{place}: {self.what}"
        # names and values come from files that somebody sent: no control characters to the terminal
        return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def compare_rows(
    dataset: Path,
    file: str,
    expected: "pa.Table",
    keys: Sequence[str],
    repository: str,
    *,
    shared: bool = False,
) -> Iterator[Difference]:
    """Compare the rows of a file with what they should be, column by column.

    `keys` are the columns by which a row is known. A `shared` file also holds other repositories' rows,
    which are not looked at; in any other file every row must be this repository's.
    """
    path = dataset / file
    if not path.is_file():
        return  # the manifest's check says so
    columns, faults = _read_columns(path, expected)
    for column, what in faults.items():
        yield Difference(file, "", column, what)
    if not {*keys, "repository"} <= columns.keys():
        return
    owners = enumerate(columns["repository"])
    rows = [index for index, owner in owners if owner == repository or not shared]
    yield from _compare(
        file, repository, {name: [columns[name][i] for i in rows] for name in columns}, expected, keys
    )


def _compare(
    file: str, repository: str, columns: dict[str, list[Any]], expected: "pa.Table", keys: Sequence[str]
) -> Iterator[Difference]:
    found = _keys(columns, keys)
    should = {name: expected.column(name).to_pylist() for name in columns}
    should_at = {key: index for index, key in enumerate(_keys(should, keys))}
    found_at = {key: index for index, key in enumerate(found)}
    for key, count in Counter(found).items():
        if count > 1:
            yield Difference(file, f"{repository} {key[0]}", "", f"the row stands {count} times")
    for key in should_at.keys() - found_at.keys():
        yield Difference(file, f"{repository} {key[0]}", "", "the row is missing")
    for key in found_at.keys() - should_at.keys():
        yield Difference(file, f"{repository} {key[0]}", "", "the row does not belong here")
    if found != sorted(found, key=lambda key: [part.encode("utf-8", "surrogateescape") for part in key]):
        yield Difference(file, repository, "", "the rows are not in path order")
    for key in should_at.keys() & found_at.keys():
        for column in columns:
            is_value, should_value = columns[column][found_at[key]], should[column][should_at[key]]
            if is_value != should_value:
                yield Difference(file, f"{repository} {key[0]}", column, _change(is_value, should_value))


def _keys(columns: dict[str, list[Any]], keys: Sequence[str]) -> list[_Key]:
    return [tuple(map(str, values)) for values in zip(*(columns[key] for key in keys), strict=True)]


def _read_columns(path: Path, expected: "pa.Table") -> tuple[dict[str, list[Any]], dict[str, str]]:
    """The columns that can be compared, and what is wrong with each other one."""
    read: dict[str, list[Any]] = {}
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
                read[field.name] = read_table(path, columns=[field.name]).column(field.name).to_pylist()
            except DatasetError as error:
                faults[field.name] = error.what
    return read, faults


def _change(is_value: Any, should_value: Any) -> str:
    """What a value is and should be; of long texts, where they part."""
    if (
        not (isinstance(is_value, str) and isinstance(should_value, str))
        or len(is_value + should_value) < 200
    ):
        return f"is {is_value!r}, should be {should_value!r}"
    at = next(
        (index for index, (one, two) in enumerate(zip(is_value, should_value, strict=False)) if one != two),
        min(len(is_value), len(should_value)),
    )
    is_part, should_part = is_value[at : at + 20], should_value[at : at + 20]
    return f"differs from character {at} on: is {is_part!r}, should be {should_part!r}"
