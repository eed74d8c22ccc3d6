"""The `tasks` stage: from the runs of baselines to a frozen list of tasks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from goutbench.dataset.store import read_pairs, write_rows
from goutbench.errors import ConfigError
from goutbench.locations import TASK_SOLUTIONS
from goutbench.tasks.results import common_options, read_baselines
from goutbench.tasks.rule import Rule
from goutbench.tasks.strata import drawn_by_strata
from goutbench.tasks.table import TaskList, leak_groups, listed, verified_task, write_tasks
from goutbench.tasks.task import Key


def make_tasks(
    dataset: Path, runs: Sequence[Path], out: Path, *, rule: Rule | None = None, count: int = 0, seed: int = 1
) -> TaskList:
    """Write the tasks that a rule chooses from a dataset, and their manifest.

    `runs` are those of baselines; the reference test decides which items can be tasks, and `count` of them
    are drawn for each unit (0: all). Equal input gives equal bytes. Raises ConfigError where no run has
    reference tests, runs have other options, the dataset has no leak-free split, or no item can be a task;
    DatasetError.
    """
    rule, results, proof = rule or Rule(), read_baselines(runs), common_options(runs)
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
        hint = f"reasons: {listed(excluded)}; for more mutants, execute the runs with --mutants 0"
        raise ConfigError("no item can be a task", where=str(dataset), hint=hint)
    drawn = [*drawn_by_strata(eligible, pairs, count, seed)]
    excluded["not drawn"] = len(eligible) - len(drawn)
    groups = leak_groups(dataset)
    tasks = [verified_task(pairs[key[0]], key, strata, groups, results) for key, strata in drawn]
    solutions = [results.solutions[key] for key, _ in drawn if key[1]]
    (out / TASK_SOLUTIONS).unlink(missing_ok=True)
    if solutions:
        write_rows(out / TASK_SOLUTIONS, [asdict(solution) for solution in solutions])
    return write_tasks(dataset, out, tasks, excluded, rule=rule, count=count, seed=seed, proof=proof)
