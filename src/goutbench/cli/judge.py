"""`goutbench judge`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from goutbench.cli.options import AsJson, app


@app.command()
def judge(
    run_a: Annotated[Path | None, typer.Argument(help="A run folder of `generate`: the base.")] = None,
    run_b: Annotated[
        Path | None, typer.Argument(help="Another: what is asked is whether it is better.")
    ] = None,
    dataset: Annotated[Path, typer.Option(help="The dataset that the runs were made from.")] = Path(
        "dataset"
    ),
    judges: Annotated[
        list[str] | None,
        typer.Option("--judge", help="`default`, `paper` or a folder; NAME=MODEL; several are a panel."),
    ] = None,
    model: Annotated[str, typer.Option(help="Inspect's name of the model of a judge that names none.")] = "",
    out: Annotated[Path, typer.Option(help="The judge folder; the same command resumes.")] = Path("judged"),
    limit: Annotated[int, typer.Option(min=0, help="Items at most, drawn by --seed; 0: all.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of --limit, of the audit and of --export-labels.")] = 1,
    window: Annotated[int, typer.Option(min=0, help="The judge's window in tokens; 0: not known.")] = 0,
    tokenizer: Annotated[str, typer.Option(help="`estimate`, or a tokenizer.json.")] = "estimate",
    budget: Annotated[int, typer.Option(min=1, help="Tokens of code shown for one function.")] = 15_360,
    temperature: Annotated[float | None, typer.Option(help="Instead of the judge's own.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Of one reply, instead of the judge's.")
    ] = None,
    revision: Annotated[str, typer.Option(help="The model's version, where its name does not say.")] = "",
    schema: Annotated[
        bool,
        typer.Option("--schema/--no-schema", help="Send the judge's JSON schema, if the server takes one."),
    ] = True,
    base_url: Annotated[str | None, typer.Option(help="The server of an OpenAI-compatible model.")] = None,
    model_arg: Annotated[list[str] | None, typer.Option("-M", help="KEY=VALUE for the provider.")] = None,
    connections: Annotated[int | None, typer.Option(min=1, help="Requests in flight at most.")] = None,
    timeout: Annotated[
        int | None, typer.Option(min=1, help="Seconds for one call, retries included.")
    ] = None,
    retries: Annotated[int | None, typer.Option(min=0, help="Retries of one call.")] = None,
    reparse: Annotated[
        bool, typer.Option("--reparse", help="Read the replies that are there again, and ask nothing.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked, and ask nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Have a model compare two runs, item by item: win, tie, loss, flip or error, with intervals."""
    from goutbench.cli.generate import _assignments as assignments
    from goutbench.judge.folder import seat
    from goutbench.judge.options import Options
    from goutbench.judge.stage import Server

    options = Options(
        window=window, tokenizer=tokenizer, budget=budget, limit=limit, seed=seed, revision=revision,
        temperature=temperature, max_tokens=max_tokens, schema=schema,
    )  # fmt: skip
    server = Server(
        base_url=base_url, model_args=assignments(model_arg or ()), connections=connections,
        timeout=timeout, retries=retries, display="none" if as_json else "plain",
    )  # fmt: skip
    jurors = [seat(words, model) for words in judges or ["default"]]
    runs = _both(run_a, run_b)
    if dry_run:
        _show_plan(runs, dataset, out, jurors, options, as_json)
    else:
        _run(runs, dataset, out, jurors, options, server, reparse, as_json)


def _both(run_a: Path | None, run_b: Path | None) -> tuple[Path, Path]:
    from goutbench.errors import ConfigError

    if run_a is None or run_b is None:
        raise ConfigError("two runs are compared", where="judge", mend="goutbench judge RUN_A RUN_B ...")
    return run_a, run_b


def _show_plan(
    runs: tuple[Path, Path], dataset: Path, out: Path, jurors: Any, options: Any, as_json: bool
) -> None:
    from dataclasses import asdict

    from goutbench.judge.asking import requests
    from goutbench.judge.items import read_items
    from goutbench.judge.stage import check_jury, plan

    check_jury(jurors)
    items = read_items(*runs, dataset, options).items
    asked = [request for juror in jurors for request in requests(items, juror)]
    found = asdict(plan(asked, out, options))
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(f"{k}: {v}" for k, v in found.items()))


def _run(
    runs: tuple[Path, Path],
    dataset: Path,
    out: Path,
    jurors: Any,
    options: Any,
    server: Any,
    reparse: bool,
    as_json: bool,
) -> None:
    from goutbench.judge.stage import judge as run
    from goutbench.judge.tables import text_of

    judged = run(*runs, dataset, out, jurors, options, server, reparse=reparse)
    typer.echo(json.dumps(judged.figures, indent=2) if as_json else text_of(judged.figures))
