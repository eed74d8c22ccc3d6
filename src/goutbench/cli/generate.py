"""`goutbench generate`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.options import (
    AsJson,
    BaseUrl,
    Connections,
    DryRun,
    Limit,
    ModelArgs,
    Retries,
    Revision,
    Timeout,
    Tokenizer,
    Window,
    app,
    server_of,
)
from goutbench.records import CODE_TOKENS


@app.command()
def generate(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder that `curate` wrote.")],
    model: Annotated[
        str, typer.Option(help="Model by Inspect's name: openai/NAME, hf/FOLDER, scripted/FILE, ...")
    ],
    out: Annotated[Path, typer.Option(help="Run folder; the same command resumes.")] = Path("run"),
    unit: Annotated[str, typer.Option(help="`file`, or `function`: one item per function.")] = "file",
    split: Annotated[
        str, typer.Option(help="SCHEME:SPLIT or SCHEME:SPLIT+SPLIT, such as leakfree:test; empty: all pairs.")
    ] = "",
    samples: Annotated[int, typer.Option(min=1, help="Completions per prompt.")] = 1,
    repair: Annotated[
        int, typer.Option(min=0, help="Repair rounds with build errors, after `execute` into --out.")
    ] = 0,
    examples: Annotated[
        int, typer.Option(min=0, help="In-context examples, from the training split only.")
    ] = 0,
    limit: Limit = 0,
    only: Annotated[list[str] | None, typer.Option(help="Id of a pair; may be repeated.")] = None,
    paths: Annotated[str, typer.Option(help="Regular expression that a focal file's path must match.")] = "",
    pure: Annotated[bool, typer.Option("--pure", help="Select pure functions only.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of --limit.")] = 1,
    budget: Annotated[int, typer.Option(min=1, help="Maximum tokens of code in a prompt.")] = CODE_TOKENS,
    cross_file_tokens: Annotated[
        int, typer.Option(min=0, help="Maximum tokens of cross-file context in a prompt; 0 disables it.")
    ] = 512,
    window: Window = 0,
    tokenizer: Tokenizer = "estimate",
    mode: Annotated[
        str, typer.Option(help="How completions become one file: `merge` or `append`.")
    ] = "merge",
    temperature: Annotated[
        float | None, typer.Option(help="Sampling temperature. [the model's default]")
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Maximum tokens of a completion.")] = 2048,
    revision: Revision = "",
    base_url: BaseUrl = None,
    model_arg: ModelArgs = None,
    connections: Connections = None,
    timeout: Timeout = None,
    retries: Retries = None,
    price: Annotated[
        Path | None, typer.Option(help="YAML file with `input` and `output`: costs of a million tokens.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Have a model write tests: chunk, prompt, complete, assemble."""
    from dataclasses import asdict

    from goutbench.config import Price, load_yaml
    from goutbench.generate.options import GenerateOptions
    from goutbench.generate.stage import differs_from_training, plan, summary
    from goutbench.generate.stage import generate as run

    options = GenerateOptions(
        unit=unit, budget=budget, cross_file_tokens=cross_file_tokens, window=window, split=split,
        limit=limit, only=tuple(only or ()), paths=paths, pure=pure,
        samples=samples, repair=repair, examples=examples, seed=seed, mode=mode, revision=revision,
        temperature=temperature, max_tokens=max_tokens, tokenizer=tokenizer,
    )  # fmt: skip
    if settings := differs_from_training(options, model):
        typer.echo(f"warning: the model was trained with other prompt settings: {settings}", err=True)
    if dry_run:
        result = asdict(plan(dataset, out, model, options))
    else:
        server = server_of(base_url, model_arg, connections, timeout, retries, quiet=as_json)
        candidates = run(
            dataset, out, model, options, price=load_yaml(price, Price) if price else None, server=server
        )
        result = summary(out, dataset, candidates)
    lines = (f"{name}: {value}" for name, value in result.items())
    typer.echo(json.dumps(result, indent=2) if as_json else "\n".join(lines))
