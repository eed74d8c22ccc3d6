"""Verify: rebuild a dataset from its pins and name every difference, file by file and row by row."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goutbench import scale
from goutbench.config import LockedRepository, load_lock
from goutbench.curate.repository import curate_repository
from goutbench.curate.source import Places, open_source
from goutbench.curate.staging import Event
from goutbench.errors import ConfigError, DatasetError, SourceError
from goutbench.records import Pair, Rejection
from goutbench.store import DATA, LOCK, REJECTIONS, file_hash, read_manifest, read_table, to_table

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the pins say, and where: file, row, column (empty where it is all of them)."""

    file: str
    row: str
    column: str
    what: str

    def __str__(self) -> str:
        place = " · ".join(part for part in (self.file, self.row, self.column) if part)
        return f"{place}: {self.what}"


@dataclass(frozen=True, slots=True)
class _Check:
    locked: LockedRepository
    places: Places
    dataset: Path


def verify(
    dataset: Path,
    places: Places,
    *,
    workers: int = 1,
    listen: Callable[[Event], None] = lambda event: None,
) -> list[Difference]:
    """Compare a dataset with its manifest, its lock, and what the repositories give at their pins.

    An empty list means that every file and every row is what it should be. Raises DatasetError for a
    folder that is no finished dataset.
    """
    manifest = read_manifest(dataset)
    differences = list(_against_manifest(dataset, manifest["files"]))
    try:
        lock = load_lock(dataset / LOCK)
    except ConfigError as error:
        return [*differences, Difference(LOCK, "", "", f"unreadable: {error.what}")]
    differences += _pins(lock.repositories, manifest.get("repositories", {}))
    checks = [_Check(each, places, dataset) for each in lock.repositories]
    found = scale.run(_check_repository, checks, workers=workers, listen=listen)
    differences += sorted((each for part in found for each in part), key=str)
    return differences


def _against_manifest(dataset: Path, files: dict[str, Any]) -> Iterator[Difference]:
    for name, facts in files.items():
        path = dataset / name
        if not path.is_file():
            yield Difference(name, "", "", "the file is missing")
        elif (found := file_hash(path)) != facts["sha256"]:
            yield Difference(name, "", "", f"sha256 is {found}, the manifest says {facts['sha256']}")
    for path in sorted((dataset / DATA).glob("*.parquet")):
        name = path.relative_to(dataset).as_posix()
        if name not in files:
            yield Difference(name, "", "", "the manifest does not know this file")


def _pins(locked: Sequence[LockedRepository], manifest: dict[str, str]) -> Iterator[Difference]:
    pins = {each.settings.name: each.revision for each in locked}
    for name in sorted(pins.keys() | manifest.keys()):
        if pins.get(name) != manifest.get(name):
            what = f"pinned to {pins.get(name, 'nothing')}, the manifest says {manifest.get(name, 'nothing')}"
            yield Difference(LOCK, name, "revision", what)


def _check_repository(check: _Check) -> list[Difference]:
    """Rebuild one repository and compare. Runs in a worker process."""
    settings = check.locked.settings
    file = f"{DATA}/{settings.file_stem}.parquet"

    def progress(stage: str, done: int, total: int | None) -> None:
        scale.tell(Event(settings.name, stage, done, total))

    try:
        source = open_source(settings, check.places, check.locked, lambda what: progress(what, 0, None))
        curated = curate_repository(source, settings, progress)
    except SourceError as error:
        return [Difference(LOCK, settings.name, "", f"cannot be rebuilt: {error.what}")]
    progress("comparing", 0, None)
    pairs, rejections = to_table(curated.pairs, Pair), to_table(curated.rejections, Rejection)
    differences = list(_compare(check.dataset, file, pairs, ["code_path", "test_path"], settings.name))
    differences += _compare(check.dataset, REJECTIONS, rejections, ["path"], settings.name)
    scale.tell(Event(settings.name, "done"))
    return differences


def _compare(
    dataset: Path, file: str, expected: "pa.Table", keys: list[str], repository: str
) -> Iterator[Difference]:
    """Compare one repository's rows of a file with the rebuilt ones, column by column."""
    columns, damaged = _read_columns(dataset / file, expected.column_names)
    for column, reason in damaged.items():
        yield Difference(file, "", column, reason)
    if any(key in damaged for key in [*keys, "repository"]):
        return
    # a data file is one repository's, so that a row naming another one does not hide in it
    of_all = enumerate(columns["repository"])
    rows = [index for index, name in of_all if name == repository or file != REJECTIONS]
    is_keys = [tuple(columns[key][index] for key in keys) for index in rows]
    should = {name: expected.column(name).to_pylist() for name in expected.column_names}
    should_at = {key: index for index, key in enumerate(zip(*(should[key] for key in keys), strict=True))}
    is_at = dict(zip(is_keys, rows, strict=True))
    if len(is_at) != len(is_keys):
        doubled = next(key for key in is_keys if is_keys.count(key) > 1)
        yield Difference(file, _row(repository, doubled), "", "the row stands more than once")
    for key in should_at.keys() - is_at.keys():
        yield Difference(file, _row(repository, key), "", "the row is missing")
    for key in is_at.keys() - should_at.keys():
        yield Difference(file, _row(repository, key), "", "the row does not belong here")
    if is_keys != sorted(is_keys, key=lambda key: [part.encode() for part in key]):
        yield Difference(file, repository, "", "the rows are not in path order")
    for key in should_at.keys() & is_at.keys():
        for column in columns:
            is_value, should_value = columns[column][is_at[key]], should[column][should_at[key]]
            if is_value != should_value:
                yield Difference(file, _row(repository, key), column, _change(is_value, should_value))


def _read_columns(path: Path, names: list[str]) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """The columns that can be read, and why each other one cannot."""
    read: dict[str, list[Any]] = {}
    damaged: dict[str, str] = {}
    for name in names:
        try:
            table = read_table(path, columns=[name])
        except DatasetError as error:
            damaged[name] = error.what
            continue
        if name not in table.column_names:
            damaged[name] = "the column is missing"
        else:
            read[name] = table.column(name).to_pylist()
    return read, damaged


def _row(repository: str, key: tuple[str, ...]) -> str:
    return f"{repository} {key[0]}"


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
