"""Verify: rebuild a dataset from its pins and report every difference, file by file and row by row."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from goutbench import __version__
from goutbench.config import LockedRepository, load_lock
from goutbench.curate.compare import Difference, compare_rows
from goutbench.curate.repository import curate_repository
from goutbench.curate.sources.source import SourceLocations, open_source
from goutbench.curate.staging import PAPER_EXPORT, Event, summarise
from goutbench.dataset.card import RepositorySummary, card_text, data_file
from goutbench.dataset.croissant import croissant
from goutbench.dataset.store import (
    CARD,
    CROISSANT,
    DATA,
    LOCK,
    PACKAGES,
    REJECTIONS,
    file_hash,
    json_text,
    read_manifest,
    read_pairs,
    read_schema,
    read_table,
    to_table,
    write_paper_export,
)
from goutbench.errors import ConfigError, DatasetError, GoutbenchError
from goutbench.parallel import map_items, report_progress
from goutbench.records import PackageFile, Pair, Rejection


def verify(
    dataset: Path,
    locations: SourceLocations,
    *,
    workers: int = 1,
    on_progress: Callable[[Event], None] = lambda event: None,
) -> list[Difference]:
    """Compare a dataset with its manifest, its lock, and the rows that the repositories give at their pins.

    The list is empty if every file and every row is as expected. Raises DatasetError if the folder is not a
    finished dataset.
    """
    manifest = read_manifest(dataset)
    check = _DatasetCheck(dataset, manifest, manifest["files"])
    differences = list(check.listed_files())
    try:
        lock = load_lock(dataset / LOCK)
    except ConfigError as error:
        return [*differences, Difference(LOCK, "", "", f"unreadable: {error.what}")]
    differences += check.pins(lock.repositories)
    differences += check.unknown_data(lock.repositories)
    packages = PACKAGES in check.files
    checks = [_RepositoryCheck(locked, locations, dataset, packages) for locked in lock.repositories]
    results = list(map_items(_check_repository, checks, workers=workers, on_progress=on_progress))
    differences += sorted((difference for _, of_rows in results for difference in of_rows), key=str)
    summaries = {summary.pin.name: summary for summary, _ in results if summary is not None}
    if not differences and len(summaries) == len(lock.repositories):
        # where a row differs, so do all files that are derived from the rows: no need to report them, too
        ordered = [summaries[locked.settings.name] for locked in lock.repositories]
        differences += check.derived_files(ordered)
    return differences


@dataclass(frozen=True, slots=True)
class _DatasetCheck:
    """The checks of a dataset that need no repository; `files` are those in its manifest."""

    dataset: Path
    manifest: dict[str, Any]
    files: dict[str, Any]

    def listed_files(self) -> Iterator[Difference]:
        """Compare the files with the hashes and sizes in the manifest."""
        for name, facts in self.files.items():
            path = self.dataset / name
            if not path.is_file():
                yield Difference(name, "", "", "the file is missing")
            elif (digest := file_hash(path)) != facts["sha256"]:
                yield Difference(name, "", "", f"sha256 is {digest}, the manifest says {facts['sha256']}")
            elif (size := path.stat().st_size) != facts.get("bytes"):
                yield Difference(name, "", "", f"has {size} bytes, the manifest says {facts.get('bytes')}")
        for name in (CARD, CROISSANT, LOCK, REJECTIONS):
            if name not in self.files:
                yield Difference("manifest.json", "", "files", f"does not list {name}")

    def pins(self, repositories: Sequence[LockedRepository]) -> Iterator[Difference]:
        """Compare the pins in the lock with those in the manifest."""
        locked = {repository.settings.name: repository.revision for repository in repositories}
        listed = self.manifest["repositories"]
        for name in sorted(locked.keys() | listed.keys()):
            if locked.get(name) != listed.get(name):
                pin, expected = locked.get(name, "nothing"), listed.get(name, "nothing")
                yield Difference(LOCK, name, "revision", f"pinned to {pin}, the manifest says {expected}")

    def unknown_data(self, repositories: Sequence[LockedRepository]) -> Iterator[Difference]:
        """Report data of repositories that are not in the lock, whether or not the manifest lists it."""
        expected = {f"{DATA}/{locked.settings.file_stem}.parquet" for locked in repositories}
        present = {path.relative_to(self.dataset).as_posix() for path in (self.dataset / DATA).glob("*")}
        listed = {name for name in self.files if name.startswith(f"{DATA}/")}
        for name in sorted((present | listed) - expected):
            yield Difference(name, "", "", "no repository of the lock has this file")
        names = {locked.settings.name for locked in repositories}
        for file in (REJECTIONS, *([PACKAGES] if PACKAGES in self.files else [])):
            try:
                table = read_table(self.dataset / file, columns=["repository"], check_hash=False)
                owners = set(table.column("repository").to_pylist())
            except (DatasetError, KeyError):
                continue  # the comparison of its rows reports it
            for name in sorted(owners - names, key=str):
                yield Difference(file, str(name), "", "no repository of the lock has this name")

    def derived_files(self, summaries: Sequence[RepositorySummary]) -> Iterator[Difference]:
        """Check what is derived from the rows: counts, card, Croissant metadata and export."""
        total = sum(summary.pairs for summary in summaries)
        if self.manifest["pairs"] != total:
            pairs = self.manifest["pairs"]
            yield Difference("manifest.json", "", "pairs", f"is {pairs!r}, should be {total}")
        if PAPER_EXPORT in self.files:
            yield from self._export()
        if self.manifest.get("tools", {}).get("goutbench") != __version__:
            return  # another version may use other texts
        if _card_parts(_text(self.dataset / CARD)) != _card_parts(card_text(summaries)):
            yield Difference(CARD, "", "", "is not the card of these rows")
        if all((self.dataset / data_file(summary)).is_file() for summary in summaries):
            expected = json_text(croissant(self.dataset, summaries))
            if _text(self.dataset / CROISSANT) != expected:
                yield Difference(CROISSANT, "", "", "is not the metadata of these rows")

    def _export(self) -> Iterator[Difference]:
        try:
            with tempfile.TemporaryDirectory() as folder:
                written = Path(folder) / "paper.json"
                write_paper_export(read_pairs(self.dataset), written)
                if (self.dataset / PAPER_EXPORT).read_bytes() != written.read_bytes():
                    yield Difference(PAPER_EXPORT, "", "", "does not contain these rows")
        except (OSError, GoutbenchError):
            return  # the differences of the data files say why it cannot be compared


@dataclass(frozen=True, slots=True)
class _RepositoryCheck:
    """A repository to rebuild; `packages`: the dataset has that table, which old ones lack."""

    locked: LockedRepository
    locations: SourceLocations
    dataset: Path
    packages: bool


def _check_repository(check: _RepositoryCheck) -> tuple[RepositorySummary | None, list[Difference]]:
    """Rebuild one repository and compare. Runs in a worker process."""
    settings = check.locked.settings

    def progress(stage: str, done: int, total: int | None) -> None:
        report_progress(Event(settings.name, stage, done, total))

    try:
        source = open_source(settings, check.locations, check.locked, lambda what: progress(what, 0, None))
        curated = curate_repository(source, settings, progress)
    except GoutbenchError as error:
        return None, [Difference(LOCK, settings.name, "", f"cannot be rebuilt: {error.what}")]
    progress("comparing", 0, None)
    pairs, rejections = to_table(curated.pairs, Pair), to_table(curated.rejections, Rejection)
    file = f"{DATA}/{settings.file_stem}.parquet"
    differences = list(compare_rows(check.dataset, file, pairs, ("code_path", "test_path"), settings.name))
    differences += compare_rows(check.dataset, REJECTIONS, rejections, ("path",), settings.name, shared=True)
    if check.packages:
        packages = to_table(curated.packages, PackageFile)
        if _is_older(check.dataset / PACKAGES):
            packages = packages.drop_columns(["requires"])
        differences += compare_rows(check.dataset, PACKAGES, packages, ("path",), settings.name, shared=True)
    report_progress(Event(settings.name, "done"))
    return summarise(source.pin, curated), differences


def _is_older(packages: Path) -> bool:
    """Whether a table of packages is from before they had the modules that go.mod requires."""
    try:
        return "requires" not in read_schema(packages).names
    except DatasetError:  # the comparison reports it
        return False


def _card_parts(text: str) -> tuple[Any, str]:
    """A card's settings and its text, without configurations that later stages add."""
    try:
        _, front, body = text.split("---\n", 2)
        settings = yaml.safe_load(front)
        own = [config for config in settings["configs"] if config["config_name"] in ("default", "rejections")]
    except (ValueError, TypeError, KeyError, yaml.YAMLError):
        return None, text
    return {**settings, "configs": own}, body


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
