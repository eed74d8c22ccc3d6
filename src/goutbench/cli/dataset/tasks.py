"""`goutbench tasks`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goutbench.cli.command import DATASET
from goutbench.cli.options import (
    AsJson,
    Go,
    Image,
    Mutants,
    Repeat,
    Repos,
    Sandbox,
    UnsafeNoSandbox,
    Work,
    Workers,
    command,
    repositories_of,
    suggest,
    worker_count,
)

if TYPE_CHECKING:
    from goutbench.tasks.table import TaskList


@command(DATASET)
def tasks(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder with a leak-free split.")],
    run: Annotated[
        list[Path] | None,
        typer.Option(help="Run folder of a baseline, or of `execute --reference`; repeat it. Kind write."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder to write.")] = Path("tasks"),
    kind: Annotated[
        str,
        typer.Option(help="`write`; or `extend`, `repair` or `reproduce`, which this command executes."),
    ] = "write",
    count: Annotated[int, typer.Option(min=0, help="Tasks of each unit, drawn by --seed; 0: all.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of --count.")] = 1,
    min_killed: Annotated[int, typer.Option(min=0, help="Mutants that the reference test must kill.")] = 20,
    max_seconds: Annotated[float, typer.Option(min=0.0, help="CPU seconds of one run, at most.")] = 10.0,
    fresh_after: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only focal files whose first commit is later."),
    ] = None,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Download modules (the only step with network access).")
    ] = False,
    repos: Repos = None,
    mutants: Mutants = None,
    repeat: Repeat = 3,
    workers: Workers = 0,
    work: Work = None,
    go: Go = None,
    sandbox: Sandbox = "",
    image: Image = "",
    unsafe_no_sandbox: UnsafeNoSandbox = False,
    as_json: AsJson = False,
) -> None:
    """Choose tasks by rule and seed.

    Choose tasks by rule: verified references that kill mutants, with ceiling and floors.

    Options from --prepare on are those of `execute`, for kinds that this command executes; they run a sample
    of 60 mutants of each file unless --mutants says otherwise.
    """
    from goutbench.tasks.rule import Rule
    from goutbench.tasks.stage import make_tasks

    fresh = fresh_after.replace(tzinfo=UTC) if fresh_after else None
    rule = Rule(min_killed, max_seconds, fresh)
    if kind == "write":
        chosen = make_tasks(dataset, run or (), out, rule=rule, count=count, seed=seed)
        _show(chosen, dataset, out, as_json=as_json)
        return
    from goutbench.execute.options import ExecuteOptions
    from goutbench.execute.progress import show_progress
    from goutbench.locations import TASK_DATASET
    from goutbench.tasks.proven import MUTANTS, ProofSettings, make_proven_tasks

    machine = {"work": work, "go": go, "unsafe": unsafe_no_sandbox, "sandbox": sandbox, "image": image}
    options = ExecuteOptions(repeat=repeat, mutants=MUTANTS if mutants is None else mutants)
    settings = ProofSettings(
        repositories_of(repos, go), options, worker_count(workers), machine, prepare, show_progress
    )
    chosen = make_proven_tasks(dataset, out, kind, settings, rule=rule, count=count, seed=seed)
    own = out / TASK_DATASET  # that of the commits before the fixes
    _show(chosen, own if own.is_dir() else dataset, out, as_json=as_json)


def _show(chosen: "TaskList", dataset: Path, out: Path, *, as_json: bool) -> None:
    from collections import Counter

    units = Counter(task.unit for task in chosen.tasks)
    if as_json:
        typer.echo(
            json.dumps({"tasks": len(chosen.tasks), "units": units, "excluded": chosen.excluded}, indent=2)
        )
        return
    repositories = len({task.repository for task in chosen.tasks})
    by_unit = ", ".join(f"{number} of unit {unit}" for unit, number in units.items())
    typer.echo(f"{len(chosen.tasks)} tasks of {repositories} repositories ({by_unit}) written to {out}.")
    for reason, number in chosen.excluded.items():
        typer.echo(f"{number:6} left out: {reason}")
    if units:
        unit = max(units, key=lambda unit: units[unit])
        model = ("--model", "baseline/no-assertions", "--unit", unit, "--tasks", out)
        suggest("generate", dataset, *model, "--out", "run-no-assertions")
