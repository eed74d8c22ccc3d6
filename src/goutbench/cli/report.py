"""`goutbench report`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.command import RESULTS
from goutbench.cli.options import AsJson, command, require_extra


@command(RESULTS)
def report(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Run folders of `generate` and `execute`. NAME=FOLDER renames the model of a run."
        ),
    ],
    dataset: Annotated[Path, typer.Option(help="The dataset that the runs were made from.")] = Path(
        "dataset"
    ),
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The page to write. [report.html, or report-2.html and so on]"),
    ] = None,
    judge: Annotated[
        list[Path] | None, typer.Option(help="A folder that `goutbench judge` wrote. May be repeated.")
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="The model to compare the others with. [the first by name]")
    ] = None,
    title: Annotated[str, typer.Option(help="The title of the page.")] = "",
    as_json: AsJson = False,
) -> None:
    """Write the page of results.

    Write one self-contained page: leaderboard, ladder, comparisons, failures and every item.
    """
    from goutbench.report.stage import report as run
    from goutbench.report.stage import usual_page
    from goutbench.report.tables.leaderboard import leaderboard
    from goutbench.report.tables.terminal import print_leaderboard
    from goutbench.report.warnings import warnings_of

    require_extra("report", "altair", "vl_convert")
    named = [_parse_run(text) for text in runs]
    names = {folder: name for name, folder in named if name}
    folders = [folder for _, folder in named]
    out = out or usual_page(folders, dataset, names, judge or (), base)
    results = run(folders, dataset, out, names=names, judgements=judge or (), base=base, title=title)
    warnings = warnings_of(results, dataset)
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    rows = leaderboard(results).records
    if as_json:
        content = {"page": str(out), "candidates": len(results.samples), "warnings": warnings, "models": rows}
        typer.echo(json.dumps(content, indent=2))
        return
    print_leaderboard(rows)
    typer.echo(f"{out}: {len(results.samples)} candidates")


def _parse_run(text: str) -> tuple[str, Path]:
    """NAME=FOLDER, or a folder alone. A folder that exists is never split."""
    name, equals, folder = text.partition("=")
    return ("", Path(text)) if not equals or Path(text).exists() else (name, Path(folder))
