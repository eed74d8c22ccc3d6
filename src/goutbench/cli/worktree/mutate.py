"""`goutbench mutate`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.command import WORK_TREE
from goutbench.cli.options import (
    AsJson,
    Cgo,
    Go,
    IgnoreTexts,
    Image,
    NoDownload,
    Packages,
    Race,
    Sandbox,
    Short,
    Tags,
    UnsafeNoSandbox,
    Variables,
    Work,
    Workers,
    command,
    worker_count,
)


@command(WORK_TREE)
def mutate(
    patterns: Packages = None,
    changed_since: Annotated[
        str,
        typer.Option(help="Only mutants in lines that differ from this revision, such as main. [all]"),
    ] = "",
    functions: Annotated[
        str, typer.Option(help="Only mutants in functions that match this regular expression. [all]")
    ] = "",
    tests: Annotated[
        str, typer.Option(help="Run only tests whose names match this regular expression. [all]")
    ] = "",
    budget: Annotated[
        str, typer.Option(help="Stop after this time, such as 60s or 5m, the most informative mutants first.")
    ] = "",
    ignore_texts: IgnoreTexts = False,
    redundant: Annotated[
        bool,
        typer.Option("--redundant", help="Also list tests that kill nothing that no other test kills."),
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(min=0.0, max=100.0, help="Exit with 1 if the score is below this percentage."),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            help="Exit with 1 if a mutant is not killed that this --stryker file lacks or has as killed."
        ),
    ] = None,
    stryker: Annotated[
        Path | None, typer.Option(help="Write the result in Stryker's schema of mutation reports.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Write a page with the mutants inside the source.")
    ] = None,
    github: Annotated[
        bool, typer.Option("--github", help="Print surviving mutants as annotations of GitHub Actions.")
    ] = False,
    show: Annotated[int, typer.Option(min=0, help="The number of surviving mutants to print.")] = 10,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Run all mutants, also those that an earlier run has tested.")
    ] = False,
    no_download: NoDownload = False,
    workers: Workers = 0,
    race: Race = False,
    cgo: Cgo = False,
    tags: Tags = "",
    env: Variables = None,
    short: Short = False,
    test_seconds: Annotated[
        float, typer.Option(min=1.0, help="Time limit of one test without mutants, in seconds.")
    ] = 60.0,
    work: Work = None,
    go: Go = None,
    sandbox: Sandbox = "",
    image: Image = "",
    unsafe_no_sandbox: UnsafeNoSandbox = False,
    as_json: AsJson = False,
) -> None:
    """Find what the tests would not notice.

    What would the tests of a work tree not notice? Runs them against small changes of the code.
    """
    # the imports take half a second, in which a user should see something
    typer.echo(f"mutating {' '.join(patterns or ['./...'])}", err=True)
    from goutbench.dataset.pages import check_page
    from goutbench.dataset.store import write_json, write_text
    from goutbench.errors import ConfigError
    from goutbench.execute.options import ExecuteOptions, parse_variables
    from goutbench.mutate.gate import missed_gates
    from goutbench.mutate.options import MutateOptions, parse_duration
    from goutbench.mutate.output.annotations import annotations
    from goutbench.mutate.output.page import COMMAND, render
    from goutbench.mutate.output.stryker import new_mutants, read_baseline, stryker_report
    from goutbench.mutate.output.table import redundant_lines, survivor_lines, table
    from goutbench.mutate.progress import show_mutation
    from goutbench.mutate.results import UNDETECTED, most_useful
    from goutbench.mutate.stage import mutate as run
    from goutbench.records import MutantStatus

    if page is not None:
        check_page(page, COMMAND, "--page")
    if go is not None and not go.is_file():
        raise ConfigError("no such program", where=f"--go {go}", hint="give the path of a go program")
    former = read_baseline(baseline) if baseline is not None else None
    execution = ExecuteOptions(
        race=race, cgo=cgo, short=short, test_seconds=test_seconds, ignore_texts=ignore_texts,
        tags=tuple(sorted({*tags.replace(",", " ").split()})), env=parse_variables(env or ()),
    )  # fmt: skip
    options = MutateOptions(
        functions, tests, changed_since, parse_duration(budget), redundant, not no_cache, not no_download,
        execution,
    )  # fmt: skip
    with show_mutation() as progress:
        result = run(
            Path.cwd(), patterns or ["./..."], options, workers=worker_count(workers), work=work, go=go,
            unsafe=unsafe_no_sandbox, sandbox=sandbox, image=image, progress=progress,
        )  # fmt: skip
    if former is None:
        reported = most_useful(result.files, {MutantStatus.SURVIVED})
    else:
        reported = new_mutants(most_useful(result.files, UNDETECTED), former)
    if stryker is not None:
        write_json(stryker, stryker_report(result))
    if page is not None:
        write_text(page, render(result))
    lines = (*table(result), *survivor_lines(reported, show), *redundant_lines(result))
    for line in (json.dumps(stryker_report(result), indent=2),) if as_json else lines:
        typer.echo(line)
    for line in annotations(reported) if github else ():
        typer.echo(line, err=as_json)
    for notice in (*result.notices, *result.failures):
        typer.echo(f"notice: {notice}", err=True)
    missed = missed_gates(result, threshold, len(reported) if former is not None else None)
    for failure in missed:
        typer.echo(f"failed: {failure}", err=True)
    if missed:
        raise typer.Exit(1)
