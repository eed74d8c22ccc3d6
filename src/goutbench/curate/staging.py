"""What a run has finished so far: one staged repository at a time, so that a killed run resumes."""

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from goutbench.config import LockedRepository, RepositoryConfig
from goutbench.curate.git.repository import git_version
from goutbench.curate.repository import Curated, Progress, curate_repository
from goutbench.curate.sources.source import Places, Source, open_source
from goutbench.dataset.card import RepositorySummary
from goutbench.dataset.store import DATA, read_table, to_table, tool_versions, write_json, write_table
from goutbench.errors import DatasetError, GoutbenchError
from goutbench.parallel import report_progress
from goutbench.records import PackageFile, Pair, Rejection, RepoPin

PAPER_EXPORT = "export/paper.json"


@dataclass(frozen=True, slots=True)
class Event:
    """What a run says of its progress; `stage` is "done" when a repository is finished."""

    repository: str
    stage: str
    done: int = 0
    total: int | None = None
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A repository to curate, and where its files are staged below `work`."""

    config: RepositoryConfig
    locked: LockedRepository | None
    places: Places
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


def run_task(task: Task) -> RepositorySummary | GoutbenchError:
    """Curate one repository and stage it, unless an interrupted run has staged the same. Runs in a worker.

    What is wrong with one repository is returned, so that the others are still finished.
    """
    name = task.config.name

    def progress(stage: str, done: int, total: int | None) -> None:
        report_progress(Event(name, stage, done, total))

    try:
        progress("opening", 0, None)
        source = open_source(task.config, task.places, task.locked, lambda what: progress(what, 0, None))
        fingerprint = _fingerprint(task, source.pin)
        staged = _staged(task, fingerprint)
        summary = staged or _stage(task, source, fingerprint, progress)
    except GoutbenchError as error:
        return error
    report_progress(Event(name, "done", resumed=staged is not None))
    return summary


def _stage(task: Task, source: Source, fingerprint: str, progress: Progress) -> RepositorySummary:
    curated = curate_repository(source, task.config, progress)
    write_table(to_table(curated.pairs, Pair), task.data)
    write_table(to_table(curated.rejections, Rejection), task.rejections)
    write_table(to_table(curated.packages, PackageFile), task.packages)
    summary = summarise(source.pin, curated)
    write_json(task.state, {"fingerprint": fingerprint, **_encoded(summary)})
    return summary


def _fingerprint(task: Task, pin: RepoPin) -> str:
    """Everything that the rows follow from: work staged for another question or state is not reused."""
    made_with = json.dumps({**tool_versions(), "git": git_version()})
    asked = f"{made_with}\n{task.config.model_dump_json()}\n{pin.revision}\n{pin.tree}"
    return hashlib.sha256(asked.encode()).hexdigest()


def summarise(pin: RepoPin, curated: Curated) -> RepositorySummary:
    """What a dataset's tables say of a repository."""
    rows = Counter(pair.licence for pair in curated.pairs)
    return RepositorySummary(
        pin=pin,
        pairs=len(curated.pairs),
        go_files=curated.go_files,
        rejections=dict(sorted(Counter(each.rule for each in curated.rejections).items())),
        licences={
            expression: (rows[expression], curated.licences[expression]) for expression in sorted(rows)
        },
    )


def _encoded(summary: RepositorySummary) -> dict[str, Any]:
    content = asdict(summary)
    content["pin"]["date"] = summary.pin.date.isoformat() if summary.pin.date else None
    return content


def _staged(task: Task, fingerprint: str) -> RepositorySummary | None:
    """The summary of a repository that an earlier, interrupted run finished in the same state."""
    try:
        content = json.loads(task.state.read_bytes())
        if content.pop("fingerprint") != fingerprint:
            return None
        read_table(task.data, columns=["id"])
        read_table(task.rejections, columns=["path"])
        read_table(task.packages, columns=["path"])
        return _decoded(content)
    except (OSError, ValueError, KeyError, TypeError, DatasetError):
        return None


def _decoded(content: dict[str, Any]) -> RepositorySummary:
    date = content["pin"]["date"]
    pin = RepoPin(**{**content["pin"], "date": datetime.fromisoformat(date) if date else None})
    licences = {expression: (rows, evidence) for expression, (rows, evidence) in content["licences"].items()}
    return RepositorySummary(pin, content["pairs"], content["go_files"], content["rejections"], licences)
