"""`goutbench tasks`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.command import DATASET
from goutbench.cli.options import AsJson, command, suggest


@command(DATASET)
def tasks(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder with a leak-free split.")],
    run: Annotated[
        list[Path], typer.Option(help="Run folder of a baseline, or of `execute --reference`; repeat it.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to write.")] = Path("tasks"),
    count: Annotated[int, typer.Option(min=0, help="Tasks of each unit, drawn by --seed; 0: all.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of --count.")] = 1,
    min_killed: Annotated[int, typer.Option(min=0, help="Mutants that the reference test must kill.")] = 20,
    max_seconds: Annotated[float, typer.Option(min=0.0, help="CPU seconds of one run, at most.")] = 10.0,
    fresh_after: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only focal files whose first commit is later."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Choose tasks by rule and seed.

    Choose tasks by rule: verified references that kill mutants, with ceiling and floors.
    """
    from collections import Counter

    from goutbench.tasks.rule import Rule
    from goutbench.tasks.stage import make_tasks

    fresh = fresh_after.replace(tzinfo=UTC) if fresh_after else None
    chosen = make_tasks(dataset, run, out, rule=Rule(min_killed, max_seconds, fresh), count=count, seed=seed)
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
