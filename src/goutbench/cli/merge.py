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
    mixed: Annotated[
        bool, typer.Option("--mixed", help="Accept shards of machines with different Go or sandboxes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Join the shards of a run.

    Join the shards of `generate`, `execute` or `judge` into the run that one machine would write.
    """
    from goutbench.locations import CANDIDATES
    from goutbench.merge.stage import judged_runs
    from goutbench.merge.stage import merge as run

    def warn(difference: str) -> None:
        typer.echo(f"warning: shards of different machines: {difference}", err=True)

    counts = run(runs, dataset, out, on_mixed=warn if mixed else None)
    lines = [f"{stage}: {count}" for stage, count in counts.items()]
    typer.echo(json.dumps(counts, indent=2) if as_json else "\n".join(lines))
    if as_json:
        return
    if "judge" in counts:
        suggest("report", *judged_runs(out), "--judge", out, dataset=dataset)
    elif "execute" in counts:
        suggest("report", out, dataset=dataset)
    else:
        suggest("execute", out / CANDIDATES, "--out", out, dataset=dataset)
