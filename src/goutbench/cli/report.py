"""`goutbench report`."""

from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.options import app


@app.command()
def report(
    runs: Annotated[
        list[str],
        typer.Argument(help="Run folders of `generate` and `execute`; NAME=FOLDER gives the model a name."),
    ],
    dataset: Annotated[Path, typer.Option(help="The dataset that the runs were made from.")] = Path(
        "dataset"
    ),
    out: Annotated[Path, typer.Option("--out", "-o", help="The page.")] = Path("report.html"),
    judge: Annotated[
        list[Path] | None, typer.Option(help="A folder of `goutbench judge`; may be repeated.")
    ] = None,
    base: Annotated[str | None, typer.Option(help="The model to compare the others with.")] = None,
    title: Annotated[str, typer.Option(help="The page's title.")] = "",
) -> None:
    """Write one self-contained page: leaderboard, ladder, comparisons, failures, and every item."""
    from goutbench.report import report as run

    named = [_named(text) for text in runs]
    names = {folder: name for name, folder in named if name}
    folders = [folder for _, folder in named]
    rows = run(folders, dataset, out, names=names, judgements=judge or (), base=base, title=title)
    typer.echo(f"{out}: {len(rows)} candidates")


def _named(text: str) -> tuple[str, Path]:
    """NAME=FOLDER, or a folder alone; a folder that is there is taken as it is written."""
    name, equals, folder = text.partition("=")
    return ("", Path(text)) if not equals or Path(text).exists() else (name, Path(folder))
