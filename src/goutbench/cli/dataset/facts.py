"""`goutbench facts`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.command import DATASET
from goutbench.cli.options import AsJson, command


@command(DATASET)
def facts(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders of `execute --reference`, and earlier files of facts.")
    ],
    dataset: Annotated[Path, typer.Option(help="The dataset folder of the pairs.")] = Path("dataset"),
    out: Annotated[
        Path | None, typer.Option(help="The file to write. [facts.parquet in the dataset]")
    ] = None,
    rest: Annotated[
        Path | None,
        typer.Option(help="Write the pairs that no run has to this .parquet, for `execute --reference`."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write what a dataset's own tests reach.

    Write what a dataset's own tests reach as facts, which hold hashes and numbers and nobody's code.
    """
    from goutbench.facts.stage import collect_facts
    from goutbench.locations import FACTS

    out = out or dataset / FACTS
    counts = collect_facts(dataset, runs, out, rest=rest)
    if as_json:
        typer.echo(json.dumps({"facts": str(out), "statuses": dict(counts)}, indent=2))
        return
    for status, count in counts.most_common():
        typer.echo(f"{count:6} {status}")
    typer.echo(f"Facts of {counts.total()} pairs written to {out}.")
    if rest is not None and rest.exists():
        typer.echo(f"next: goutbench execute {rest} --reference --dataset {dataset} --out ANOTHER-RUN")
    else:
        typer.echo(f"next: goutbench verify {dataset} --facts 20")
