"""The whole stage: every repository curated beside the final folder, then the dataset moved into place.

Finished repositories wait in `OUT/.work`, so that the same command resumes; the dataset's own files are
renamed into place only when all of them are whole, the manifest last.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from goutbench.config import CurateConfig, Lock, LockedRepository, RepositoryConfig, dump_yaml
from goutbench.curate.git.repository import git_version
from goutbench.curate.licence import normalised
from goutbench.curate.pairing.rules import pairing_rule
from goutbench.curate.sources.source import Places
from goutbench.curate.staging import PAPER_EXPORT, Event, Task, run_task
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
from goutbench.parallel import parallel_map
from goutbench.records import Pair, RepoPin

_WORK = ".work"
_OWN_FOLDERS = (DATA, "export", "splits")  # nothing of an older dataset may stay in these


def curate(
    config: CurateConfig,
    out: Path,
    places: Places,
    *,
    lock: Lock | None = None,
    workers: int = 1,
    paper_export: bool = False,
    on_progress: Callable[[Event], None] = lambda event: None,
) -> list[RepositorySummary]:
    """Curate every repository of a configuration into the dataset folder `out`.

    With `lock`, exactly its commits are taken. Raises ConfigError, SourceError, StorageError; what was
    finished before an error or a kill is kept, and the same call resumes.
    """
    _check(config)
    work = out / _WORK
    with _claimed(out, work):
        tasks = [Task(each, _locked(each, lock), places, work) for each in config.repositories]
        results = list(parallel_map(run_task, tasks, workers=workers, on_progress=on_progress))
        failures = [result for result in results if isinstance(result, GoutbenchError)]
        if failures:
            raise _first(failures)
        found = {each.pin.name: each for each in results if isinstance(each, RepositorySummary)}
        summaries = [found[task.config.name] for task in tasks]
        try:
            _publish(out, tasks, summaries, paper_export=paper_export)
        except OSError as error:
            raise storage_error(error, out) from None
    return summaries


def _first(failures: Sequence[GoutbenchError]) -> GoutbenchError:
    """One of several errors to end with, naming the others."""
    first, *others = sorted(failures, key=str)
    what = "".join([first.what, *(f"\n  also {other.where}: {other.what}" for other in others)])
    return type(first)(what, where=first.where, hint=first.hint)


def make_lock(config: CurateConfig, summaries: Sequence[RepositorySummary]) -> Lock:
    """The lock of a finished run."""
    pins = {summary.pin.name: summary.pin for summary in summaries}
    return Lock(
        lock_version=1, repositories=tuple(_lock_entry(each, pins[each.name]) for each in config.repositories)
    )


def _lock_entry(config: RepositoryConfig, pin: RepoPin) -> LockedRepository:
    kind: Any = pin.kind
    return LockedRepository(settings=config, kind=kind, revision=pin.revision, tree=pin.tree, date=pin.date)


def _check(config: CurateConfig) -> None:
    """Find what only this stage can know to be wrong, before any work."""
    for each in config.repositories:
        pairing_rule(each.pairing)
        if each.declared_licence is not None and normalised(each.declared_licence) is None:
            what = f"declared_licence {each.declared_licence!r} is not an SPDX expression"
            raise ConfigError(what, where=each.name, hint="see https://spdx.org/licenses")


def _locked(config: RepositoryConfig, lock: Lock | None) -> LockedRepository | None:
    if lock is None:
        return None
    found = next((each for each in lock.repositories if each.settings.name == config.name), None)
    if found is None or _question(found.settings) != _question(config):
        state = "is not in the lock" if found is None else "has other settings than when it was locked"
        raise ConfigError(f"{config.name} {state}", where=LOCK, hint="run without --locked to pin anew")
    return found


def _question(config: RepositoryConfig) -> dict[str, Any]:
    return config.model_dump(exclude={"source", "as_of"}) | {"as_of": config.as_of_instant()}


@contextmanager
def _claimed(out: Path, work: Path) -> Iterator[None]:
    """Hold the output folder for this run alone."""
    if out.is_dir() and not work.is_dir() and not (out / MANIFEST).is_file() and any(out.iterdir()):
        hint = "give an empty or a new folder to --out"
        raise StorageError("the folder holds something else than a dataset", where=str(out), hint=hint)
    try:
        work.mkdir(parents=True, exist_ok=True)
        handle = os.open(out, os.O_RDONLY)  # the folder itself is what is locked: it leaves nothing behind
    except OSError as error:
        raise storage_error(error, out) from None
    try:
        _lock(handle, out)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, out: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        hint = "wait for it, or give another --out"
        raise StorageError("another run is writing here", where=str(out), hint=hint) from None


def _publish(
    out: Path, tasks: Sequence[Task], summaries: Sequence[RepositorySummary], *, paper_export: bool
) -> None:
    """Write what spans repositories beside the staged files, then move all of it into place."""
    import pyarrow as pa

    work = tasks[0].work
    write_table(pa.concat_tables([read_table(task.rejections) for task in tasks]), work / REJECTIONS)
    write_table(pa.concat_tables([read_table(task.packages) for task in tasks]), work / PACKAGES)
    config = CurateConfig(repositories=tuple(task.config for task in tasks))
    write_text(work / LOCK, dump_yaml(make_lock(config, summaries)))
    write_card(work, summaries)
    write_croissant(work, summaries)
    files = [*(f"{DATA}/{task.data.name}" for task in tasks), REJECTIONS, PACKAGES, LOCK, CARD, CROISSANT]
    if paper_export:
        pairs = (pair for task in tasks for pair in from_table(read_table(task.data), Pair))
        write_paper_export(pairs, work / PAPER_EXPORT)
        files.append(PAPER_EXPORT)
    facts = {
        "git": git_version(),
        "pairs": sum(each.pairs for each in summaries),
        "repositories": {each.pin.name: each.pin.revision for each in summaries},
    }
    write_manifest(work, [work / file for file in files], facts)
    _move(work, out, [*files, MANIFEST])
    shutil.rmtree(work)


def _move(work: Path, out: Path, files: Sequence[str]) -> None:
    """Put a dataset in the place of an older one: without a manifest nothing counts as a dataset."""
    (out / MANIFEST).unlink(missing_ok=True)
    for folder in _OWN_FOLDERS:
        for file in (out / folder).glob("*"):
            if f"{folder}/{file.name}" not in files:
                file.unlink()
    for name in files:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).replace(out / name)
