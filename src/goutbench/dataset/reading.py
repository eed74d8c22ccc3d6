"""Reads the Parquet tables of other stages into records, and identifies datasets."""

import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from goutbench.dataset.store import DATA, data_files, read_manifest, read_table
from goutbench.errors import DatasetError
from goutbench.records import Execution, Mutation, short_hash

Record = TypeVar("Record")
_PREFIX = "mutation_"


def dataset_digest(dataset: Path) -> str:
    """Identifies a dataset by the content of its pairs, not by its folder. Raises DatasetError."""
    files = read_manifest(dataset)["files"]
    return short_hash(
        *(f"{file.name} {files[f'{DATA}/{file.name}']['sha256']}" for file in data_files(dataset))
    )


def read_records(path: Path, record: type[Record]) -> list[Record]:
    """The records of a table; none where there is no file. A column whose field has a default may be missing.

    Raises DatasetError where a file is damaged, or where another column is missing.
    """
    if not path.is_file():
        return []
    rows = read_table(path).to_pylist()
    if record is Execution:
        for row in rows:  # the fields of the mutation are columns of their own
            mutation = {name.removeprefix(_PREFIX): row[name] for name in row if name.startswith(_PREFIX)}
            row["mutation"] = mutation if mutation.get("total") is not None else None
    try:
        return [_decode(record, row) for row in rows]
    except KeyError as error:
        hint = "run the stage that wrote it again with this version of goutbench"
        raise DatasetError(f"column {error} is missing", where=str(path), hint=hint) from None


def _decode(record: Any, row: Mapping[str, Any]) -> Any:
    """A record of a row. Raises KeyError where a field without a default is missing."""
    hints, values = _type_hints(record), {}
    for field in fields(record):
        has_default = field.default is not MISSING
        if not has_default or row.get(field.name) is not None:
            values[field.name] = _convert(hints[field.name], row[field.name])
    return record(**values)


_type_hints = cache(typing.get_type_hints)


def _convert(hint: Any, value: Any) -> Any:
    """A cell as the type of its field: lists as tuples, structs as records, texts as enumerations."""
    if isinstance(value, list):
        part_hint = typing.get_args(hint)[0]
        return tuple(value) if part_hint is str else tuple(_convert(part_hint, part) for part in value)
    if isinstance(value, Mapping):
        return _decode(Mutation if hint == Mutation | None else hint, value)
    is_enumeration = isinstance(hint, type) and issubclass(hint, StrEnum)
    return hint(value) if is_enumeration and value is not None else value
