"""`goutbench generate`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from goutbench.cli.command import MODELS
from goutbench.cli.options import (
    AsJson,
    BaseUrl,
    Connections,
    DryRun,
    Go,
    Image,
    Limit,
    MaxTokens,
    ModelArgs,
    Mutants,
    PriceFile,
    Race,
    Repeat,
    Repos,
    Retries,
    Revision,
    Sandbox,
    ShardCosts,
    ShardText,
    Temperature,
    TestSeconds,
    Timeout,
    Tokenizer,
    UnsafeNoSandbox,
    Window,
    Work,
    Workers,
    command,
    repositories_of,
    server_of,
    shard_of,
    worker_count,
)

_FEEDBACK_MUTANTS = 50
"""Mutants of each focal file where --feedback has `mutants` and --mutants is not given."""


@command(MODELS)
def generate(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder that `curate` wrote.")],
    model: Annotated[
        str, typer.Option(help="Model by Inspect's name: openai/NAME, hf/FOLDER, ...; or baseline/NAME.")
    ],
    out: Annotated[Path, typer.Option(help="Run folder; the same command resumes.")] = Path("run"),
    prompt: Annotated[
        str | None,
        typer.Option(
            help="`default`, `paper`, `concurrency`, or a prompt's folder. [that of --tasks, else default]"
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(help="`file`, or `function`: one item per function. [the prompt's, else file]"),
    ] = None,
    split: Annotated[
        str, typer.Option(help="SCHEME:SPLIT or SCHEME:SPLIT+SPLIT, such as leakfree:test; empty: all pairs.")
    ] = "",
    samples: Annotated[int, typer.Option(min=1, help="Completions per prompt.")] = 1,
    rounds: Annotated[
        int, typer.Option(min=1, help="Number of rounds; with several, candidates are executed in between.")
    ] = 1,
    feedback: Annotated[
        str, typer.Option(help="Feedback between rounds, some of: build,failures,coverage,mutants.")
    ] = "build,failures,coverage,mutants",
    max_calls: Annotated[
        int, typer.Option(min=0, help="No round beyond this number of calls; 0: no limit.")
    ] = 0,
    max_total_tokens: Annotated[
        int, typer.Option(min=0, help="No round beyond this number of tokens in all; 0: no limit.")
    ] = 0,
    max_cost: Annotated[
        float, typer.Option(min=0, help="No round beyond this cost, by --price; 0: no limit.")
    ] = 0.0,
    examples: Annotated[
        int | None,
        typer.Option(min=0, help="In-context examples, from the training split only. [the prompt's, else 0]"),
    ] = None,
    limit: Limit = 0,
    tasks: Annotated[
        Path | None, typer.Option(help="Folder of `goutbench tasks`: only its items of this unit.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Id of a pair; may be repeated.")] = None,
    paths: Annotated[str, typer.Option(help="Regular expression that a focal file's path must match.")] = "",
    pure: Annotated[bool, typer.Option("--pure", help="Select pure functions only.")] = False,
    concurrent: Annotated[
        bool,
        typer.Option("--concurrent", help="Select functions with goroutines, channels, locks or contexts."),
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of --limit.")] = 1,
    budget: Annotated[
        int | None,
        typer.Option(min=1, help="Maximum tokens of code in a prompt. [the prompt's, else 15360]"),
    ] = None,
    cross_file_tokens: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Maximum tokens of cross-file context in a prompt; 0 disables it. [the prompt's, else 512]",
        ),
    ] = None,
    window: Window = 0,
    tokenizer: Tokenizer = "estimate",
    mode: Annotated[
        str | None,
        typer.Option(help="How completions become one file: `merge` or `append`. [the prompt's, else merge]"),
    ] = None,
    temperature: Temperature = None,
    max_tokens: MaxTokens = 2048,
    revision: Revision = "",
    base_url: BaseUrl = None,
    model_arg: ModelArgs = None,
    connections: Connections = None,
    timeout: Timeout = None,
    retries: Retries = None,
    price: PriceFile = None,
    export_batch: Annotated[
        Path | None,
        typer.Option(help="Ask nothing; write the requests to this file, in the OpenAI Batch format."),
    ] = None,
    import_batch: Annotated[
        list[Path] | None,
        typer.Option(help="Result or error file of such a batch, in place of a server; may be repeated."),
    ] = None,
    shard: ShardText = "",
    shard_costs: ShardCosts = None,
    repos: Repos = None,
    workers: Workers = 0,
    repeat: Repeat = 3,
    race: Race = False,
    mutants: Mutants = None,
    test_seconds: TestSeconds = None,
    work: Work = None,
    go: Go = None,
    sandbox: Sandbox = "",
    image: Image = "",
    unsafe_no_sandbox: UnsafeNoSandbox = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Have a model write tests.

    Have a model write tests: chunk, prompt, complete, assemble. With --rounds, also execute and improve.

    Options from --repos on are those of `execute`, for --rounds above 1.
    """
    from dataclasses import asdict

    from goutbench.baselines.names import is_baseline
    from goutbench.config import Price, load_yaml
    from goutbench.errors import ConfigError
    from goutbench.generate.options import GenerateOptions
    from goutbench.generate.stage import generate as run
    from goutbench.generate.stage import plan
    from goutbench.generate.summary import summary
    from goutbench.generate.task_list import prompt_of_tasks
    from goutbench.generate.tuned import differs_from_training
    from goutbench.inference.batch.replies import BatchReplies
    from goutbench.rounds.options import RoundOptions

    if (suited := prompt_of_tasks(tasks)) == "reproduce" and rounds > 1:
        hint = "leave --rounds out"
        raise ConfigError("feedback would show the fix", where=f"--rounds {rounds}", hint=hint)
    options = GenerateOptions.for_prompt(
        prompt or suited, unit=unit, budget=budget, cross_file_tokens=cross_file_tokens, window=window,
        split=split, limit=limit, tasks=str(tasks or ""), only=tuple(only or ()), paths=paths, pure=pure,
        concurrent=concurrent, samples=samples, examples=examples, seed=seed, mode=mode, revision=revision,
        temperature=temperature, max_tokens=max_tokens, tokenizer=tokenizer,
    )  # fmt: skip
    if settings := differs_from_training(options, model):
        typer.echo(f"warning: the model was trained with other prompt settings: {settings}", err=True)
    kinds = tuple(feedback.replace(",", " ").split())
    if rounds > 1 and is_baseline(model):
        raise ConfigError("a baseline answers once", where=f"--rounds {rounds}", hint="leave --rounds out")
    if rounds > 1 and shard:
        hint = "execute and judge the shards of the first answers, or give all rounds to one machine"
        raise ConfigError("limits of rounds count all answers", where="--rounds with --shard", hint=hint)
    if export_batch or import_batch:
        _check_batch(model, rounds, both=bool(export_batch and import_batch))
    part = shard_of(shard, dataset, shard_costs)
    limits = RoundOptions(rounds, kinds, max_calls, max_total_tokens, max_cost)
    if dry_run:
        result = asdict(plan(dataset, out, model, options, part))
        most = {"calls of all rounds, at most": rounds * result["calls"]} if rounds > 1 else {}
        typer.echo(_text(result | most, as_json=as_json))
        return
    server = server_of(base_url, model_arg, connections, timeout, retries, quiet=as_json)
    if export_batch:
        from goutbench.generate.batch import export_requests

        counts = export_requests(dataset, out, model, options, export_batch, server=server, shard=part)
        typer.echo(_text(counts, as_json=as_json))
        return
    prices = load_yaml(price, Price) if price else None
    if rounds == 1:
        replies = BatchReplies.read(import_batch) if import_batch else None
        candidates = run(
            dataset, out, model, options, price=prices, server=server, shard=part, replies=replies
        )
        typer.echo(_text(summary(out, dataset, candidates, shard, shard_costs), as_json=as_json))
        return
    from goutbench.execute.options import TEST_SECONDS, ExecuteOptions
    from goutbench.execute.progress import show_progress
    from goutbench.execute.stage import RunExecutor
    from goutbench.rounds.stage import generate_in_rounds

    execution = ExecuteOptions(
        repeat=repeat, race=race, mutants=_mutants(mutants, kinds),
        test_seconds=test_seconds or TEST_SECONDS, keep_timeouts=test_seconds is None,
    )  # fmt: skip
    with RunExecutor(
        dataset, out, repositories_of(repos, go), execution, workers=worker_count(workers), work=work, go=go,
        unsafe=unsafe_no_sandbox, sandbox=sandbox, image=image, show=show_progress,
    ) as executor:  # fmt: skip
        candidates = generate_in_rounds(
            executor, model, options, limits, price=prices, server=server,
            report=lambda line: typer.echo(line, err=True),
        )  # fmt: skip
    typer.echo(_text(summary(out, dataset, candidates), as_json=as_json))


def _check_batch(model: str, rounds: int, *, both: bool) -> None:
    """Raises ConfigError for options that do not go with batch files."""
    from goutbench.baselines.names import is_baseline
    from goutbench.errors import ConfigError

    if both:
        hint = "export first, and import the results with a later command"
        raise ConfigError("two directions at once", where="--export-batch with --import-batch", hint=hint)
    if is_baseline(model):
        hint = "leave the batch files out"
        raise ConfigError("a baseline needs no requests", where=f"--model {model}", hint=hint)
    if rounds > 1:
        hint = "leave --rounds out"
        what = "a round's requests depend on the results of the one before"
        raise ConfigError(what, where=f"--rounds {rounds} with batch files", hint=hint)


def _mutants(mutants: int | None, kinds: Sequence[str]) -> int | None:
    """How many mutants are run: feedback about them needs some."""
    return _FEEDBACK_MUTANTS if mutants is None and "mutants" in kinds else mutants


def _text(result: dict[str, Any], *, as_json: bool) -> str:
    if as_json:
        return json.dumps(result, indent=2)
    return "\n".join(f"{name}: {value}" for name, value in result.items())
