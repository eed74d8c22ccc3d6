"""`goutbench run`: from repositories to the page."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goutbench.cli.command import LOOP
from goutbench.cli.options import (
    AsJson,
    BaseUrl,
    Image,
    MaxTokens,
    Sandbox,
    UnsafeNoSandbox,
    Work,
    Workers,
    command,
    repositories_of,
    require_extra,
    server_of,
    worker_count,
)

if TYPE_CHECKING:
    from goutbench.records import Execution

_BASELINES = ("baseline/reference", "baseline/no-assertions")
"""The ceiling and the floor of the same items."""


@command(LOOP)
def run(
    config: Annotated[Path, typer.Argument(help="A repos.yaml.")],
    models: Annotated[
        list[str], typer.Option("--model", help="Model by Inspect's name; repeat it to compare several.")
    ],
    out: Annotated[Path, typer.Option(help="The folder of everything; the same command resumes.")] = Path(
        "goutbench-run"
    ),
    unit: Annotated[str, typer.Option(help="`file`, or `function`: one item per function.")] = "function",
    limit: Annotated[int, typer.Option(min=0, help="Maximum number of items, drawn by seed 1; 0: all.")] = 50,
    samples: Annotated[int, typer.Option(min=1, help="Completions per prompt.")] = 1,
    mutants: Annotated[int, typer.Option(min=0, help="Mutants of each focal file; 0: all.")] = 20,
    max_tokens: MaxTokens = 2048,
    base_url: BaseUrl = None,
    workers: Workers = 0,
    work: Work = None,
    sandbox: Sandbox = "",
    image: Image = "",
    unsafe_no_sandbox: UnsafeNoSandbox = False,
    as_json: AsJson = False,
) -> None:
    """Compare models on your code, from start to page.

    Curates the repositories, has each model write tests, executes them beside the repositories' own tests and
    these without assertions, and writes the page. Nothing is trained, so all pairs are candidates for items.
    """
    require_extra("report", "altair", "vl_convert")
    from goutbench.baselines.names import is_baseline
    from goutbench.execute.options import ExecuteOptions
    from goutbench.execute.stage import explain_infrastructure, run_prepare, run_stage
    from goutbench.generate.options import GenerateOptions
    from goutbench.generate.stage import generate
    from goutbench.generate.summary import summary
    from goutbench.locations import CANDIDATES
    from goutbench.prompts.library import DEFAULT
    from goutbench.report.stage import report
    from goutbench.report.tables.leaderboard import leaderboard
    from goutbench.report.tables.terminal import print_leaderboard

    server = server_of(base_url, None, None, None, None, quiet=as_json)
    machine: dict[str, Any] = {
        "work": work, "sandbox": sandbox, "image": image, "unsafe": unsafe_no_sandbox
    }  # fmt: skip
    repositories, execution = repositories_of(None, None), ExecuteOptions(mutants=mutants)
    dataset, page = out / "dataset", out / "report.html"
    _curate(config, dataset, out / "config.json", workers)
    folders: list[Path] = []
    executed: list[Execution] = []
    for model in dict.fromkeys([*models, *_BASELINES]):
        folder = out / "runs" / _folder_name(model)
        _say(f"{model}: writing tests")
        choice = {} if is_baseline(model) else {"samples": samples, "max_tokens": max_tokens}
        options = GenerateOptions.for_prompt(DEFAULT, unit=unit, limit=limit, **choice)
        written = generate(dataset, folder, model, options, server=server)
        summary(folder, dataset, written)  # an error where the model answered no call
        _say(f"{model}: executing tests")
        if not folders:  # all have the same items
            for line in run_prepare(dataset, repositories, candidates=folder / CANDIDATES, **machine):
                _say(line)
        records = run_stage(
            folder / CANDIDATES, dataset, repositories, folder, options=execution,
            workers=worker_count(workers), **machine,
        )  # fmt: skip
        for line in explain_infrastructure(records):
            typer.echo(line, err=True)
        folders.append(folder)
        executed += records
    base = executed[0].model if executed else None  # the first one that was asked for
    results = report(folders, dataset, page, base=base)
    _require_verdicts(executed, page)
    if as_json:
        typer.echo(json.dumps({"page": str(page), "candidates": len(results.samples)}))
        return
    print_leaderboard(leaderboard(results).records)
    typer.echo(f"page: {page}")


def _require_verdicts(records: "Sequence[Execution]", page: Path) -> None:
    """Raises ToolError where every record is an infrastructure error: the page says nothing of a model."""
    from goutbench.errors import ToolError
    from goutbench.records import Status

    if any(record.status is not Status.INFRA_FAILURE for record in records):
        return
    what = f"no test was executed: all {len(records)} results are infrastructure errors"
    hint = "the lines above have the reasons; `goutbench doctor` checks this machine"
    raise ToolError(what, where=str(page), hint=hint)


def _curate(config: Path, dataset: Path, state: Path, workers: int) -> None:
    """Curate unless it is done. Raises ConfigError where the folder has the dataset of another repos.yaml."""
    from goutbench.config import load_curate_config
    from goutbench.curate.sources.source import SourceLocations
    from goutbench.curate.stage import curate
    from goutbench.dataset.store import MANIFEST, file_hash, write_json
    from goutbench.errors import ConfigError
    from goutbench.locations import clones_folder

    if not config.is_file():
        hint = "give a repos.yaml; docs/howto/own-repositories.md has an example"
        raise ConfigError("no such file", where=str(config), hint=hint)
    content = {"config": file_hash(config)}
    if (dataset / MANIFEST).is_file():
        if not state.is_file() or json.loads(state.read_bytes()) != content:
            what = "the folder has the dataset of another configuration"
            raise ConfigError(what, where=f"--out {dataset.parent}", hint="give another --out")
        return
    _say(f"curating {config}")
    write_json(state, content)
    locations = SourceLocations((config.parent.resolve(),), clones_folder(None))
    curate(load_curate_config(config), dataset, locations, workers=worker_count(workers))


def _folder_name(model: str) -> str:
    """A name for the folder of a model, different for different models."""
    from goutbench.records import short_hash

    plain = "".join(char if char.isalnum() or char in "-._" else "-" for char in model).strip("-.")
    return f"{plain[-60:]}-{short_hash(model)[:6]}"


def _say(text: str) -> None:
    typer.echo(text, err=True)
