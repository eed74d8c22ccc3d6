"""`goutbench train`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from goutbench.cli.options import AsJson, app
from goutbench.errors import ConfigError


@app.command()
def train(
    config: Annotated[Path | None, typer.Argument(help="A recipe, such as those of configs/train/.")] = None,
    dataset: Annotated[Path, typer.Option(help="A dataset folder that was split.")] = Path("dataset"),
    out: Annotated[Path, typer.Option(help="The model's folder; the same command resumes.")] = Path("model"),
    split: Annotated[str, typer.Option(help="The scheme of `goutbench split` to train on.")] = "leakfree",
    where: Annotated[
        str | None,
        typer.Option(help="Which pairs: a DuckDB expression such as 'verified and coverage > 0.5'."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Another model than the recipe's: a folder or name.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE of the recipe, such as sft.max_steps=20; may be repeated."),
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="Threads on the CPU; 0: as torch chooses.")] = 0,
    stop_at: Annotated[
        int, typer.Option(min=0, help="End after this step, with all that a run leaves; 0: go to the end.")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what the run would do.")] = False,
    prepare_embedded: Annotated[
        Path | None, typer.Option(help="Only write the embedded model to this folder, as safetensors.")
    ] = None,
    gguf: Annotated[
        Path | None, typer.Option(help="Only write the model of this GGUF file to --out, as safetensors.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fine-tune a model on a dataset's pairs, after saying what the run will do."""
    from goutbench.inference.models import take_large_pages

    take_large_pages()
    from goutbench.train import Job, load_recipe, prepare_gguf, settled
    from goutbench.train import plan as run_plan
    from goutbench.train import prepare_embedded as convert
    from goutbench.train import train as run
    from goutbench.train.show import plan_lines, preflight_lines, result_lines

    if prepare_embedded is not None:
        typer.echo(str(convert(prepare_embedded)))
        return
    if gguf is not None:
        typer.echo(str(prepare_gguf(gguf, out)))
        return
    if config is None:
        raise ConfigError("there is no recipe", where="train", hint="give a YAML, as those of configs/train/")
    if threads:
        import torch

        torch.set_num_threads(threads)
    job = Job(settled(load_recipe(config, _settings(setting or (), where, model))), dataset, split, out)
    if dry_run:
        found = run_plan(job)
        content, lines = found.content(), plan_lines(found)
    else:
        content = run(job, stop_at=stop_at, show=lambda seen: _say(preflight_lines(seen), err=as_json))
        lines = result_lines(content, out)
    if as_json:
        typer.echo(json.dumps(content, indent=2))
    else:
        _say(lines)


def _settings(words: Sequence[str], where: str | None, model: str | None) -> dict[str, Any]:
    """What the command line says other than the recipe; values are read as YAML."""
    import yaml

    found: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(f"{word!r} is not KEY=VALUE", where="--set")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            what = f"{value!r} is no YAML: {' '.join(str(error).split())}"
            raise ConfigError(what, where=f"--set {key}", hint="quote it as in a YAML file") from None
    if where is not None:
        found["data.where"] = where
    if model is not None:
        found |= {"model.name": model, "model.shape": None}
    return found


def _say(lines: Sequence[str], *, err: bool = False) -> None:
    for line in lines:
        typer.echo(line, err=err)
