"""A dataset folder: Parquet in and out, files that appear whole or not at all, the manifest with hashes."""

import dataclasses
import errno
import hashlib
import json
import platform
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from goutbench.errors import DatasetError, StorageError, first_line
from goutbench.records import PackageFile, Pair, Rejection

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "manifest.json"
LOCK = "repos.lock.yaml"
CARD = "README.md"
CROISSANT = "croissant.json"
REJECTIONS = "rejections.parquet"
PACKAGES = "packages.parquet"
DATA = "data"
_LARGE_TEXT = {"code", "test", "outline"}
_REPEATING = [
    "repository",
    "revision",
    "domain",
    "licence",
    "licence_file",
    "package",
    "module",
    "go_version",
    "pairing_rule",
    "rule",
    "scheme",
    "split",
]

# the paper's nine fields under the names of its published files
PAPER_COLUMNS = {
    "sha256": "SHA256",
    "repository": "Repository",
    "file_name": "File Name",
    "code_path": "File path in Repository",
    "code": "Code",
    "code_commit": "Code Commit hash",
    "test_path": "File Path for Unit Test",
    "test": "Unit Test - (Ground Truth)",
    "test_commit": "Unit Test Commit hash",
}

Record = TypeVar("Record")


def schema_of(record: type[Any]) -> "pa.Schema":
    """The Arrow schema of a record type, from its annotations: a field is nullable where it may be None."""
    import pyarrow as pa

    arrow = {str: pa.string(), int: pa.int64(), bool: pa.bool_(), float: pa.float64()}
    arrow |= {datetime: pa.timestamp("ms", tz="UTC"), tuple[str, ...]: pa.list_(pa.string())}
    fields = []
    for name, hint in typing.get_type_hints(record).items():
        inner = [part for part in typing.get_args(hint) if part is not type(None)]
        optional = isinstance(hint, types.UnionType)
        kind = arrow[inner[0] if optional else hint]
        kind = pa.large_string() if name in _LARGE_TEXT else kind
        fields.append(pa.field(name, kind, nullable=optional))
    return pa.schema(fields)


def to_table(records: Sequence[Any], record: type[Any]) -> "pa.Table":
    """Records of one type as a table, a column a field."""
    import pyarrow as pa

    schema = schema_of(record)
    columns = [pa.array([getattr(each, field.name) for each in records], type=field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def from_table(table: "pa.Table", record: type[Record]) -> Iterator[Record]:
    """The records of a table that holds at least their columns; an older one may lack those with defaults."""
    fields = dataclasses.fields(record)  # type: ignore[arg-type]
    held = set(table.column_names)
    names = [each.name for each in fields if each.name in held or each.default is dataclasses.MISSING]
    for row in table.select(names).to_pylist():
        yield record(**row)


def write_table(table: "pa.Table", path: Path) -> None:
    """Write a table as Parquet: zstd-3, one row group, page checksums; equal tables give equal bytes."""
    import pyarrow.parquet as pq

    with whole_file(path) as partial:
        pq.write_table(
            table,
            partial,
            compression="zstd",
            compression_level=3,
            row_group_size=max(table.num_rows, 1),
            use_dictionary=[name for name in _REPEATING if name in table.column_names],
            write_page_checksum=True,
        )


def read_table(path: Path, columns: list[str] | None = None) -> "pa.Table":
    """Read a Parquet file with its checksums checked. Raises DatasetError where it is damaged or missing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # memory_map off, and one thread: a damaged page must raise here, not in a pool
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read(columns=columns)
    except (OSError, pa.ArrowException) as error:
        what = f"unreadable: {first_line(error)}"
        raise DatasetError(what, where=str(path), hint="curate it again") from None


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write dictionaries as Parquet, nested values included, whole or not at all. Raises StorageError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with whole_file(path) as partial:
        table = pa.Table.from_pylist(list(rows))
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)


def read_schema(path: Path) -> "pa.Schema":
    """The Arrow schema of a Parquet file. Raises DatasetError where it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"unreadable: {first_line(error)}", where=str(path)) from None


def read_pairs(dataset: Path) -> Iterator[Pair]:
    """The pairs of a dataset, repository by repository, in path order. Raises DatasetError."""
    for path in data_files(dataset):
        yield from from_table(read_table(path), Pair)


def read_rejections(dataset: Path) -> Iterator[Rejection]:
    """The rejections of a dataset. Raises DatasetError."""
    yield from from_table(read_table(dataset / REJECTIONS), Rejection)


def read_packages(dataset: Path) -> Iterator[PackageFile]:
    """What the files beside the pairs declare; nothing for a dataset that was curated without it.

    Raises DatasetError.
    """
    if PACKAGES in read_manifest(dataset)["files"]:
        yield from from_table(read_table(dataset / PACKAGES), PackageFile)


def data_files(dataset: Path) -> list[Path]:
    """The Parquet files that a dataset's manifest names. Raises DatasetError for an unfinished one."""
    files = read_manifest(dataset)["files"]
    return [dataset / name for name in sorted(files) if name.startswith(f"{DATA}/")]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a partial file to write to, and move it to its final name at the end.

    Raises StorageError where the disk is full or the folder cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise storage_error(error, path) from None


def storage_error(error: OSError, path: Path) -> StorageError:
    """An operating system's refusal to write, as a message to the user."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    hint = f"{'free some space, or write' if full else 'write'} elsewhere; the same command resumes"
    return StorageError(error.strerror or str(error), where=str(path), hint=hint)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """The text of our JSON files."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_manifest(dataset: Path, files: Iterable[Path], facts: Mapping[str, Any]) -> None:
    """Write the manifest, the last file of a dataset: hashes and sizes of all others, and tool versions."""
    listed = {
        file.relative_to(dataset).as_posix(): {"sha256": file_hash(file), "bytes": file.stat().st_size}
        for file in sorted(files)
    }
    write_json(dataset / MANIFEST, {**facts, "tools": tool_versions(), "files": listed})


def tool_versions() -> dict[str, str]:
    """The versions of what a dataset's rows and bytes depend on."""
    packages = ("goutbench", "pyarrow", "licenseclassifier", "license-expression")
    return {**{name: version(name) for name in packages}, "python": platform.python_version()}


def extend_manifest(
    dataset: Path, files: Iterable[str], facts: Mapping[str, Mapping[str, Any]], *, gone: Iterable[str] = ()
) -> None:
    """Add files to a dataset's manifest, or renew them; merge facts; take out the files that are gone."""
    content = read_manifest(dataset)
    for name in gone:
        content["files"].pop(name, None)
    for name in files:
        path = dataset / name
        content["files"][name] = {"sha256": file_hash(path), "bytes": path.stat().st_size}
    content["files"] = {name: content["files"][name] for name in sorted(content["files"])}
    for key, added in facts.items():
        content[key] = {**content.get(key, {}), **added}
    write_json(dataset / MANIFEST, content)


def read_manifest(dataset: Path) -> dict[str, Any]:
    """The manifest of a dataset. Raises DatasetError where there is none, or where it is not readable."""
    path = dataset / MANIFEST
    try:
        content = json.loads(path.read_bytes())
        _check_manifest(content)
    except FileNotFoundError:
        what = "not a finished dataset: there is no manifest.json"
        hint = "run the same `goutbench curate` command again"
        raise DatasetError(what, where=str(dataset), hint=hint) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise DatasetError("unreadable", where=str(path), hint="curate it again") from None
    return typing.cast("dict[str, Any]", content)


def _check_manifest(content: Any) -> None:
    """Manifests travel, and are not trusted. Raises KeyError, TypeError or ValueError."""
    files, pins = content["files"], content["repositories"]
    if not isinstance(files, dict) or not isinstance(pins, dict) or not isinstance(content["pairs"], int):
        raise TypeError
    if not all(_lies_inside(name) and isinstance(facts["sha256"], str) for name, facts in files.items()):
        raise ValueError


def _lies_inside(name: str) -> bool:
    """Whether a file name stays in the dataset's folder."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def write_paper_export(pairs: Iterable[Pair], path: Path) -> None:
    """Write pairs as a JSON array of objects with the nine columns of the paper's published files."""
    with whole_file(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as out:
        separator = "[\n"
        for pair in pairs:
            row = {column: getattr(pair, field) for field, column in PAPER_COLUMNS.items()}
            out.write(separator + json.dumps(row, ensure_ascii=False))
            separator = ",\n"
        out.write("[]\n" if separator == "[\n" else "\n]\n")
