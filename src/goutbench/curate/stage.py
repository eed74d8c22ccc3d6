"""The stage: curates every repository in a work folder, then moves the finished dataset into place.

Finished repositories stay in `OUT/.work` until then, so that the same command resumes. The dataset's files
are renamed into place when all of them are complete, the manifest last.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goutbench.config import CurateConfig, Lock, LockedRepository, RepositoryConfig, dump_yaml
from goutbench.curate.git.repository import git_version
from goutbench.curate.licence import normalised
from goutbench.curate.pairing.rules import pairing_rule
from goutbench.curate.sources.source import SourceLocations
from goutbench.curate.staging import PAPER_EXPORT, Event, RepositoryTask, run_task
from goutbench.dataset.card import RepositorySummary, write_card
from goutbench.dataset.croissant import write_croissant
from goutbench.dataset.store import (
    CARD,
    CROISSANT,
    DATA,
    LOCK,
    MANIFEST,
    PACKAGES,
    REJECTIONS,
    from_table,
    read_table,
    storage_error,
    write_manifest,
    write_paper_export,
    write_table,
    write_text,
)
from goutbench.errors import ConfigError, GoutbenchError, StorageError
from goutbench.locations import SPLIT_FOLDER
from goutbench.parallel import map_items
from goutbench.records import Pair

_WORK = ".work"
_OWN_FOLDERS = (DATA, "export", SPLIT_FOLDER)  # files of an older dataset in these are removed


def curate(
    config: CurateConfig,
    out: Path,
    locations: SourceLocations,
    *,
    lock: Lock | None = None,
    workers: int = 1,
    runner: str | None = None,
    paper_export: bool = False,
    on_progress: Callable[[Event], None] = lambda event: None,
) -> list[RepositorySummary]:
    """Curate every repository of a configuration into the dataset folder `out`.

    With `lock`, the commits are exactly the locked ones. `runner` is one of `parallel.RUNNERS`. Raises
    ConfigError, SourceError, StorageError. After an error or a kill, the same call resumes with the finished
    repositories.
    """
    for repository in config.repositories:
        _check_settings(repository)
    work = (out / _WORK).absolute()  # workers on other nodes have other working folders
    folder = _OutputFolder(out, work)
    with folder.lock():
        tasks = [
            RepositoryTask(repository, _locked(repository, lock), locations, work)
            for repository in config.repositories
        ]
        results = list(map_items(run_task, tasks, workers=workers, on_progress=on_progress, runner=runner))
        failures = [result for result in results if isinstance(result, GoutbenchError)]
        if failures:
            first, *others = sorted(failures, key=str)
            what = "".join([first.what, *(f"\n  also {error.where}: {error.what}" for error in others)])
            raise type(first)(what, where=first.where, hint=first.hint)
        by_name = {result.pin.name: result for result in results if isinstance(result, RepositorySummary)}
        summaries = [by_name[task.config.name] for task in tasks]
        try:
            folder.publish(tasks, summaries, paper_export=paper_export)
        except OSError as error:
            raise storage_error(error, out) from None
    return summaries


def make_lock(config: CurateConfig, summaries: Sequence[RepositorySummary]) -> Lock:
    """The lock of a finished run."""
    pins = {summary.pin.name: summary.pin for summary in summaries}
    locked = []
    for repository in config.repositories:
        pin = pins[repository.name]
        kind: Any = pin.kind
        locked.append(
            LockedRepository(
                settings=repository, kind=kind, revision=pin.revision, tree=pin.tree, date=pin.date
            )
        )
    return Lock(lock_version=1, repositories=tuple(locked))


def _check_settings(config: RepositoryConfig) -> None:
    """Check what the configuration's own validation cannot, before any work."""
    pairing_rule(config.pairing)
    licence = config.declared_licence
    if licence is not None and normalised(licence) is None:
        what = f"declared_licence {licence!r} is not an SPDX expression"
        raise ConfigError(what, where=config.name, hint="see https://spdx.org/licenses")


def _locked(config: RepositoryConfig, lock: Lock | None) -> LockedRepository | None:
    if lock is None:
        return None
    locked = next((entry for entry in lock.repositories if entry.settings.name == config.name), None)
    if locked is None or _pinned_settings(locked.settings) != _pinned_settings(config):
        state = "is not in the lock" if locked is None else "does not have the settings in the lock"
        raise ConfigError(
            f"{config.name} {state}", where=LOCK, hint="run without --locked to create new pins"
        )
    return locked


def _pinned_settings(config: RepositoryConfig) -> dict[str, Any]:
    return config.model_dump(exclude={"source", "as_of"}) | {"as_of": config.as_of_instant()}


@dataclass(frozen=True, slots=True)
class _OutputFolder:
    """The dataset folder, with the work folder in it that holds staged files."""

    out: Path
    work: Path

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Create and lock the folder for this run. Raises StorageError if it is in use or not a dataset."""
        out, work = self.out, self.work
        if out.is_dir() and not work.is_dir() and not (out / MANIFEST).is_file() and any(out.iterdir()):
            hint = "give --out an empty or a new folder"
            raise StorageError("the folder is not empty and is not a dataset", where=str(out), hint=hint)
        try:
            work.mkdir(parents=True, exist_ok=True)
            handle = os.open(out, os.O_RDONLY)  # lock the folder itself, which leaves no lock file behind
        except OSError as error:
            raise storage_error(error, out) from None
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                hint = "wait until it ends, or give another --out"
                raise StorageError("another run is writing here", where=str(out), hint=hint) from None
            yield
        finally:
            os.close(handle)

    def publish(
        self, tasks: Sequence[RepositoryTask], summaries: Sequence[RepositorySummary], *, paper_export: bool
    ) -> None:
        """Write the files that span repositories, then move all staged files into place."""
        import pyarrow as pa

        work = self.work
        write_table(pa.concat_tables([read_table(task.rejections) for task in tasks]), work / REJECTIONS)
        write_table(pa.concat_tables([read_table(task.packages) for task in tasks]), work / PACKAGES)
        config = CurateConfig(repositories=tuple(task.config for task in tasks))
        write_text(work / LOCK, dump_yaml(make_lock(config, summaries)))
        write_card(work, summaries)
        write_croissant(work, summaries)
        files = [f"{DATA}/{task.data.name}" for task in tasks]
        files += [REJECTIONS, PACKAGES, LOCK, CARD, CROISSANT]
        if paper_export:
            pairs = (pair for task in tasks for pair in from_table(read_table(task.data), Pair))
            write_paper_export(pairs, work / PAPER_EXPORT)
            files.append(PAPER_EXPORT)
        facts = {
            "git": git_version(),
            "pairs": sum(summary.pairs for summary in summaries),
            "repositories": {summary.pin.name: summary.pin.revision for summary in summaries},
        }
        write_manifest(work, [work / file for file in files], facts)
        self._replace([*files, MANIFEST])
        shutil.rmtree(work)

    def _replace(self, files: Sequence[str]) -> None:
        """Replace an older dataset. Without the manifest, the last file, the folder is no dataset."""
        (self.out / MANIFEST).unlink(missing_ok=True)
        for folder in _OWN_FOLDERS:
            for file in (self.out / folder).glob("*"):
                if f"{folder}/{file.name}" not in files:
                    file.unlink()
        for name in files:
            (self.out / name).parent.mkdir(parents=True, exist_ok=True)
            (self.work / name).replace(self.out / name)
