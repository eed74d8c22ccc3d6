"""`goutbench train` and `goutbench harvest`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from goutbench.cli.command import MODELS
from goutbench.cli.options import AsJson, Processes, command, require_extra, worker_count
from goutbench.errors import ConfigError


@command(MODELS)
def train(
    recipe: Annotated[
        str | None, typer.Argument(help="A recipe by its name (`goutbench recipes`), or a YAML file.")
    ] = None,
    dataset: Annotated[Path, typer.Option(help="A dataset folder that `split` has split.")] = Path("dataset"),
    out: Annotated[Path, typer.Option(help="The output folder; the same command resumes the run.")] = Path(
        "model"
    ),
    split: Annotated[str, typer.Option(help="The scheme of `goutbench split` to train on.")] = "leakfree",
    where: Annotated[
        str | None,
        typer.Option(help="DuckDB expression that selects pairs, such as 'verified and coverage > 0.5'."),
    ] = None,
    rows: Annotated[
        Path | None, typer.Option(help="Rows of `goutbench harvest`, to train on beside those of the pairs.")
    ] = None,
    rows_only: Annotated[
        bool, typer.Option("--rows-only", help="Train on --rows alone; pairs are for validation.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="A folder or name that replaces the recipe's model.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="KEY=VALUE that overrides the recipe, such as sft.max_steps=20; repeatable."
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0: torch's default.")] = 0,
    stop_at: Annotated[
        int, typer.Option(min=0, help="Stop after this step, with complete outputs; 0: run to the end.")
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what the run would do, and train nothing.")
    ] = False,
    gpus: Annotated[
        int,
        typer.Option(min=0, help="With --dry-run: the memory of each GPU, for one, half of them and all."),
    ] = 0,
    prepare_embedded: Annotated[
        Path | None, typer.Option(help="Only write the embedded model to this folder, as safetensors.")
    ] = None,
    gguf: Annotated[
        Path | None, typer.Option(help="Only convert the model in this GGUF file to --out, as safetensors.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fine-tune a model on a dataset's pairs.

    Fine-tune a model on a dataset's pairs, after a preflight of what the run will do.
    """
    from goutbench.inference.models import use_huge_pages

    if prepare_embedded is None and gguf is None and recipe is None:
        raise ConfigError("no recipe", where="train", hint="name one: `goutbench recipes` lists them")
    require_extra("train", "torch", "transformers", "trl", "peft", "duckdb")
    use_huge_pages()
    from goutbench.train.data.harvested import Harvested
    from goutbench.train.model.embedded import prepare_embedded as convert
    from goutbench.train.model.embedded import prepare_gguf
    from goutbench.train.model.load import resolve_dtype
    from goutbench.train.recipe import load_recipe
    from goutbench.train.show import plan_lines, preflight_lines, result_lines
    from goutbench.train.stage import TrainingRun, plan_training
    from goutbench.train.stage import train as train_model

    if prepare_embedded is not None:
        _print_folder(convert(prepare_embedded), as_json=as_json)
        return
    if gguf is not None:
        _print_folder(prepare_gguf(gguf, out), as_json=as_json)
        return
    if threads:
        import torch

        torch.set_num_threads(threads)
    choice = resolve_dtype(load_recipe(recipe or "", _overrides(setting or (), where, model)))
    if rows_only and rows is None:
        raise ConfigError("there are no rows", where="--rows-only", hint="give --rows FOLDER")
    if gpus and not dry_run:
        hint = "add --dry-run: `train` itself runs on one GPU"
        raise ConfigError("an option of the dry run", where=f"--gpus {gpus}", hint=hint)
    run = TrainingRun(choice, dataset, split, out, Harvested(rows, rows_only) if rows else None)
    if dry_run:
        plan = plan_training(run, gpus=gpus)
        content, lines = plan.content(), plan_lines(plan)
    else:
        content = train_model(
            run, stop_at=stop_at, report=lambda preflight: _echo(preflight_lines(preflight), err=as_json)
        )
        lines = result_lines(content, out)
    if as_json:
        typer.echo(json.dumps(content, indent=2))
    else:
        _echo(lines)


@command(MODELS)
def recipes(as_json: AsJson = False) -> None:
    """List the built-in recipes of `train`."""
    from goutbench.train.recipe import built_in_recipes

    own = built_in_recipes()
    if as_json:
        typer.echo(json.dumps([recipe._asdict() for recipe in own], indent=2))
        return
    width = max(len(recipe.name) for recipe in own)
    for recipe in own:
        typer.echo(f"{recipe.name:<{width}}  {recipe.purpose}")
        typer.echo(f"{'':<{width}}  model: {recipe.model}")
    typer.echo("to read one: goutbench train NAME --dry-run; to change it: --set KEY=VALUE")


@command(MODELS)
def harvest(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders of `generate`, executed. Their samples compete.")
    ],
    dataset: Annotated[Path, typer.Option(help="The dataset that the runs were made from.")] = Path(
        "dataset"
    ),
    split: Annotated[
        str, typer.Option(help="The scheme of `goutbench split`; its training split gives the rows.")
    ] = "leakfree",
    where: Annotated[
        str,
        typer.Option(
            help="DuckDB expression over executions: \"status = 'PASSED' AND mutation_score > 0.5\"."
        ),
    ] = "status = 'PASSED'",
    per_function: Annotated[
        int, typer.Option(min=1, help="Rows of each function: the best of its samples.")
    ] = 1,
    per_repository: Annotated[
        int, typer.Option(min=0, help="Rows of each repository, drawn by --seed; 0: all.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of --per-repository.")] = 1,
    out: Annotated[Path, typer.Option(help="The folder of the rows, for `train --rows`.")] = Path("rows"),
    workers: Processes = 0,
    as_json: AsJson = False,
) -> None:
    """Make training rows from executed runs.

    Make training rows from executed runs: the best samples, distinct, of no held-out group.
    """
    require_extra("train", "duckdb")
    from goutbench.harvest.select import HarvestOptions
    from goutbench.harvest.show import print_harvest
    from goutbench.harvest.stage import harvest as run

    split = split.removesuffix(":train")  # as `generate` names it
    options = HarvestOptions(where, per_function, per_repository, seed)
    result = run(runs, dataset, split, out, options, workers=worker_count(workers))
    print_harvest(result, out, dataset, split, as_json=as_json)


def _overrides(settings: Sequence[str], where: str | None, model: str | None) -> dict[str, Any]:
    """The values by which the command line overrides the recipe; KEY=VALUE values are YAML."""
    import yaml

    overrides: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(f"{setting!r} is not KEY=VALUE", where="--set")
        try:
            overrides[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            what = f"{value!r} is not YAML: {' '.join(str(error).split())}"
            raise ConfigError(what, where=f"--set {key}", hint="quote it as in a YAML file") from None
    if where is not None:
        overrides["data.where"] = where
    if model is not None:
        overrides |= {"model.name": model, "model.shape": None}
    return overrides


def _print_folder(model: Path, *, as_json: bool) -> None:
    typer.echo(json.dumps({"model": str(model)}) if as_json else str(model))


def _echo(lines: Sequence[str], *, err: bool = False) -> None:
    for line in lines:
        typer.echo(line, err=err)
