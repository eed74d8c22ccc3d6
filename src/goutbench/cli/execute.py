"""`goutbench execute` and `goutbench doctor`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goutbench.cli.command import RESULTS
from goutbench.cli.options import (
    AsJson,
    Cgo,
    Go,
    IgnoreTexts,
    Image,
    Mutants,
    Race,
    RayAddress,
    Repeat,
    Repos,
    Sandbox,
    ShardCosts,
    ShardText,
    Short,
    TestSeconds,
    UnsafeNoSandbox,
    Work,
    Workers,
    command,
    repositories_of,
    runner_of,
    shard_of,
    suggest,
    suggest_merge,
    worker_count,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goutbench.records import Execution
    from goutbench.tasks.kinds.kind import Job


@command(RESULTS)
def execute(
    candidates: Annotated[
        Path | None, typer.Argument(help="Candidate tests: .parquet or .jsonl with pair_id, model, code.")
    ] = None,
    dataset: Annotated[Path, typer.Option(help="The dataset folder of the pairs.")] = Path("dataset"),
    repos: Repos = None,
    out: Annotated[
        Path, typer.Option(help="The run folder. The same command resumes an interrupted run.")
    ] = Path("run"),
    reference: Annotated[
        bool,
        typer.Option(
            "--reference",
            help="Execute the repositories' own tests: of all pairs, or of the candidates' pairs.",
        ),
    ] = False,
    tasks: Annotated[
        Path | None,
        typer.Option(help="Folder of `goutbench tasks`: score the candidates as answers to its tasks."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Maximum number of candidates, drawn by --seed; 0: all.")
    ] = 0,
    only: Annotated[
        list[str] | None, typer.Option(help="Id of a pair: only its candidates; may be repeated.")
    ] = None,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="First download modules (the only step with network access).")
    ] = False,
    workers: Workers = 0,
    repeat: Repeat = 3,
    race: Race = False,
    cgo: Cgo = False,
    mutants: Mutants = None,
    ignore_texts: IgnoreTexts = False,
    tags: Annotated[str, typer.Option(help="Build tags, separated by commas. [those of repos.yaml]")] = "",
    env: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE for the tests' environment; may be repeated. [those of repos.yaml]"),
    ] = None,
    short: Short = False,
    seed: Annotated[int, typer.Option(help="Seed of --limit, of the mutants and of the shuffles.")] = 1,
    siblings: Annotated[
        str, typer.Option(help="Other test files of the package to keep: `all`, `needed` or `none`.")
    ] = "all",
    test_seconds: TestSeconds = None,
    memory_mib: Annotated[
        int, typer.Option(min=16, help="Memory limit of each process of a run, in MiB.")
    ] = 2048,
    build_seconds: Annotated[
        float, typer.Option(min=1.0, help="Time limit of one build, in seconds.")
    ] = 300.0,
    work: Work = None,
    go: Go = None,
    sandbox: Sandbox = "",
    image: Image = "",
    unsafe_no_sandbox: UnsafeNoSandbox = False,
    shard: ShardText = "",
    shard_costs: ShardCosts = None,
    ray: RayAddress = "",
    as_json: AsJson = False,
) -> None:
    """Execute tests in a sandbox.

    Execute tests in a sandbox: do they compile, pass, stay stable, cover their code and kill mutants?
    """
    # the imports take a second, in which a user should see something
    typer.echo(f"reading {candidates or dataset}", err=True)
    from goutbench.execute.options import TEST_SECONDS, ExecuteOptions, parse_variables
    from goutbench.execute.progress import show_progress
    from goutbench.execute.stage import explain_infrastructure, run_prepare, run_stage, summary

    repositories = repositories_of(repos, go)
    part = shard_of(shard, dataset, shard_costs)
    options = ExecuteOptions(
        siblings=siblings,
        repeat=repeat,
        race=race,
        cgo=cgo,
        mutants=mutants,
        ignore_texts=ignore_texts,
        seed=seed,
        test_seconds=test_seconds or TEST_SECONDS,
        keep_timeouts=test_seconds is None,
        tags=tuple(sorted({*tags.replace(",", " ").split()})),
        env=parse_variables(env or ()),
        short=short,
        memory_mib=memory_mib,
        build_seconds=build_seconds,
    )
    if tasks is not None:
        from goutbench.errors import ConfigError
        from goutbench.tasks.score import options_for

        if reference:
            hint = "the folder of tasks has the ceilings; give the candidates without --reference"
            raise ConfigError("reference tests are no answers to tasks", where="--tasks", hint=hint)
        if shard:
            hint = "execute the candidates without --shard; --workers and --ray share the work, too"
            raise ConfigError("a shard has not all answers to the tasks", where="--tasks", hint=hint)
        options = options_for(tasks, options)
    with show_progress() as progress:
        if prepare:
            progress.step("downloading modules")
            unsafe = unsafe_no_sandbox
            for line in run_prepare(
                dataset,
                repositories,
                candidates=candidates,
                work=work,
                go=go,
                unsafe=unsafe,
                sandbox=sandbox,
                image=image,
            ):
                typer.echo(line, err=True)
            if candidates is None and not reference:
                suggest("execute", "--reference", "--out", "reference", dataset=dataset)
                return
        records = run_stage(
            candidates,
            dataset,
            repositories,
            out,
            options=options,
            reference=reference,
            limit=limit,
            only=only or (),
            workers=worker_count(workers, ray),
            work=work,
            go=go,
            unsafe=unsafe_no_sandbox,
            sandbox=sandbox,
            image=image,
            shard=part,
            runner=runner_of(ray) or "threads",
            progress=progress,
        )
    content = summary(records)
    if tasks is not None and candidates is not None:
        from goutbench.execute.inputs import read_settings, read_sources
        from goutbench.tasks.score import score_run
        from goutbench.tasks.score import summary as task_summary

        def run_before(jobs: "Sequence[Job]") -> "list[Execution]":
            """Executes tests at the commits before fixes."""
            from goutbench.execute.evaluate import evaluate
            from goutbench.tasks.kinds.reproduce import options_before_fixes

            return evaluate(
                [candidate for candidate, _ in jobs], {location.id: location for _, location in jobs},
                repositories=repositories, out=out, options=options_before_fixes(options),
                workers=worker_count(workers), work=work, sources=read_sources(dataset),
                settings=read_settings(dataset), go=go, unsafe=unsafe_no_sandbox, sandbox=sandbox,
                image=image, retry_alone=True,
            )  # fmt: skip

        content["tasks"] = task_summary(score_run(tasks, dataset, out, candidates, run_before))
    lines = (f"{name}: {'not measured' if value is None else value}" for name, value in content.items())
    typer.echo(json.dumps(content, indent=2) if as_json else "\n".join(lines))
    for line in explain_infrastructure(records):
        typer.echo(line, err=True)
    if as_json:
        return
    if part:
        suggest_merge(part, out, dataset)
    else:
        suggest("report", out, dataset=dataset)


@command(RESULTS)
def doctor(
    work: Annotated[Path | None, typer.Option(help="The workspace to check.")] = None,
    ray: RayAddress = "",
    as_json: AsJson = False,
) -> None:
    """Check which sandbox works on this machine.

    Check which sandbox works on this machine, or on each node of a cluster with --ray. Exits with 6 if
    `execute` would refuse to run.
    """
    from dataclasses import asdict

    from goutbench.execute.doctor import examine, examine_nodes

    checks = list(examine_nodes(ray, work)) if ray else [("", check) for check in examine(work)]
    if as_json:
        rows = [({"node": node} if ray else {}) | asdict(check) for node, check in checks]
        typer.echo(json.dumps(rows, indent=2))
    else:
        width = max(len(node) for node, _ in checks) + 2 if ray else 0
        for node, check in checks:
            hint = f" ({check.hint})" if check.hint else ""
            typer.echo(f"{node:{width}}{check.state:8}{check.what}: {check.detail}{hint}")
    if any(check.state == "missing" for _, check in checks):
        raise typer.Exit(6)
