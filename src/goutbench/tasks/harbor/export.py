"""Writes a folder of tasks as Harbor task folders."""

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

from goutbench.curate.git.repository import Repository, open_repository
from goutbench.dataset.reading import read_records
from goutbench.dataset.store import (
    DATA,
    LOCK,
    read_manifest,
    read_pairs,
    to_table,
    write_json,
    write_manifest,
    write_table,
    write_text,
)
from goutbench.errors import ConfigError
from goutbench.execute.inputs import read_sources
from goutbench.execute.journal import write_table as write_executions
from goutbench.execute.workspace.trees import repository_folder
from goutbench.locations import TASK_MANIFEST, TASK_PROOF, TASK_SOLUTIONS, TASKS, find_git_dir
from goutbench.records import Candidate, Execution, Pair
from goutbench.tasks.harbor.repository import copy_commits, write_archive
from goutbench.tasks.score import read_task_manifest
from goutbench.tasks.table import read_tasks
from goutbench.tasks.task import VerifiedTask

SCHEMA_VERSION = "1.4"
"""Of `task.toml`: that of Harbor 0.26."""
NO_SOLUTION = "a task of a function without the test of its ceiling"
NO_HISTORY = "its repository is no git repository"


@dataclass(frozen=True, slots=True)
class HarborOptions:
    """The images that the folders build on, the agent's network ("no-network", "public"), and seconds of
    wall time for the agent and for the verdict."""

    agent_image: str = "docker.io/library/golang:1.26-bookworm"
    verifier_image: str = "localhost/goutbench"
    network: str = "no-network"
    agent_seconds: float = 1800.0
    verifier_seconds: float = 1800.0


@dataclass(frozen=True, slots=True)
class Exported:
    """The folders that were written, and how many tasks were left out for each reason."""

    folders: tuple[Path, ...]
    excluded: Mapping[str, int]


def export_harbor(
    tasks: Path, dataset: Path, out: Path, repositories: Path, options: HarborOptions | None = None
) -> Exported:
    """Write one Harbor task folder for each task below `out`; equal input gives equal bytes but for packs.

    `repositories` is the folder of repositories. Raises ConfigError where the dataset is not that of the
    tasks, tasks of kind "write" lack the options of their executions, or no task can be exported;
    DatasetError, SourceError.
    """
    options, pairs = options or HarborOptions(), {pair.id: pair for pair in read_pairs(dataset)}
    sources, excluded = read_sources(dataset), Counter[str]()
    proofs = read_records(tasks / TASK_PROOF, Execution)
    lock = dataset / LOCK if LOCK in read_manifest(dataset)["files"] else None

    @cache
    def opened(name: str) -> Repository | None:
        git_dir = find_git_dir(repository_folder(repositories, name, sources.get(name, "")))
        return open_repository(name, git_dir) if git_dir else None

    folders: list[Path] = []
    solutions = {(s.pair_id, s.focal): s.code for s in read_records(tasks / TASK_SOLUTIONS, Candidate)}
    rows = read_tasks(tasks)
    if any(task.kind == "write" for task in rows) and not read_task_manifest(tasks).get("proof"):
        hint = "make them again with `goutbench tasks`, from runs that have their execute.json"
        raise ConfigError("no options of the ceilings' executions", where=str(tasks), hint=hint)
    for task in rows:
        pair = pairs.get(task.pair_id)
        if pair is None:
            hint = "give the dataset that the tasks were made from"
            raise ConfigError(f"the dataset lacks the pair {task.pair_id}", where=str(dataset), hint=hint)
        repository = opened(pair.repository)
        if repository is None:
            excluded[NO_HISTORY] += 1
            continue
        solution = solutions.get((task.pair_id, task.focal)) if task.focal else pair.test
        if solution is None:
            excluded[NO_SOLUTION] += 1
            continue
        folder = out / folder_name(task)
        shutil.rmtree(folder, ignore_errors=True)
        own = [proof for proof in proofs if proof.pair_id == pair.id]
        _Folder(folder, task, pair, solution, repository, options).write(tasks, own, lock)
        folders.append(folder)
    if not folders:
        raise ConfigError("no task can be exported", where=str(tasks), hint=f"reasons: {dict(excluded)}")
    return Exported(tuple(folders), excluded)


def folder_name(task: VerifiedTask) -> str:
    """A name that says what the task is: "write-gin-context-0123456789abcdef"."""
    stem = PurePosixPath(task.code_path).stem.lower().replace("_", "-")
    return f"{task.kind}-{task.repository.partition('/')[2].lower()}-{stem}-{task.id}".replace(".", "-")


@dataclass(frozen=True, slots=True)
class _Folder:
    folder: Path
    task: VerifiedTask
    pair: Pair
    solution: str
    repository: Repository
    options: HarborOptions

    def write(self, tasks: Path, proofs: list[Execution], lock: Path | None) -> None:
        self.text("instruction.md", "instruction.md.j2")
        write_text(self.folder / "task.toml", self.toml())
        environment, tests, solution = (self.folder / name for name in ("environment", "tests", "solution"))
        self.text("environment/Dockerfile", "environment.Dockerfile.j2")
        write_archive(
            self.repository, self.shown_commit, environment / "repository.tar.gz", self.shown_files()
        )
        self.text("solution/solve.sh", "solve.sh.j2", executable=True)
        (solution / "answer.go.txt").write_bytes(_bytes(self.solution))
        self.text("tests/Dockerfile", "tests.Dockerfile.j2")
        self.text("tests/test.sh", "test.sh.j2", executable=True)
        name = self.task.repository.replace("/", "__")
        copy_commits(self.repository, self.commits, tests / "repositories" / f"{name}.git")
        self.judged(tests, tasks, proofs, lock)

    def judged(self, tests: Path, tasks: Path, proofs: list[Execution], lock: Path | None) -> None:
        """Write what the verdict needs: a dataset of the pair, and a folder of the task."""
        data = tests / "dataset" / DATA / "pair.parquet"
        write_table(to_table([self.pair], Pair), data)
        listed = [data]
        if lock is not None:
            listed.append(tests / "dataset" / LOCK)
            shutil.copyfile(lock, listed[-1])
        write_manifest(tests / "dataset", listed, {"pairs": 1, "repositories": {}})
        write_table(to_table([self.task], VerifiedTask), tests / "tasks" / TASKS)
        if proofs:
            write_executions(tests / "tasks" / TASK_PROOF, proofs)
        write_json(tests / "tasks" / TASK_MANIFEST, {"proof": read_task_manifest(tasks).get("proof") or {}})

    @property
    def commits(self) -> list[str]:
        """The commits that executions need, that of the pair first."""
        before = [self.task.start_revision] if self.task.kind == "reproduce" else []
        return [self.pair.revision, *before]

    @property
    def shown_commit(self) -> str:
        """The commit that the agent sees: before the fix, if there is one."""
        return self.commits[-1]

    def shown_files(self) -> dict[str, bytes | None]:
        """What the agent sees in place of the reference test; for "reproduce" just the commit."""
        if self.task.kind == "reproduce":
            return {}
        return {self.task.test_path: _bytes(self.task.start) if self.task.start else None}

    def text(self, path: str, template: str, *, executable: bool = False) -> None:
        """Write a file from a template."""
        target = self.folder / path
        write_text(target, _render(template, self.fields()))
        target.chmod(0o755 if executable else 0o644)

    def fields(self) -> dict[str, Any]:
        folder = str(PurePosixPath(self.task.code_path).parent)
        return {
            **asdict(self.task), **asdict(self.options), "package": self.pair.package, "folder": folder,
        }  # fmt: skip

    def toml(self) -> str:
        """The configuration: the verifier has an environment of its own, with the tests in it."""
        task, options = self.task, self.options
        facts = {
            name: getattr(task, name)
            for name in ("kind", "unit", "repository", "revision", "code_path", "licence", "group", "split",
                         "size", "complexity", "ceiling_coverage", "ceiling_score")
        }  # fmt: skip
        facts["focal"] = list(task.focal)
        if task.first_date is not None:
            facts["first_date"] = task.first_date.date().isoformat()
        description = f"{task.kind}: Go unit tests for {task.code_path} of {task.repository}"
        sections: dict[str, dict[str, Any]] = {
            "task": {"name": f"goutbench/{folder_name(task)}", "description": description,
                     "keywords": ["go", "unit-tests", task.kind]},
            "metadata": facts,
            "agent": {"timeout_sec": options.agent_seconds},
            "environment": {"network_mode": options.network, "build_timeout_sec": 1800.0},
            "verifier": {"timeout_sec": options.verifier_seconds, "environment_mode": "separate"},
            "verifier.environment": {"network_mode": "no-network", "build_timeout_sec": 1800.0},
        }  # fmt: skip
        lines = [f'schema_version = "{SCHEMA_VERSION}"', f"artifacts = {_value([f'/app/{task.test_path}'])}"]
        for name, values in sections.items():
            lines += ["", f"[{name}]", *(f"{key} = {_value(value)}" for key, value in values.items())]
        return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """A value as TOML: JSON's texts, numbers, lists and booleans are TOML's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _render(name: str, fields: Mapping[str, Any]) -> str:
    from jinja2 import Environment, StrictUndefined

    source = (files("goutbench.tasks.harbor") / "templates" / name).read_text("utf-8")
    environment = Environment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    return environment.from_string(source).render(fields)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
