"""Writes the folder: a table with prompts, and the files by which people and programs read it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from goutbench import __version__
from goutbench.dataset.croissant import CONFORMS_TO, CONTEXT, RAI, file_object, record_set
from goutbench.dataset.store import file_hash, read_pairs, write_json, write_rows, write_text
from goutbench.errors import ConfigError
from goutbench.generate.items import build_items
from goutbench.generate.options import GenerateOptions
from goutbench.generate.task_list import prompt_of_tasks
from goutbench.locations import TASK_MANIFEST, TASK_PROOF
from goutbench.records import Pair
from goutbench.tasks.score import read_task_manifest
from goutbench.tasks.table import read_tasks
from goutbench.tasks.task import VerifiedTask

DATA = "data/test.parquet"
_UNLIMITED = 10**9
_GO_TEST = r"func (Test|Fuzz|Example)\w*\("
COLUMNS = {
    "id": "id of the task",
    "kind": "write, extend, repair or reproduce",
    "unit": "file or function",
    "prompt": "the user message that asks a model",
    "system": "the system message",
    "repository": "organization/repository",
    "revision": "commit of the repository",
    "code_path": "path of the file under test",
    "test_path": "path of its test file",
    "focal": "functions to test; empty: the file",
    "code": "the file under test, after the fix for reproduce",
    "reference": "the repository's own test, the reference solution",
    "licence": "SPDX expression of code and reference at the revision",
    "first_date": "date of the first commit of the file under test; null: unknown",
    "group": "leak group: near-duplicates share it",
    "split": "its part in the leak-free split: only test tasks are unseen by models trained on the others",
    "size": "third by lines",
    "complexity": "third by cyclomatic complexity",
    "ceiling_score": "the score of the reference",
    "ceiling_coverage": "the share of statements that the reference covers",
}
"""The columns of the table, in their order."""


@dataclass(frozen=True, slots=True)
class HubFolder:
    """What the files say of the tasks."""

    name: str
    tasks: Sequence[VerifiedTask]
    manifest: Mapping[str, Any]
    pairs: Mapping[str, Pair]

    def facts(self) -> dict[str, Any]:
        """The values that templates show."""
        licences = Counter(task.licence for task in self.tasks)
        dates = [task.first_date for task in self.tasks if task.first_date]
        used = (self.pairs[task.pair_id] for task in self.tasks)
        changed = [date for pair in used for date in (pair.code_last_date, pair.test_last_date) if date]
        return {
            "name": self.name,
            "tasks": len(self.tasks),
            "kinds": dict(sorted(Counter(task.kind for task in self.tasks).items())),
            "units": dict(sorted(Counter(task.unit for task in self.tasks).items())),
            "splits": dict(sorted(Counter(task.split for task in self.tasks).items())),
            "repositories": dict(sorted(Counter(task.repository for task in self.tasks).items())),
            "licences": dict(licences.most_common()),
            "groups": len({task.group for task in self.tasks}),
            "first": min(dates).date().isoformat() if dates else "",
            "last": max(dates).date().isoformat() if dates else "",
            "published": max(changed).date().isoformat() if changed else "",
            "columns": COLUMNS,
            "rule": self.manifest.get("rule", {}),
            "excluded": self.manifest.get("excluded", {}),
            "version": __version__,
        }


def write_hub(tasks: Path, dataset: Path, out: Path, name: str) -> int:
    """Write the folder for a dataset NAME (org/name) and return the number of tasks.

    Equal input gives equal bytes. Raises ConfigError, DatasetError, and StorageError where it cannot write.
    """
    if name.count("/") != 1 or not all(name.split("/")):
        raise ConfigError("not a name of a dataset", where=f"--name {name}", hint="give ORGANIZATION/NAME")
    rows = read_tasks(tasks)
    pairs = {pair.id: pair for pair in read_pairs(dataset)}
    if lacking := {task.pair_id for task in rows} - pairs.keys():
        hint = "give the dataset that the tasks were made from"
        raise ConfigError(f"the dataset lacks the pair {min(lacking)}", where=str(dataset), hint=hint)
    folder = HubFolder(name, rows, read_task_manifest(tasks), pairs)
    write_rows(out / DATA, _rows(tasks, dataset, rows, pairs))
    copies = [path for path in (tasks / TASK_MANIFEST, tasks / TASK_PROOF) if path.is_file()]
    for path in copies:
        (out / path.name).write_bytes(path.read_bytes())
    facts = folder.facts()
    write_text(out / "README.md", _card(facts))
    write_text(out / "DATASHEET.md", _render("datasheet.md.j2", facts))
    write_text(out / "CITATION.cff", _render("citation.cff.j2", facts))
    write_text(
        out / "eval.yaml", yaml.safe_dump(evaluation(facts), sort_keys=False, allow_unicode=True, width=100)
    )
    write_json(out / "croissant.json", croissant(out, facts))
    return len(rows)


def _rows(
    tasks: Path, dataset: Path, listed: Sequence[VerifiedTask], pairs: Mapping[str, Pair]
) -> list[dict[str, Any]]:
    """The rows of the table, in the order of the tasks. Every file is shown in full."""
    prompts: dict[tuple[str, tuple[str, ...]], tuple[tuple[str, str], ...]] = {}
    for unit in sorted({task.unit for task in listed}):
        options = GenerateOptions.for_prompt(
            prompt_of_tasks(tasks), unit=unit, tasks=str(tasks), budget=_UNLIMITED
        )
        for item in build_items(dataset, list(pairs.values()), options):
            prompts[item.pair.id, item.focal] = item.prompts[0].messages
    rows = []
    for task in listed:
        pair, messages = pairs[task.pair_id], prompts[task.pair_id, task.focal]
        values = asdict(task) | {
            "prompt": messages[-1][1], "system": messages[0][1], "code": pair.code, "reference": pair.test,
            "focal": list(task.focal),
        }  # fmt: skip
        rows.append({column: values[column] for column in COLUMNS})
    return rows


def evaluation(facts: Mapping[str, Any]) -> dict[str, Any]:
    """`eval.yaml` for `inspect eval hf/ORG/NAME`.

    Inspect's own scorers run no Go: this one sees whether a reply has a test, and `goutbench execute` scores.
    """
    return {
        "name": facts["name"],
        "description": "Go unit tests, scored by execution with `goutbench execute --tasks`. The scorer here "
        "only sees whether a reply has a Go test.",
        "evaluation_framework": "inspect-ai",
        "tasks": [
            {
                "id": "go_unit_tests",
                "config": "default",
                "split": "test",
                "field_spec": {"input": "prompt", "target": "id", "id": "id"},
                "solvers": [{"name": "generate"}],
                "scorers": [{"name": "pattern", "args": {"pattern": _GO_TEST}}],
            }
        ],
    }


def croissant(out: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Croissant 1.1 metadata with the fields of its vocabulary for responsible AI."""
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": facts["name"].partition("/")[2],
        "description": f"{facts['tasks']} tasks to write Go unit tests, with proven reference solutions.",
        "version": f"{facts['version']}",
        "license": list(facts["licences"]),
        "url": f"https://huggingface.co/datasets/{facts['name']}",
        "citeAs": "CITATION.cff in this folder",
        "creator": {"@type": "sc:Organization", "name": "the authors of the repositories named in the rows"},
        **({"datePublished": facts["published"]} if facts["published"] else {}),
        **RAI,
        "distribution": [file_object(DATA, file_hash(out / DATA))],
        "recordSet": [
            record_set("tasks", DATA, {column: ("sc:Text", text) for column, text in _texts().items()})
        ],
    }


def _texts() -> dict[str, str]:
    """The columns that hold one text."""
    return {
        name: text for name, text in COLUMNS.items()
        if name not in ("focal", "first_date", "ceiling_score", "ceiling_coverage")
    }  # fmt: skip


def _card(facts: Mapping[str, Any]) -> str:
    front = {
        "pretty_name": f"Go unit test tasks: {facts['name'].partition('/')[2]}",
        "language": ["code"],
        "license": "other",
        "license_name": "per-row",
        "license_link": "README.md",
        "task_categories": ["text-generation"],
        "tags": ["code", "go", "unit-tests", "benchmark"],
        "configs": [
            {"config_name": "default", "default": True, "data_files": [{"split": "test", "path": DATA}]}
        ],
    }
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{text}---\n\n{_render('card.md.j2', facts)}"


def _render(name: str, facts: Mapping[str, Any]) -> str:
    from jinja2 import Environment, StrictUndefined

    source = (files("goutbench.tasks.hub") / "templates" / name).read_text("utf-8")
    environment = Environment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(source).render(facts)
