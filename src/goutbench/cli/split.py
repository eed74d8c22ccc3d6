"""`goutbench split` and `goutbench leakage`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.options import AsJson, Processes, app, worker_count


@app.command()
def split(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder that `curate` wrote.")],
    scheme: Annotated[
        str, typer.Option(help="`leakfree`, `paper`, `repository` or `temporal`.")
    ] = "leakfree",
    seed: Annotated[int, typer.Option(help="Seed of the shuffle.")] = 42,
    after: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="For temporal: test rows are first committed since then."),
    ] = None,
    hold_out: Annotated[
        list[str] | None, typer.Option(help="For repository: a repository for test; may be repeated.")
    ] = None,
    balance: Annotated[str, typer.Option(help="Weigh training rows by `repository` or `domain`.")] = "",
    power: Annotated[
        float, typer.Option(help="With --balance: 1 leaves things as they are, 0 makes all equal.")
    ] = 0.5,
    cap: Annotated[int | None, typer.Option(help="With --balance: training rows of each at most.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: prove an existing split anew from its files.")
    ] = False,
    workers: Processes = 0,
    as_json: AsJson = False,
) -> None:
    """Split a dataset into train, validation and test, and prove what these have in common."""
    from goutbench.split import Balance, Choice, broken
    from goutbench.split import check as run_check
    from goutbench.split import split as run
    from goutbench.split.show import print_split

    if check:
        made = run_check(dataset, scheme, workers=worker_count(workers))
    else:
        choice = Choice(seed, after.replace(tzinfo=UTC) if after else None, tuple(hold_out or ()))
        made = run(dataset, scheme, choice, Balance(balance, power, cap), workers=worker_count(workers))
    print_split(dataset, scheme, made, as_json=as_json)
    if broken(made.proof):
        raise typer.Exit(1)


@app.command()
def leakage(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder, or any file or folder to look for.")],
    more: Annotated[list[Path] | None, typer.Argument(hidden=True)] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Datasets, folders, .parquet, .jsonl, .json to look in; several may follow."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write a row for each text here, as Parquet.")] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="A column to compare, where the names say nothing.")
    ] = None,
    embedder: Annotated[
        str | None, typer.Option(help="A sentence-transformers folder, or a callable `package.module:name`.")
    ] = None,
    workers: Processes = 0,
    as_json: AsJson = False,
) -> None:
    """Find out how much of a dataset stands in other corpora: exact, normalised, near, in parts."""
    from goutbench.embeddings import load_embedder
    from goutbench.leakage import leakage as run
    from goutbench.leakage import write_leaks
    from goutbench.leakage.show import print_leakage

    found = run(
        dataset,
        [*(against or ()), *(more or ())],
        columns=column or (),
        embed=load_embedder(embedder) if embedder else None,
        workers=worker_count(workers),
    )
    if out is not None:
        write_leaks(found, out)
    print_leakage(found, as_json=as_json)
