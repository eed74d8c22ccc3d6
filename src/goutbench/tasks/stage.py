"""The `tasks` stage: from the runs of baselines to a frozen list of tasks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from goutbench.dataset.store import (
    file_hash,
    read_manifest,
    read_pairs,
    read_table,
    to_table,
    write_json,
    write_table,
)
from goutbench.errors import ConfigError
from goutbench.facts.fact import text_hash
from goutbench.golang.analysis.features import code_features
from goutbench.golang.syntax.file import declaration_keys
from goutbench.golang.syntax.parser import parse
from goutbench.locations import SPLIT_FOLDER, TASK_MANIFEST, TASKS
from goutbench.records import Pair, short_hash
from goutbench.tasks.draw import draw_evenly, thirds
from goutbench.tasks.results import BaselineResults, Key, read_baselines
from goutbench.tasks.rule import Rule
from goutbench.tasks.task import VerifiedTask

SCHEME = "leakfree"


@dataclass(frozen=True, slots=True)
class TaskList:
    """The tasks in their order, and how many items were left out for each reason."""

    tasks: tuple[VerifiedTask, ...]
    excluded: Mapping[str, int]


def make_tasks(
    dataset: Path, runs: Sequence[Path], out: Path, *, rule: Rule | None = None, count: int = 0, seed: int = 1
) -> TaskList:
    """Write the tasks that a rule chooses from a dataset, and their manifest.

    `runs` are those of baselines; the reference test decides which items can be tasks, and `count` of them
    are drawn for each unit (0: all). Equal input gives equal bytes. Raises ConfigError where no run has
    reference tests, where the dataset has no leak-free split, or no item can be a task; DatasetError.
    """
    rule, results = rule or Rule(), read_baselines(runs)
    if not results.reference:
        hint = "give a run of `generate --model baseline/reference`, or of `execute --reference`"
        raise ConfigError("no run has reference tests", where="tasks", hint=hint)
    pairs = {pair.id: pair for pair in read_pairs(dataset)}
    eligible: list[Key] = []
    excluded: Counter[str] = Counter()
    for key, record in results.reference.items():
        if key[0] not in pairs:
            raise ConfigError(
                f"the dataset has no pair {key[0]}", where=str(dataset), hint="give its dataset"
            )
        objection = rule.objection(pairs[key[0]], record)
        excluded[objection] += bool(objection)
        eligible += [] if objection else [key]
    if not eligible:
        hint = f"reasons: {_listed(excluded)}; for more mutants, execute the runs with --mutants 0"
        raise ConfigError("no item can be a task", where=str(dataset), hint=hint)
    drawn = [*_drawn(eligible, pairs, count, seed)]
    excluded["not drawn"] = len(eligible) - len(drawn)
    placing = _placing(dataset)
    tasks = tuple(_task(pairs[key[0]], key, strata, placing, results) for key, strata in drawn)
    write_table(to_table(tasks, VerifiedTask), out / TASKS)
    write_json(out / TASK_MANIFEST, _manifest(dataset, out, tasks, excluded, rule, count, seed))
    return TaskList(tasks, {reason: number for reason, number in sorted(excluded.items()) if number})


@dataclass(frozen=True, slots=True)
class _Strata:
    """The thirds of an item by the lines and the complexity of its code."""

    size: str
    complexity: str


def _drawn(
    eligible: Sequence[Key], pairs: Mapping[str, Pair], count: int, seed: int
) -> list[tuple[Key, _Strata]]:
    """The tasks of both units in order, each unit drawn by itself."""
    drawn: list[tuple[Key, _Strata]] = []
    for is_function in (False, True):
        keys = [key for key in eligible if bool(key[1]) is is_function]
        measures = {key: _measure(pairs[key[0]], key[1]) for key in keys}
        sizes = thirds({key: lines for key, (lines, _) in measures.items()})
        complexities = thirds({key: value for key, (_, value) in measures.items()})
        strata = {key: (pairs[key[0]].repository, sizes[key], complexities[key]) for key in keys}
        drawn += [(key, _Strata(*strata[key][1:])) for key in draw_evenly(strata, count, seed)]
    return drawn


def _measure(pair: Pair, focal: Sequence[str]) -> tuple[int, int]:
    """Lines and cyclomatic complexity of the focal functions, or of the file."""
    file = parse(pair.code.encode("utf-8", "surrogateescape"))
    features = code_features(file)
    if not focal:
        return pair.code_lines, features.complexity
    declarations = zip(declaration_keys(file), file.declarations, strict=True)
    lines = sum(file.text(declaration).count(b"\n") + 1 for key, declaration in declarations if key in focal)
    return lines, max(
        (function.value for function in features.functions if function.name in focal), default=1
    )


def _placing(dataset: Path) -> Mapping[str, tuple[str, str]]:
    """The leak group and the split of each pair, by id."""
    path = dataset / SPLIT_FOLDER / f"{SCHEME}.parquet"
    if not path.is_file():
        hint = f"run `goutbench split {dataset} --scheme {SCHEME}`"
        raise ConfigError("the dataset has no leak-free split", where=str(path), hint=hint)
    return {row["pair_id"]: (row["group"], row["split"]) for row in read_table(path).to_pylist()}


def _task(
    pair: Pair, key: Key, strata: _Strata, placing: Mapping[str, tuple[str, str]], results: BaselineResults
) -> VerifiedTask:
    reference = results.reference[key]
    mutation = reference.mutation
    assert mutation is not None  # the rule demands it
    assert mutation.score is not None
    group, split = placing[pair.id]
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
        ceiling_killed=mutation.killed,
        ceiling_tested=mutation.tested,
        ceiling_score=mutation.score,
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


def _listed(counts: Mapping[str, int]) -> str:
    return "; ".join(f"{reason} ({number})" for reason, number in counts.items() if number)
