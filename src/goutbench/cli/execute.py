"""`goutbench execute` and `goutbench doctor`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.options import AsJson, Workers, app, worker_count


@app.command()
def execute(
    candidates: Annotated[
        Path | None, typer.Argument(help="Candidate tests: .parquet or .jsonl with pair_id, model, code.")
    ] = None,
    dataset: Annotated[Path, typer.Option(help="The dataset folder of the pairs.")] = Path("dataset"),
    repos: Annotated[
        Path, typer.Option(help="Folder with git directories or source trees: ORG__REPO[.git], ORG/REPO, ...")
    ] = Path("repos"),
    out: Annotated[Path, typer.Option(help="The run folder; the same command resumes.")] = Path("run"),
    reference: Annotated[
        bool,
        typer.Option(
            "--reference",
            help="Run the repositories' own tests: of all pairs, or of the candidates'.",
        ),
    ] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="First download modules (the only step with a network).")
    ] = False,
    workers: Workers = 0,
    repeat: Annotated[int, typer.Option(min=1, help="Runs of a passing candidate, shuffled.")] = 3,
    race: Annotated[
        bool, typer.Option("--race", help="Run under the race detector (needs a C compiler).")
    ] = False,
    cgo: Annotated[bool, typer.Option("--cgo", help="Build with cgo (needs a C compiler).")] = False,
    mutants: Annotated[
        int | None, typer.Option(min=0, help="Mutants of each focal file: how many to sample, 0: all.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sample and of the shuffles.")] = 1,
    siblings: Annotated[
        str, typer.Option(help="Other test files of the package: `all`, `needed` or `none`.")
    ] = "all",
    test_seconds: Annotated[float, typer.Option(min=1.0, help="Limit of one run.")] = 60.0,
    memory_mib: Annotated[int, typer.Option(min=16, help="Data of one process of a run, in MiB.")] = 2048,
    build_seconds: Annotated[float, typer.Option(min=1.0, help="Limit of one build.")] = 300.0,
    work: Annotated[
        Path | None, typer.Option(help="Trees and caches. [$GOUTBENCH_CACHE, else the user's cache folder]")
    ] = None,
    unsafe_no_sandbox: Annotated[
        bool,
        typer.Option("--unsafe-no-sandbox", help="Run untrusted code even where it cannot be contained."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run tests in a sandbox: do they compile, pass, stay stable, cover, and catch mutants?"""
    from goutbench.execute import Options
    from goutbench.execute.stage import run_prepare, run_stage, summary

    options = Options(
        siblings=siblings,
        repeat=repeat,
        race=race,
        cgo=cgo,
        mutants=mutants,
        seed=seed,
        test_seconds=test_seconds,
        memory_mib=memory_mib,
        build_seconds=build_seconds,
    )
    if prepare:
        unsafe = unsafe_no_sandbox
        for line in run_prepare(dataset, repos, candidates=candidates, work=work, unsafe=unsafe):
            typer.echo(line, err=True)
        if candidates is None and not reference:
            return
    records = run_stage(
        candidates,
        dataset,
        repos,
        out,
        options=options,
        reference=reference,
        workers=worker_count(workers),
        work=work,
        unsafe=unsafe_no_sandbox,
    )
    content = summary(records)
    typer.echo(
        json.dumps(content, indent=2) if as_json else "\n".join(f"{k}: {v}" for k, v in content.items())
    )


@app.command()
def doctor(
    work: Annotated[Path | None, typer.Option(help="The workplace to look at.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what this machine can contain, and why; exits with 6 where execution would refuse."""
    from dataclasses import asdict

    from goutbench.execute.doctor import examine

    checks = list(examine(work))
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        for check in checks:
            hint = f" ({check.hint})" if check.hint else ""
            typer.echo(f"{check.state:8}{check.what}: {check.found}{hint}")
    if any(check.state == "missing" for check in checks):
        raise typer.Exit(6)
