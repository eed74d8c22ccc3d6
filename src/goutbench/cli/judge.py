"""`goutbench judge`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from goutbench.cli.options import AsJson, app, assignments

if TYPE_CHECKING:
    from goutbench.inference.models import Server
    from goutbench.judge.folder import Juror
    from goutbench.judge.options import Options
    from goutbench.judge.results.costs import Prices


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
        typer.Option(
            "--judge", help="`default`, `paper`, a folder, a model, or NAME=MODEL; several are a panel."
        ),
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
    price: Annotated[
        list[str] | None,
        typer.Option(help="YAML: input, output: cost of a million tokens; FILE, or MODEL=FILE in a panel."),
    ] = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="First ask about placebo pairs; without two runs, only that.")
    ] = False,
    audit_pairs: Annotated[int, typer.Option(min=1, help="Tests to make placebo pairs of.")] = 8,
    audit_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="The least rate of right verdicts on each kind of placebo.")
    ] = 0.75,
    despite_audit: Annotated[
        bool, typer.Option("--despite-audit", help="Go on with a judge below the threshold.")
    ] = False,
    export_labels: Annotated[
        tuple[int, Path] | None,
        typer.Option(metavar="N FILE", help="Write N items for people to label, to .csv or .html."),
    ] = None,
    import_labels: Annotated[
        list[Path] | None,
        typer.Option(help="A labelled FILE.csv, one a person: agreement with the judges in --out."),
    ] = None,
    reparse: Annotated[
        bool, typer.Option("--reparse", help="Read the replies that are there again, and ask nothing.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked, and ask nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Have a model compare two runs, item by item: win, tie, loss, flip or error, with intervals."""
    from goutbench.inference.models import Server
    from goutbench.judge.audit import require_pass
    from goutbench.judge.folder import seat
    from goutbench.judge.options import Options
    from goutbench.judge.results.costs import read_prices

    options = Options(
        window=window, tokenizer=tokenizer, budget=budget, limit=limit, seed=seed, revision=revision,
        temperature=temperature, max_tokens=max_tokens, schema=schema,
    )  # fmt: skip
    server = Server(
        base_url=base_url, model_args=assignments(model_arg or ()), connections=connections,
        timeout=timeout, retries=retries, display="none" if as_json else "plain",
    )  # fmt: skip
    jurors = (
        [seat(words, model) for words in judges or ["default"]]
        if not (import_labels or export_labels)
        else []
    )
    prices = read_prices(price or (), jurors)
    asking = _Asking(dataset, out, jurors, options, server, reparse, as_json, prices)
    if import_labels:
        _import(import_labels, out, as_json)
    elif export_labels:
        _export(_both(run_a, run_b), asking, *export_labels)
    elif dry_run:
        _show_plan((run_a, run_b), asking, audit_pairs if audit else 0)
    else:
        if audit:
            _audit(asking, audit_pairs, audit_threshold)
        if not despite_audit:
            require_pass(out, jurors)
        if not audit or run_a is not None:
            _run(_both(run_a, run_b), asking)


class _Asking(NamedTuple):
    """What the steps of the command have in common."""

    dataset: Path
    out: Path
    jurors: "list[Juror]"
    options: "Options"
    server: "Server"
    reparse: bool
    as_json: bool
    prices: "Prices"


def _both(run_a: Path | None, run_b: Path | None) -> tuple[Path, Path]:
    from goutbench.errors import ConfigError

    if run_a is None or run_b is None:
        raise ConfigError("two runs are compared", where="judge", hint="goutbench judge RUN_A RUN_B ...")
    return run_a, run_b


def _show_plan(runs: tuple[Path | None, Path | None], asking: _Asking, audit_pairs: int) -> None:
    from dataclasses import asdict

    from goutbench.dataset.store import read_pairs
    from goutbench.judge.asking import requests
    from goutbench.judge.audit import requests_of
    from goutbench.judge.items import read_items
    from goutbench.judge.placebo import placebos
    from goutbench.judge.stage import check_jury, plan

    check_jury(asking.jurors)
    asked = []
    if audit_pairs:
        made = placebos(list(read_pairs(asking.dataset)), audit_pairs, asking.options.seed)
        asked += [request for juror in asking.jurors for request in requests_of(made, juror)]
    if not audit_pairs or runs[0] is not None:
        items = read_items(*_both(*runs), asking.dataset, asking.options).items
        asked += [request for juror in asking.jurors for request in requests(items, juror)]
    found = asdict(plan(asked, asking.out, asking.options))
    _print(found, "\n".join(f"{name}: {value}" for name, value in found.items()), asking.as_json)


def _audit(asking: _Asking, pairs: int, threshold: float) -> None:
    from goutbench.judge.audit import audit, text_of

    dataset, out, jurors, options, server, reparse, as_json, prices = asking
    cards = audit(
        dataset, out, jurors, options, server,
        pairs=pairs, threshold=threshold, reparse=reparse, prices=prices,
    )  # fmt: skip
    _print(cards, text_of(cards), as_json)


def _run(runs: tuple[Path, Path], asking: _Asking) -> None:
    from goutbench.judge.results.tables import text_of
    from goutbench.judge.stage import judge

    dataset, out, jurors, options, server, reparse, as_json, prices = asking
    judged = judge(*runs, dataset, out, jurors, options, server, reparse=reparse, prices=prices)
    _print(judged.figures, text_of(judged.figures), as_json)


def _export(runs: tuple[Path, Path], asking: _Asking, count: int, path: Path) -> None:
    from goutbench.judge.items import read_items
    from goutbench.judge.results.labels import LABELS, export_labels

    items = read_items(*runs, asking.dataset, asking.options).items
    written = export_labels(items, asking.out, count, asking.options.seed, path)
    typer.echo(f"{path}: {written} of {len(items)} items; labels are {', '.join(LABELS)}")


def _import(paths: list[Path], out: Path, as_json: bool) -> None:
    from goutbench.judge.results.labels import import_labels, text_of

    found = import_labels(paths, out)
    _print(found, text_of(found), as_json)


def _print(found: Any, text: str, as_json: bool) -> None:
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else text)
