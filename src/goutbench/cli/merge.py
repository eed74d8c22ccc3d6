"""`goutbench merge`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.command import RESULTS
from goutbench.cli.options import AsJson, command, suggest


@command(RESULTS)
def merge(
    runs: Annotated[list[Path], typer.Argument(help="The run folders of all shards.")],
    dataset: Annotated[Path, typer.Option(help="The dataset folder of the shards.")] = Path("dataset"),
    out: Annotated[Path, typer.Option(help="The run folder to write: a new one.")] = Path("run"),
    as_json: AsJson = False,
) -> None:
    """Join the shards of a run.

    Join the shards of `generate`, `execute` or `judge` into the run that one machine would write.
    """
    from goutbench.merge.stage import merge as run

    counts = run(runs, dataset, out)
    lines = [f"{stage}: {count}" for stage, count in counts.items()]
    typer.echo(json.dumps(counts, indent=2) if as_json else "\n".join(lines))
    if not as_json:
        suggest("report", out, dataset=dataset)
