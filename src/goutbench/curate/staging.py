"""What a run has finished so far: one staged repository at a time, so that a killed run resumes."""

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from goutbench import __version__, scale
from goutbench.card import RepositorySummary
from goutbench.config import LockedRepository, RepositoryConfig
from goutbench.curate.repository import Curated, curate_repository
from goutbench.curate.source import Places, open_source
from goutbench.errors import DatasetError
from goutbench.records import Pair, Rejection, RepoPin
from goutbench.store import DATA, read_table, to_table, write_json, write_table


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
    def state(self) -> Path:
        return self.work / f"{self.config.file_stem}.json"

    @property
    def fingerprint(self) -> str:
        """Everything asked for: work staged for another question is not reused."""
        locked = self.locked.model_dump_json() if self.locked else ""
        asked = f"{__version__}\n{self.config.model_dump_json()}\n{locked}"
        return hashlib.sha256(asked.encode()).hexdigest()


def run_task(task: Task) -> RepositorySummary:
    """Curate one repository and stage it. Runs in a worker process."""
    name = task.config.name

    def progress(stage: str, done: int, total: int | None) -> None:
        scale.tell(Event(name, stage, done, total))

    progress("opening", 0, None)
    source = open_source(task.config, task.places, task.locked, lambda what: progress(what, 0, None))
    curated = curate_repository(source, task.config, progress)
    write_table(to_table(curated.pairs, Pair), task.data)
    write_table(to_table(curated.rejections, Rejection), task.rejections)
    summary = _summary(source.pin, curated)
    write_json(task.state, {"fingerprint": task.fingerprint, **_encoded(summary)})
    return summary


def _summary(pin: RepoPin, curated: Curated) -> RepositorySummary:
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


def staged(task: Task) -> RepositorySummary | None:
    """The summary of a repository that an earlier, interrupted run finished for the same question."""
    try:
        content = json.loads(task.state.read_bytes())
        if content.pop("fingerprint") != task.fingerprint:
            return None
        read_table(task.data, columns=["id"])
        read_table(task.rejections, columns=["path"])
        return _decoded(content)
    except (OSError, ValueError, KeyError, TypeError, DatasetError):
        return None


def _decoded(content: dict[str, Any]) -> RepositorySummary:
    date = content["pin"]["date"]
    pin = RepoPin(**{**content["pin"], "date": datetime.fromisoformat(date) if date else None})
    licences = {expression: (rows, evidence) for expression, (rows, evidence) in content["licences"].items()}
    return RepositorySummary(pin, content["pairs"], content["go_files"], content["rejections"], licences)
