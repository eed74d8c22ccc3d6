"""A dataset folder: Parquet files, files that are written atomically, and the manifest with their hashes."""

import dataclasses
import errno
import hashlib
import json
import platform
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from goutbench.dataset.arrow import keep_pandas_out
from goutbench.dataset.names import name_problem
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
_WRITERS = {
    **dict.fromkeys(("rejections", "packages"), "curate"),
    **dict.fromkeys(("prompts", "completions", "candidates"), "generate"),
    **dict.fromkeys(("matches", "verdicts", "audit"), "judge"),
    "signals": "describe",
    "reference": "execute --reference",
    "facts": "facts",
    "executions": "execute",
}
"""The stage that writes a table, by its name; tables in `data/` and `splits/` have names of their own."""
_LARGE_TEXT = {"code", "test", "outline"}
_DICTIONARY_COLUMNS = [
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

# the paper's nine fields, with their names in its published files
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
_FOREIGN_HINT = "no `goutbench curate` wrote this dataset: do not use it"


def schema_of(record: type[Any]) -> "pa.Schema":
    """The Arrow schema of a record type, from its annotations: a field that may be None is nullable."""
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
    """Records of one type as a table with a column for each field."""
    import pyarrow as pa

    keep_pandas_out()
    schema = schema_of(record)
    columns = [pa.array([getattr(item, field.name) for item in records], type=field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def from_table(table: "pa.Table", record: type[Record]) -> Iterator[Record]:
    """The records of a table. It may have more columns, and an old one may lack columns with defaults.

    Raises DatasetError.
    """
    fields = dataclasses.fields(record)  # type: ignore[arg-type]
    present = set(table.column_names)
    names = [field.name for field in fields if field.name in present or field.default is dataclasses.MISSING]
    try:
        for row in table.select(names).to_pylist():
            if record is Pair and (problem := name_problem(row)):
                raise DatasetError(problem, hint=_FOREIGN_HINT)
            yield record(
                **{name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
            )
    except (KeyError, UnicodeDecodeError) as error:
        raise DatasetError(f"a damaged table of {record.__name__}: {first_line(error)}") from None


def write_table(table: "pa.Table", path: Path) -> None:
    """Write a table as Parquet: zstd-3, one row group, page checksums; equal tables give equal bytes."""
    import pyarrow.parquet as pq

    with atomic_file(path) as partial:
        pq.write_table(
            table,
            partial,
            compression="zstd",
            compression_level=3,
            row_group_size=max(table.num_rows, 1),
            use_dictionary=[name for name in _DICTIONARY_COLUMNS if name in table.column_names],
            write_page_checksum=True,
        )


def read_table(path: Path, columns: list[str] | None = None, *, check_hash: bool = True) -> "pa.Table":
    """Read a Parquet file: the one reader of all stages.

    A file in a dataset's manifest must have the hash in the manifest (not with `check_hash=False`, which lets
    `verify` name the damaged column); every page must have its checksum. Raises DatasetError if the file is
    damaged or missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if check_hash and (expected := _listed_hash(path)) and file_hash(path) != expected:
            what = "the file differs from the one in manifest.json: its SHA-256 is another"
            raise DatasetError(what, where=str(path), hint=rewrite_hint(path))
        # without memory_map and in one thread: a damaged page must raise here, not in a pool
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read(columns=columns)
    except (OSError, pa.ArrowException) as error:
        what = f"unreadable: {first_line(error)}"
        raise DatasetError(what, where=str(path), hint=rewrite_hint(path)) from None


def begins_formula(text: str) -> bool:
    """Whether a spreadsheet would evaluate a cell with this text."""
    return text.startswith(("=", "+", "-", "@", "\t", "\r"))


def csv_cell(value: Any) -> Any:
    """A cell of a CSV file that no spreadsheet evaluates: names and code are other people's text."""
    if not isinstance(value, str):
        return value
    return f"'{value}" if begins_formula(value) else value.replace("\0", "")


def rewrite_hint(path: Path) -> str:
    """How to write a damaged table again: with the stage that wrote it, by the name of the file."""
    stage = "split" if path.parent.name == "splits" else _WRITERS.get(path.stem, "")
    if path.parent.name == DATA:
        stage = "curate"
    return f"run the same `goutbench {stage}` command again" if stage else "write the file again"


def _listed_hash(path: Path) -> str | None:
    """The SHA-256 of a file in the manifest of the dataset that it belongs to; None if none lists it.

    An unreadable manifest lists nothing: whoever reads a dataset reads its manifest first and refuses it.
    """
    for dataset in path.parents[:2]:
        if (dataset / MANIFEST).is_file():
            with suppress(DatasetError):
                facts = read_manifest(dataset)["files"].get(path.relative_to(dataset).as_posix())
                return facts["sha256"] if facts else None
    return None


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write dictionaries, also nested ones, as Parquet, atomically. Raises StorageError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    keep_pandas_out()
    with atomic_file(path) as partial:
        table = pa.Table.from_pylist(list(rows))
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)


def read_schema(path: Path) -> "pa.Schema":
    """The Arrow schema of a Parquet file. Raises DatasetError if it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(
            f"unreadable: {first_line(error)}", where=str(path), hint=rewrite_hint(path)
        ) from None


def read_pairs(dataset: Path) -> Iterator[Pair]:
    """The pairs of a dataset, repository by repository, in path order. Raises DatasetError."""
    for path in data_files(dataset):
        yield from from_table(read_table(path), Pair)


def read_rejections(dataset: Path) -> Iterator[Rejection]:
    """The rejections of a dataset. Raises DatasetError."""
    yield from from_table(read_table(dataset / REJECTIONS), Rejection)


def read_packages(dataset: Path) -> Iterator[PackageFile]:
    """The declarations of the source files in the folders of pairs; old datasets have none.

    Raises DatasetError.
    """
    if PACKAGES in read_manifest(dataset)["files"]:
        yield from from_table(read_table(dataset / PACKAGES), PackageFile)


def data_files(dataset: Path) -> list[Path]:
    """The Parquet files in a dataset's manifest. Raises DatasetError if the dataset is not finished."""
    files = read_manifest(dataset)["files"]
    return [dataset / name for name in sorted(files) if name.startswith(f"{DATA}/")]


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path to write to, which gets its final name at the end of the block.

    Raises StorageError if the disk is full or the folder cannot be written.
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
    """A failed write as an error with a message for the user."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    hint = f"{'free some space, or write' if full else 'write'} elsewhere; the same command resumes"
    return StorageError(error.strerror or str(error), where=str(path), hint=hint)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """JSON as this program writes it to files."""
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
    """The versions of the packages that determine a dataset's rows and bytes."""
    packages = ("goutbench", "pyarrow", "licenseclassifier", "license-expression")
    return {**{name: version(name) for name in packages}, "python": platform.python_version()}


def extend_manifest(
    dataset: Path,
    files: Iterable[str],
    facts: Mapping[str, Mapping[str, Any]],
    *,
    removed: Iterable[str] = (),
) -> None:
    """Add or update files in a dataset's manifest, merge facts, and drop the removed files."""
    content = read_manifest(dataset)
    for name in removed:
        content["files"].pop(name, None)
    for name in files:
        path = dataset / name
        content["files"][name] = {"sha256": file_hash(path), "bytes": path.stat().st_size}
    content["files"] = {name: content["files"][name] for name in sorted(content["files"])}
    for key, added in facts.items():
        content[key] = {**content.get(key, {}), **added}
    write_json(dataset / MANIFEST, content)


def read_manifest(dataset: Path) -> dict[str, Any]:
    """The manifest of a dataset. Raises DatasetError if there is none or if it cannot be read."""
    path = dataset / MANIFEST
    try:
        content = json.loads(path.read_bytes())
        _check_manifest(content)
    except FileNotFoundError:
        raise _no_manifest(dataset) from None
    except NotADirectoryError:
        hint = "give the folder that `goutbench curate --out` wrote"
        raise DatasetError("not a folder", where=str(dataset), hint=hint) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise DatasetError("unreadable", where=str(path), hint="run `goutbench curate` again") from None
    return typing.cast("dict[str, Any]", content)


def _no_manifest(dataset: Path) -> DatasetError:
    """What is wrong where there is no manifest: no folder, another one, or an unfinished dataset."""
    hint = "give the folder that `goutbench curate --out` wrote"
    if not dataset.is_dir():
        return DatasetError("no such folder", where=str(dataset), hint=hint)
    if not any((dataset / name).exists() for name in (DATA, LOCK, REJECTIONS, ".work")):
        return DatasetError("not a dataset: there is no manifest.json", where=str(dataset), hint=hint)
    what = "not a finished dataset: there is no manifest.json"
    return DatasetError(what, where=str(dataset), hint="run the same `goutbench curate` command again")


def _check_manifest(content: Any) -> None:
    """Check a manifest from an untrusted source. Raises KeyError, TypeError or ValueError."""
    files, pins = content["files"], content["repositories"]
    if not isinstance(files, dict) or not isinstance(pins, dict) or not isinstance(content["pairs"], int):
        raise TypeError
    for name, facts in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not isinstance(facts["sha256"], str):
            raise ValueError


def write_paper_export(pairs: Iterable[Pair], path: Path) -> None:
    """Write pairs as a JSON array of objects with the nine columns of the paper's published files."""
    with atomic_file(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as out:
        separator = "[\n"
        for pair in pairs:
            row = {column: getattr(pair, field) for field, column in PAPER_COLUMNS.items()}
            out.write(separator + json.dumps(row, ensure_ascii=False))
            separator = ",\n"
        out.write("[]\n" if separator == "[\n" else "\n]\n")
