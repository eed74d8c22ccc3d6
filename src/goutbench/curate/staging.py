"""The finished part of a run: staged files of each repository, so that a killed run can resume."""

import hashlib
import json
import multiprocessing
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from goutbench.config import LockedRepository, RepositoryConfig
from goutbench.curate.git.repository import git_version
from goutbench.curate.repository import CuratedRepository, Progress, curate_repository
from goutbench.curate.sources.source import RepositorySource, SourceLocations, open_source
from goutbench.dataset.arrow import import_without_numpy
from goutbench.dataset.card import RepositorySummary
from goutbench.dataset.store import DATA, read_table, to_table, tool_versions, write_json, write_table
from goutbench.errors import DatasetError, GoutbenchError
from goutbench.parallel import report_progress
from goutbench.records import PackageFile, Pair, Rejection, RepoPin

PAPER_EXPORT = "export/paper.json"


@dataclass(frozen=True, slots=True)
class Event:
    """The progress of a run; `stage` is "done" when a repository is finished."""

    repository: str
    stage: str
    done: int = 0
    total: int | None = None
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class RepositoryTask:
    """A repository to curate, and the paths of its staged files below `work`."""

    config: RepositoryConfig
    locked: LockedRepository | None
    locations: SourceLocations
    work: Path

    @property
    def data(self) -> Path:
        return self.work / DATA / f"{self.config.file_stem}.parquet"

    @property
    def rejections(self) -> Path:
        return self.work / f"{self.config.file_stem}.rejections.parquet"

    @property
    def packages(self) -> Path:
        return self.work / f"{self.config.file_stem}.packages.parquet"

    @property
    def state(self) -> Path:
        return self.work / f"{self.config.file_stem}.json"

    def fingerprint(self, pin: RepoPin) -> str:
        """A hash of everything that determines the rows: files staged for anything else are not reused."""
        tools = json.dumps({**tool_versions(), "git": git_version()})
        inputs = f"{tools}\n{self.config.model_dump_json()}\n{pin.revision}\n{pin.tree}"
        return hashlib.sha256(inputs.encode()).hexdigest()

    def staged(self, fingerprint: str) -> RepositorySummary | None:
        """The summary of a repository that an interrupted run staged with the same fingerprint."""
        try:
            content = json.loads(self.state.read_bytes())
            if content.pop("fingerprint") != fingerprint:
                return None
            read_table(self.data, columns=["id"])
            read_table(self.rejections, columns=["path"])
            read_table(self.packages, columns=["path"])
            pin, licences = content["pin"], content["licences"]
            pin["date"] = datetime.fromisoformat(pin["date"]) if pin["date"] else None
            return RepositorySummary(
                RepoPin(**pin),
                content["pairs"],
                content["go_files"],
                content["rejections"],
                {expression: (rows, evidence) for expression, (rows, evidence) in licences.items()},
            )
        except (OSError, ValueError, KeyError, TypeError, DatasetError):
            return None

    def stage(self, source: RepositorySource, fingerprint: str, progress: Progress) -> RepositorySummary:
        """Curate the repository, and write its files; the state, which completes them, is the last one."""
        curated = curate_repository(source, self.config, progress)
        write_table(to_table(curated.pairs, Pair), self.data)
        write_table(to_table(curated.rejections, Rejection), self.rejections)
        write_table(to_table(curated.packages, PackageFile), self.packages)
        summary = summarise(source.pin, curated)
        content = asdict(summary)
        content["pin"]["date"] = summary.pin.date.isoformat() if summary.pin.date else None
        write_json(self.state, {"fingerprint": fingerprint, **content})
        return summary


def run_task(task: RepositoryTask) -> RepositorySummary | GoutbenchError:
    """Curate one repository and stage it, unless an interrupted run staged the same. Runs in a worker.

    An error of one repository is returned, so that the others are still finished.
    """
    name = task.config.name
    if multiprocessing.parent_process() is not None:  # this process runs nothing else
        import_without_numpy()

    def progress(stage: str, done: int, total: int | None) -> None:
        report_progress(Event(name, stage, done, total))

    try:
        progress("opening", 0, None)
        source = open_source(task.config, task.locations, task.locked, lambda what: progress(what, 0, None))
        fingerprint = task.fingerprint(source.pin)
        staged = task.staged(fingerprint)
        summary = staged or task.stage(source, fingerprint, progress)
    except GoutbenchError as error:
        return error
    report_progress(Event(name, "done", resumed=staged is not None))
    return summary


def summarise(pin: RepoPin, curated: CuratedRepository) -> RepositorySummary:
    """The summary of a repository for a dataset's tables."""
    rows = Counter(pair.licence for pair in curated.pairs)
    return RepositorySummary(
        pin=pin,
        pairs=len(curated.pairs),
        go_files=curated.go_files,
        rejections=dict(sorted(Counter(rejection.rule for rejection in curated.rejections).items())),
        licences={
            expression: (rows[expression], curated.licences[expression]) for expression in sorted(rows)
        },
    )
