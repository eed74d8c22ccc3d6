"""`goutbench describe`."""

from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.command import DATASET
from goutbench.cli.options import (
    AsJson,
    Processes,
    RayAddress,
    command,
    require_extra,
    runner_of,
    worker_count,
)


@command(DATASET)
def describe(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder that `curate` wrote.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder for tables, figures and index.html. [description, or description-2 and so on]"
        ),
    ] = None,
    tokenizer: Annotated[
        list[str] | None,
        typer.Option(
            help="`estimate`, or a tokenizer.json. May be repeated: the first one counts for the signals."
        ),
    ] = None,
    embedder: Annotated[
        str,
        typer.Option(help="`tfidf`, a sentence-transformers folder, or a callable `package.module:name`."),
    ] = "tfidf",
    workers: Processes = 0,
    ray: RayAddress = "",
    as_json: AsJson = False,
) -> None:
    """Describe a dataset: signals, tables, a page.

    Describe a dataset: tables, figures, a page, and quality signals for every row.
    """
    import json

    from goutbench.console import show_steps
    from goutbench.describe.stage import describe as run

    require_extra("report", "altair", "sklearn", "vl_convert")
    with show_steps(f"reading {dataset}", quiet=as_json) as on_step:
        description = run(
            dataset, out, tokenizers=tokenizer or ("estimate",), embedder=embedder,
            workers=worker_count(workers, ray), runner=runner_of(ray), on_step=on_step,
        )  # fmt: skip
    if as_json:
        tables = {table.name: table.rows for table in description.tables}
        typer.echo(json.dumps(tables, indent=2))
    else:
        pairs = f"{len(description.signals):,} pairs"
        typer.echo(f"{description.page}: {pairs}; their signals are in {dataset}/signals.parquet")
