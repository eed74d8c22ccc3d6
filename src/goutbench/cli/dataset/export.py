"""`goutbench export`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.options import AsJson, Repos, app, repositories_of


@app.command()
def export(
    tasks: Annotated[Path, typer.Argument(help="Folder that `goutbench tasks` wrote.")],
    dataset: Annotated[
        Path | None, typer.Option(help="The dataset of the tasks. [TASKS/dataset if there, else dataset]")
    ] = None,
    to: Annotated[str, typer.Option(help="The format: `harbor`.")] = "harbor",
    out: Annotated[Path, typer.Option(help="The folder to write, with one folder for each task.")] = Path(
        "harbor"
    ),
    repos: Repos = None,
    agent_image: Annotated[
        str, typer.Option(help="The image in which the agent works: Go, and what the agent needs.")
    ] = "docker.io/library/golang:1.26-bookworm",
    verifier_image: Annotated[
        str, typer.Option(help="The image that judges: that of goutbench's Containerfile.")
    ] = "localhost/goutbench",
    network: Annotated[
        str, typer.Option(help="The agent's network: `no-network` or `public`.")
    ] = "no-network",
    as_json: AsJson = False,
) -> None:
    """Write tasks as Harbor task folders, whose verifier executes answers by the same ladder."""
    from goutbench.errors import ConfigError
    from goutbench.locations import TASK_DATASET
    from goutbench.tasks.harbor.export import HarborOptions, export_harbor

    if to != "harbor":
        raise ConfigError(f"unknown format {to!r}", where="--to", hint="use harbor")
    if network not in ("no-network", "public"):
        raise ConfigError(f"unknown network {network!r}", where="--network", hint="use no-network or public")
    fixes = tasks / TASK_DATASET
    source = dataset or (fixes if fixes.is_dir() else Path("dataset"))
    options = HarborOptions(agent_image, verifier_image, network)
    exported = export_harbor(tasks, source, out, repositories_of(repos, None), options)
    if as_json:
        result = {"folders": [str(folder) for folder in exported.folders], "excluded": exported.excluded}
        typer.echo(json.dumps(result, indent=2))
        return
    typer.echo(f"{len(exported.folders)} Harbor tasks written to {out}.")
    for reason, number in exported.excluded.items():
        typer.echo(f"{number:6} left out: {reason}")
