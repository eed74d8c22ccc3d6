"""`goutbench generate`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.options import AsJson, app, assignments


@app.command()
def generate(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder that `curate` wrote.")],
    model: Annotated[
        str, typer.Option(help="Inspect's name of a model: openai/NAME, hf/local, scripted/FILE, ...")
    ],
    out: Annotated[Path, typer.Option(help="The run folder; the same command resumes.")] = Path("run"),
    unit: Annotated[str, typer.Option(help="`file`, or `function`: one item for each function.")] = "file",
    split: Annotated[
        str, typer.Option(help="SCHEME:SPLIT, such as leakfree:test, or SPLIT+SPLIT; empty: all pairs.")
    ] = "",
    samples: Annotated[int, typer.Option(min=1, help="Replies to each prompt.")] = 1,
    repair: Annotated[
        int, typer.Option(min=0, help="Rounds of handing build errors back, after `execute` into --out.")
    ] = 0,
    examples: Annotated[
        int, typer.Option(min=0, help="In-context examples, from the training split alone.")
    ] = 0,
    limit: Annotated[int, typer.Option(min=0, help="Items at most, drawn by --seed; 0: all.")] = 0,
    only: Annotated[list[str] | None, typer.Option(help="A pair's id; may be repeated.")] = None,
    paths: Annotated[str, typer.Option(help="Regular expression over the paths of focal files.")] = "",
    pure: Annotated[
        bool, typer.Option("--pure", help="Only functions that take and give plain values and only compute.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of --limit.")] = 1,
    budget: Annotated[int, typer.Option(min=1, help="Tokens of code in one prompt.")] = 15_360,
    cross_file_tokens: Annotated[
        int,
        typer.Option(min=0, help="Tokens of cross-file context in one prompt; 0 disables it."),
    ] = 512,
    window: Annotated[int, typer.Option(min=0, help="The model's window in tokens; 0: not known.")] = 0,
    tokenizer: Annotated[str, typer.Option(help="`estimate`, or a tokenizer.json.")] = "estimate",
    mode: Annotated[str, typer.Option(help="How replies become a file: `merge` or `append`.")] = "merge",
    temperature: Annotated[float | None, typer.Option(help="Left to the model without it.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens of one reply.")] = 2048,
    revision: Annotated[str, typer.Option(help="The model's version, where its name does not say.")] = "",
    base_url: Annotated[str | None, typer.Option(help="The server of an OpenAI-compatible model.")] = None,
    model_arg: Annotated[list[str] | None, typer.Option("-M", help="KEY=VALUE for the provider.")] = None,
    connections: Annotated[int | None, typer.Option(min=1, help="Requests in flight at most.")] = None,
    timeout: Annotated[
        int | None, typer.Option(min=1, help="Seconds for one call, retries included.")
    ] = None,
    retries: Annotated[int | None, typer.Option(min=0, help="Retries of one call.")] = None,
    price: Annotated[Path | None, typer.Option(help="YAML: input, output: cost of a million tokens.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked, and ask nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Have a model write the tests: chunk, prompt, complete, assemble."""
    from dataclasses import asdict

    from goutbench.config import Price, load_yaml
    from goutbench.generate.options import Options
    from goutbench.generate.stage import generate as run
    from goutbench.generate.stage import other_than_in_training, plan, summary
    from goutbench.inference.models import Server

    options = Options(
        unit=unit, budget=budget, cross_file_tokens=cross_file_tokens, window=window, split=split, limit=limit,
        only=tuple(only or ()), paths=paths, pure=pure,
        samples=samples, repair=repair, examples=examples, seed=seed, mode=mode, revision=revision,
        temperature=temperature, max_tokens=max_tokens, tokenizer=tokenizer,
    )  # fmt: skip
    if told := other_than_in_training(options, model):
        typer.echo(f"warning: in training the model was asked with {told}", err=True)
    if dry_run:
        found = asdict(plan(dataset, out, model, options))
    else:
        made = run(
            dataset, out, model, options,
            price=load_yaml(price, Price) if price else None,
            server=Server(
                base_url=base_url, model_args=assignments(model_arg or ()), connections=connections,
                timeout=timeout, retries=retries, display="none" if as_json else "plain",
            ),
        )  # fmt: skip
        found = summary(out, made)
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(f"{k}: {v}" for k, v in found.items()))
