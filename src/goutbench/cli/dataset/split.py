"""`goutbench split` and `goutbench leakage`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.command import DATASET
from goutbench.cli.options import AsJson, Processes, RayAddress, command, runner_of, suggest, worker_count


@command(DATASET)
def split(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder that `curate` wrote.")],
    scheme: Annotated[
        str, typer.Option(help="`leakfree`, `paper`, `repository` or `temporal`.")
    ] = "leakfree",
    seed: Annotated[int, typer.Option(help="Seed of the shuffle.")] = 42,
    after: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="For `temporal`: rows first committed on this date or later are for test.",
        ),
    ] = None,
    hold_out: Annotated[
        list[str] | None, typer.Option(help="For `repository`: a repository for test; may be repeated.")
    ] = None,
    balance: Annotated[str, typer.Option(help="Weight training rows by `repository` or `domain`.")] = "",
    power: Annotated[
        float,
        typer.Option(help="With --balance: 1 changes nothing, 0 makes all repositories or domains equal."),
    ] = 0.5,
    cap: Annotated[
        int | None,
        typer.Option(help="With --balance: maximum number of training rows of each repository or domain."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: check an existing split by its files.")
    ] = False,
    workers: Processes = 0,
    ray: RayAddress = "",
    as_json: AsJson = False,
) -> None:
    """Split a dataset without leaks.

    Split a dataset into train, validation and test, and count what these have in common.
    """
    from goutbench.console import show_steps
    from goutbench.split.balance import Balance
    from goutbench.split.proof import broken_promises
    from goutbench.split.schemes import SplitOptions
    from goutbench.split.show import print_split
    from goutbench.split.stage import check as run_check
    from goutbench.split.stage import split as run

    count, runner = worker_count(workers, ray), runner_of(ray)
    with show_steps(f"reading {dataset}", quiet=as_json) as on_step:
        if check:
            result = run_check(dataset, scheme, workers=count, runner=runner)
        else:
            options = SplitOptions(seed, after.replace(tzinfo=UTC) if after else None, tuple(hold_out or ()))
            result = run(
                dataset, scheme, options, Balance(balance, power, cap), workers=count, runner=runner,
                on_step=on_step,
            )  # fmt: skip
    print_split(dataset, scheme, result, as_json=as_json)
    if broken_promises(result.proof):
        raise typer.Exit(1)
    if not as_json:
        suggest("execute", "--reference", "--prepare", "--out", "reference", dataset=dataset)


@command(DATASET)
def leakage(
    dataset: Annotated[Path, typer.Argument(help="The dataset folder to check, or any file or folder.")],
    more: Annotated[list[Path] | None, typer.Argument(hidden=True)] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            help="Corpora to search: datasets, folders, .parquet, .jsonl, .json; several may follow."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write a Parquet file with a row for each text.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="A column to compare, if its name is not a usual one; may be repeated."),
    ] = None,
    embedder: Annotated[
        str | None, typer.Option(help="A sentence-transformers folder, or a callable `package.module:name`.")
    ] = None,
    workers: Processes = 0,
    as_json: AsJson = False,
) -> None:
    """Measure overlap with other corpora.

    Measure how much of a dataset is in other corpora: exact, normalised, near-duplicate, in parts.
    """
    from goutbench.console import show_steps
    from goutbench.embeddings import load_embedder
    from goutbench.leakage.show import print_leakage
    from goutbench.leakage.stage import leakage as run
    from goutbench.leakage.stage import write_leaks

    with show_steps(f"comparing {dataset} with the corpora", quiet=as_json):
        result = run(
            dataset,
            [*(against or ()), *(more or ())],
            columns=column or (),
            embed=load_embedder(embedder) if embedder else None,
            workers=worker_count(workers),
        )
    if out is not None:
        write_leaks(result, out)
    print_leakage(result, as_json=as_json)
