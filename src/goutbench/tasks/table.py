"""The files of a folder of tasks: the rows, and the manifest with their hashes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from goutbench.dataset.reading import read_records
from goutbench.dataset.store import file_hash, read_manifest, read_table, to_table, write_json, write_table
from goutbench.errors import ConfigError
from goutbench.facts.fact import text_hash
from goutbench.locations import SPLIT_FOLDER, TASK_MANIFEST, TASKS
from goutbench.records import Pair, short_hash
from goutbench.tasks.results import BaselineResults
from goutbench.tasks.rule import Rule
from goutbench.tasks.strata import Strata
from goutbench.tasks.task import Key, VerifiedTask

SCHEME = "leakfree"


@dataclass(frozen=True, slots=True)
class TaskList:
    """The tasks in their order, and how many items were left out for each reason."""

    tasks: tuple[VerifiedTask, ...]
    excluded: Mapping[str, int]


def write_tasks(
    dataset: Path, out: Path, tasks: Sequence[VerifiedTask], excluded: Mapping[str, int], *, rule: Rule,
    count: int, seed: int, proof: Mapping[str, Any] | None = None,
) -> TaskList:  # fmt: skip
    """Write the rows and the manifest of a folder of tasks; equal tasks give equal bytes.

    `proof` are the options with which the ceilings were measured.
    """
    write_table(to_table(tasks, VerifiedTask), out / TASKS)
    manifest = _manifest(dataset, out, tasks, excluded, rule, count, seed)
    write_json(out / TASK_MANIFEST, manifest | ({"proof": dict(proof)} if proof else {}))
    return TaskList(tuple(tasks), {reason: number for reason, number in sorted(excluded.items()) if number})


def read_tasks(tasks: Path) -> list[VerifiedTask]:
    """The rows of a folder of tasks. Raises ConfigError where there are none, DatasetError."""
    rows = read_records(tasks / TASKS, VerifiedTask)
    if not rows:
        hint = "give a folder that `goutbench tasks` wrote"
        raise ConfigError("not a folder of tasks", where=str(tasks), hint=hint)
    return rows


def listed(counts: Mapping[str, int]) -> str:
    """Reasons with their numbers, for a message."""
    return "; ".join(f"{reason} ({number})" for reason, number in counts.items() if number)


def leak_groups(dataset: Path) -> Mapping[str, tuple[str, str]]:
    """The leak group and the split of each pair, by id."""
    path = dataset / SPLIT_FOLDER / f"{SCHEME}.parquet"
    if not path.is_file():
        hint = f"run `goutbench split {dataset} --scheme {SCHEME}`"
        raise ConfigError("the dataset has no leak-free split", where=str(path), hint=hint)
    return {row["pair_id"]: (row["group"], row["split"]) for row in read_table(path).to_pylist()}


def verified_task(
    pair: Pair, key: Key, strata: Strata, groups: Mapping[str, tuple[str, str]], results: BaselineResults
) -> VerifiedTask:
    """The row of an item: a task of the kind "write"."""
    reference = results.reference[key]
    mutation = reference.mutation
    group, split = groups[pair.id]
    return VerifiedTask(
        id=short_hash("write", pair.id, *key[1]),
        kind="write",
        unit="function" if key[1] else "file",
        pair_id=pair.id,
        focal=key[1],
        repository=pair.repository,
        revision=pair.revision,
        code_path=pair.code_path,
        test_path=pair.test_path,
        code_sha256=pair.sha256,
        test_sha256=text_hash(pair.test),
        licence=pair.licence,
        first_date=pair.code_first_date,
        group=group,
        split=split,
        size=strata.size,
        complexity=strata.complexity,
        ceiling_coverage=reference.coverage or 0.0,
        ceiling_killed=mutation.killed if mutation else 0,
        ceiling_tested=mutation.tested if mutation else 0,
        ceiling_score=(mutation.score or 0.0) if mutation else 0.0,
        floor_no_assertions_coverage=results.coverage("no-assertions", key),
        floor_no_assertions_score=results.score("no-assertions", key),
        floor_smoke_coverage=results.coverage("smoke", key),
        floor_smoke_score=results.score("smoke", key),
        floor_empty_score=results.score("empty", key),
    )


def _manifest(
    dataset: Path,
    out: Path,
    tasks: Sequence[VerifiedTask],
    excluded: Mapping[str, int],
    rule: Rule,
    count: int,
    seed: int,
) -> dict[str, Any]:
    """What makes the list reproducible: its hash, the rule, the dataset, and what was left out."""
    files = read_manifest(dataset)["files"]
    fresh = rule.fresh_after.date().isoformat() if rule.fresh_after else None
    return {
        "tasks": len(tasks),
        "kinds": dict(Counter(task.kind for task in tasks)),
        "units": dict(Counter(task.unit for task in tasks)),
        "repositories": dict(sorted(Counter(task.repository for task in tasks).items())),
        "files": {TASKS: {"sha256": file_hash(out / TASKS)}},
        "rule": asdict(rule) | {"fresh_after": fresh, "count": count, "seed": seed},
        "dataset": {
            name: entry["sha256"] for name, entry in sorted(files.items()) if name.startswith("data/")
        },
        "excluded": dict(sorted((reason, number) for reason, number in excluded.items() if number)),
        "goutbench": version("goutbench"),
    }
