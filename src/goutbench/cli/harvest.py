"""`goutbench harvest`."""

from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.options import AsJson, Processes, app, worker_count


@app.command()
def harvest(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders of `generate`, executed. Their samples compete.")
    ],
    dataset: Annotated[Path, typer.Option(help="The dataset that the runs were made from.")] = Path(
        "dataset"
    ),
    split: Annotated[
        str, typer.Option(help="The scheme of `goutbench split`; its training split gives the rows.")
    ] = "leakfree",
    where: Annotated[
        str,
        typer.Option(
            help="DuckDB expression over executions: \"status = 'PASSED' AND mutation_score > 0.5\"."
        ),
    ] = "status = 'PASSED'",
    per_function: Annotated[
        int, typer.Option(min=1, help="Rows of each function: the best of its samples.")
    ] = 1,
    per_repository: Annotated[
        int, typer.Option(min=0, help="Rows of each repository, drawn by --seed; 0: all.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of --per-repository.")] = 1,
    out: Annotated[Path, typer.Option(help="The folder of the rows, for `train --rows`.")] = Path("rows"),
    workers: Processes = 0,
    as_json: AsJson = False,
) -> None:
    """Make training rows from executed runs: the best samples, distinct, of no held-out group."""
    from goutbench.harvest.select import HarvestOptions
    from goutbench.harvest.show import print_harvest
    from goutbench.harvest.stage import harvest as run

    options = HarvestOptions(where, per_function, per_repository, seed)
    result = run(runs, dataset, split, out, options, workers=worker_count(workers))
    print_harvest(result, out, dataset, split, as_json=as_json)
