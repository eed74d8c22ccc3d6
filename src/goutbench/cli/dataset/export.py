"""`goutbench export`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.command import DATASET
from goutbench.cli.options import AsJson, Repos, command, repositories_of


@command(DATASET)
def export(
    tasks: Annotated[Path, typer.Argument(help="Folder that `goutbench tasks` wrote.")],
    dataset: Annotated[
        Path | None, typer.Option(help="The dataset of the tasks. [TASKS/dataset if there, else dataset]")
    ] = None,
    to: Annotated[
        str, typer.Option(help="`harbor`: a folder for each task; `hub`: one for `hf upload`.")
    ] = "harbor",
    out: Annotated[Path | None, typer.Option(help="The folder to write. [the name of the format]")] = None,
    name: Annotated[str, typer.Option(help="ORGANIZATION/NAME of the dataset on the hub.")] = "",
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
    """Write tasks for other programs.

    Write tasks as Harbor task folders, whose verifier is the same ladder, or as a folder for a hub.
    """
    from goutbench.errors import ConfigError
    from goutbench.locations import TASK_DATASET
    from goutbench.tasks.harbor.export import HarborOptions, export_harbor

    if to not in ("harbor", "hub"):
        raise ConfigError(f"unknown format {to!r}", where="--to", hint="use harbor or hub")
    if network not in ("no-network", "public"):
        raise ConfigError(f"unknown network {network!r}", where="--network", hint="use no-network or public")
    fixes = tasks / TASK_DATASET
    source = dataset or (fixes if fixes.is_dir() else Path("dataset"))
    target = out or Path(to)
    if to == "hub":
        from goutbench.tasks.hub.folder import write_hub

        count = write_hub(tasks, source, target, name)
        if as_json:
            typer.echo(json.dumps({"folder": str(target), "tasks": count}, indent=2))
            return
        typer.echo(f"{count} tasks written to {target}; next: hf upload {name} {target} --repo-type dataset")
        return
    options = HarborOptions(agent_image, verifier_image, network)
    exported = export_harbor(tasks, source, target, repositories_of(repos, None), options)
    if as_json:
        result = {"folders": [str(folder) for folder in exported.folders], "excluded": exported.excluded}
        typer.echo(json.dumps(result, indent=2))
        return
    typer.echo(f"{len(exported.folders)} Harbor tasks written to {target}.")
    for reason, number in exported.excluded.items():
        typer.echo(f"{number:6} left out: {reason}")
