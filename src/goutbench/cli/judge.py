"""`goutbench judge`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goutbench.cli.command import RESULTS
from goutbench.cli.options import (
    AsJson,
    BaseUrl,
    Connections,
    DryRun,
    Limit,
    ModelArgs,
    Retries,
    Revision,
    ShardCosts,
    ShardText,
    Timeout,
    Tokenizer,
    Window,
    command,
    server_of,
    shard_of,
    suggest,
    suggest_merge,
)
from goutbench.records import CODE_TOKENS

if TYPE_CHECKING:
    from goutbench.dataset.shards import ShardPlan
    from goutbench.inference.models import Server
    from goutbench.judge.audit import AuditOptions
    from goutbench.judge.config import Judge
    from goutbench.judge.options import JudgeOptions
    from goutbench.judge.requests import Request
    from goutbench.judge.results.costs import Prices


@command(RESULTS)
def judge(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(help="Run folders: the base model, and one or more to compare, every pair of them."),
    ] = None,
    dataset: Annotated[Path, typer.Option(help="Dataset of the runs.")] = Path("dataset"),
    judges: Annotated[
        list[str] | None,
        typer.Option(
            "--judge", help="`default`, `paper`, a folder, a model, or NAME=MODEL; several form a panel."
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="Judge model, for judges without one: Inspect's name.")] = "",
    out: Annotated[Path, typer.Option(help="Judge folder; the same command resumes.")] = Path("judged"),
    limit: Limit = 0,
    seed: Annotated[int, typer.Option(help="Seed of --limit, --audit and --export-labels.")] = 1,
    window: Window = 0,
    tokenizer: Tokenizer = "estimate",
    budget: Annotated[
        int, typer.Option(min=1, help="Maximum tokens of code in a prompt about a function.")
    ] = CODE_TOKENS,
    temperature: Annotated[float | None, typer.Option(help="Sampling temperature. [the judge's own]")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Maximum tokens of a reply. [the judge's own]")
    ] = None,
    revision: Revision = "",
    schema: Annotated[
        bool, typer.Option("--schema/--no-schema", help="Send the judge's JSON schema to the server.")
    ] = True,
    base_url: BaseUrl = None,
    model_arg: ModelArgs = None,
    connections: Connections = None,
    timeout: Timeout = None,
    retries: Retries = None,
    price: Annotated[
        list[str] | None,
        typer.Option(
            help="FILE, or MODEL=FILE in a panel: YAML with `input` and `output`, costs of a million tokens."
        ),
    ] = None,
    audit: Annotated[
        bool,
        typer.Option("--audit", help="Audit the judges on placebo pairs first; without runs, only that."),
    ] = False,
    audit_pairs: Annotated[int, typer.Option(min=1, help="Number of tests to make placebo pairs of.")] = 8,
    audit_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Lowest rate of right verdicts for each kind of placebo.")
    ] = 0.75,
    despite_audit: Annotated[
        bool, typer.Option("--despite-audit", help="Use a judge that failed its audit.")
    ] = False,
    export_labels: Annotated[
        tuple[int, Path] | None,
        typer.Option(metavar="N FILE", help="Write N items for people to label, as .csv or .html."),
    ] = None,
    import_labels: Annotated[
        list[Path] | None,
        typer.Option(
            help="Labelled FILE.csv, one per person: prints the agreement with the judges of --out."
        ),
    ] = None,
    reparse: Annotated[
        bool, typer.Option("--reparse", help="Parse the existing replies again, and ask nothing.")
    ] = False,
    shard: ShardText = "",
    shard_costs: ShardCosts = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Have judge models compare runs.

    Compare runs by judge models: win, tie, loss, flip or error per item, with intervals; then ratings.
    """
    from goutbench.judge.audit import AuditOptions, require_pass
    from goutbench.judge.config import parse_judge
    from goutbench.judge.options import JudgeOptions
    from goutbench.judge.results.costs import read_prices

    options = JudgeOptions(
        window=window, tokenizer=tokenizer, budget=budget, limit=limit, seed=seed, revision=revision,
        temperature=temperature, max_tokens=max_tokens, schema=schema,
    )  # fmt: skip
    if import_labels:
        from goutbench.judge.results import labels

        report = labels.import_labels(import_labels, out)
        _print(report, labels.format_agreement(report), as_json)
        return
    if export_labels:
        _export_labels(_require_runs(runs), dataset, out, options, *export_labels, as_json=as_json)
        return
    panel = [parse_judge(text, model) for text in judges or ["default"]]
    session = _Session(
        dataset, out, panel, options,
        server_of(base_url, model_arg, connections, timeout, retries, quiet=as_json),
        AuditOptions(audit_pairs, audit_threshold), reparse, as_json, read_prices(price or (), panel),
        shard_of(shard, dataset, shard_costs),
    )  # fmt: skip
    compared = [] if audit and not runs else _require_runs(runs)
    if dry_run:
        session.print_plan(compared, with_audit=audit)
        return
    if audit:
        session.audit()
    if not despite_audit:
        require_pass(out, panel)
    if compared:
        session.compare(compared)


@dataclass(frozen=True, slots=True)
class _Session:
    """What the steps of the command share."""

    dataset: Path
    out: Path
    judges: "list[Judge]"
    options: "JudgeOptions"
    server: "Server"
    audit_options: "AuditOptions"
    reparse: bool
    as_json: bool
    prices: "Prices"
    shard: "ShardPlan | None"

    def print_plan(self, runs: Sequence[Path], *, with_audit: bool) -> None:
        from dataclasses import asdict
        from itertools import combinations

        from goutbench.dataset.store import read_pairs
        from goutbench.judge.audit import audit_requests
        from goutbench.judge.config import check_judges
        from goutbench.judge.items import read_comparisons
        from goutbench.judge.placebo import placebos
        from goutbench.judge.requests import requests
        from goutbench.judge.stage import plan

        check_judges(self.judges)
        asked: list[Request] = []
        if with_audit:
            pairs = list(read_pairs(self.dataset))
            drawn = placebos(pairs, self.audit_options.pairs, self.options.seed)
            asked += [request for judge in self.judges for request in audit_requests(drawn, judge)]
        only = self.shard.pairs if self.shard else None
        for pair in combinations(runs, 2):
            comparisons = read_comparisons(*pair, self.dataset, self.options, only).comparisons
            asked += [request for judge in self.judges for request in requests(comparisons, judge)]
        counts = asdict(plan(asked, self.out, self.options))
        _print(counts, "\n".join(f"{name}: {value}" for name, value in counts.items()), self.as_json)

    def audit(self) -> None:
        from goutbench.judge.audit import audit, format_cards

        cards = audit(
            self.dataset, self.out, self.judges, self.options, self.server,
            audit_options=self.audit_options, reparse=self.reparse, prices=self.prices,
        )  # fmt: skip
        _print(cards, format_cards(cards), self.as_json)

    def compare(self, runs: Sequence[Path]) -> None:
        from goutbench.judge.results.rating_table import format_ratings, rating_rows
        from goutbench.judge.results.tables import format_figures
        from goutbench.judge.stage import judge
        from goutbench.judge.verdict import require_answer

        result = judge(
            runs, self.dataset, self.out, self.judges, self.options, self.server,
            reparse=self.reparse, prices=self.prices, shard=self.shard,
        )  # fmt: skip
        if not result.comparisons:  # only of a shard: runs without a common item are refused
            _print({}, "no item in this shard", self.as_json)
        elif len(result.pairs) == 1:
            _print(result.figures, format_figures(result.figures), self.as_json)
        else:
            rated = {judge: rating_rows(rows) for judge, rows in result.ratings.items()}
            ratings = format_ratings(result.ratings).lstrip("\n")
            text = "\n\n".join([*map(format_figures, result.pairs), ratings])
            _print({"pairs": result.pairs, "ratings": rated}, text, self.as_json)
        if failures := require_answer(result.verdicts, str(self.out)):
            typer.echo(f"warning: {failures}", err=True)
        if self.as_json:
            return
        if self.shard:
            suggest_merge(self.shard, self.out, self.dataset)
        else:
            suggest("report", *runs, "--judge", self.out, dataset=self.dataset)


def _require_runs(runs: Sequence[Path] | None) -> Sequence[Path]:
    from goutbench.errors import ConfigError

    if runs is None or len(runs) < 2:
        hint = "give two or more run folders: goutbench judge RUN_A RUN_B ..."
        raise ConfigError("a comparison needs two runs", where="judge", hint=hint)
    return runs


def _export_labels(
    runs: Sequence[Path],
    dataset: Path,
    out: Path,
    options: "JudgeOptions",
    count: int,
    path: Path,
    *,
    as_json: bool,
) -> None:
    from goutbench.errors import ConfigError
    from goutbench.judge.items import read_comparisons
    from goutbench.judge.results.labels import LABELS, export_labels

    if len(runs) != 2:
        raise ConfigError("people label two runs at a time", where="--export-labels", hint="give two runs")
    comparisons = read_comparisons(runs[0], runs[1], dataset, options).comparisons
    written = export_labels(comparisons, out, count, options.seed, path)
    items = len({comparison.item for comparison in comparisons})
    content = {"file": str(path), "items": written, "of": items}
    _print(content, f"{path}: {written} of {items} items; label them with {', '.join(LABELS)}", as_json)


def _print(content: Mapping[str, Any], text: str, as_json: bool) -> None:
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False) if as_json else text)
