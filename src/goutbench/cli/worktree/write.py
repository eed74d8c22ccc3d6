"""`goutbench write`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from goutbench.cli.command import WORK_TREE
from goutbench.cli.options import (
    AsJson,
    BaseUrl,
    Cgo,
    Connections,
    Go,
    Image,
    MaxTokens,
    ModelArgs,
    NoDownload,
    Packages,
    PriceFile,
    Race,
    Repeat,
    Retries,
    Revision,
    Sandbox,
    Short,
    Tags,
    Temperature,
    Timeout,
    Tokenizer,
    UnsafeNoSandbox,
    Variables,
    Window,
    Work,
    Workers,
    command,
    server_of,
    worker_count,
)
from goutbench.records import CODE_TOKENS


@command(WORK_TREE)
def write(
    model: Annotated[
        str, typer.Option(help="Model by Inspect's name: openai/NAME, hf/FOLDER, scripted/FILE, ...")
    ],
    patterns: Packages = None,
    changed_since: Annotated[
        str,
        typer.Option(help="Only functions with lines that differ from this revision, such as main. [all]"),
    ] = "",
    functions: Annotated[
        str, typer.Option(help="Only functions that match this regular expression. [all]")
    ] = "",
    limit: Annotated[
        int, typer.Option(min=0, help="Number of functions, those that lack most; 0: all.")
    ] = 10,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds, first answers included.")] = 3,
    max_calls: Annotated[int, typer.Option(min=0, help="No call beyond this number; 0: no limit.")] = 0,
    max_total_tokens: Annotated[
        int, typer.Option(min=0, help="No call beyond this number of tokens in all; 0: no limit.")
    ] = 0,
    max_cost: Annotated[
        float, typer.Option(min=0, help="No call beyond this cost, by --price; 0: no limit.")
    ] = 0.0,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write the tests into the work tree; else nothing changes there.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of patch, page and journals; the same command resumes. [in the workspace]"),
    ] = None,
    budget: Annotated[int, typer.Option(min=1, help="Maximum tokens of code in a prompt.")] = CODE_TOKENS,
    cross_file_tokens: Annotated[
        int, typer.Option(min=0, help="Maximum tokens of cross-file context in a prompt; 0 disables it.")
    ] = 512,
    window: Window = 0,
    tokenizer: Tokenizer = "estimate",
    temperature: Temperature = None,
    max_tokens: MaxTokens = 2048,
    revision: Revision = "",
    base_url: BaseUrl = None,
    model_arg: ModelArgs = None,
    connections: Connections = None,
    timeout: Timeout = None,
    retries: Retries = None,
    price: PriceFile = None,
    workers: Workers = 0,
    repeat: Repeat = 3,
    race: Race = False,
    cgo: Cgo = False,
    short: Short = False,
    tags: Tags = "",
    env: Variables = None,
    test_seconds: Annotated[float, typer.Option(min=1.0, help="Time limit of one run, in seconds.")] = 60.0,
    no_download: NoDownload = False,
    work: Work = None,
    go: Go = None,
    sandbox: Sandbox = "",
    image: Image = "",
    unsafe_no_sandbox: UnsafeNoSandbox = False,
    as_json: AsJson = False,
) -> None:
    """Write tests that add something.

    Have a model write tests for a work tree, and keep those that add something: a patch and a page.
    """
    # the imports take half a second, in which a user should see something
    typer.echo(f"writing tests for {' '.join(patterns or ['./...'])}", err=True)
    import json
    import shlex

    from goutbench.config import Price, load_yaml
    from goutbench.dataset.pages import check_page
    from goutbench.dataset.store import write_text
    from goutbench.errors import ConfigError
    from goutbench.execute.options import ExecuteOptions, parse_variables
    from goutbench.execute.progress import show_progress
    from goutbench.generate.options import GenerateOptions
    from goutbench.mutate.options import MutateOptions
    from goutbench.mutate.progress import show_mutation
    from goutbench.mutate.results import MutateResult
    from goutbench.mutate.stage import mutate
    from goutbench.write.merge.patch import apply as apply_files
    from goutbench.write.merge.patch import write_patch
    from goutbench.write.options import WriteOptions
    from goutbench.write.output.page import COMMAND, render
    from goutbench.write.output.table import as_json as json_of
    from goutbench.write.output.table import lines
    from goutbench.write.stage import run_folder
    from goutbench.write.stage import write as run

    if go is not None and not go.is_file():
        raise ConfigError("no such program", where=f"--go {go}", hint="give the path of a go program")
    execution = ExecuteOptions(
        repeat=repeat, race=race, cgo=cgo, short=short, test_seconds=test_seconds,
        tags=tuple(sorted({*tags.replace(",", " ").split()})), env=parse_variables(env or ()),
    )  # fmt: skip
    generation = GenerateOptions(
        unit="function", budget=budget, cross_file_tokens=cross_file_tokens, window=window,
        revision=revision, temperature=temperature, max_tokens=max_tokens, tokenizer=tokenizer,
    )  # fmt: skip
    options = WriteOptions(limit, rounds, max_calls, max_total_tokens, max_cost, generation, execution)
    prices = load_yaml(price, Price) if price else None
    server = server_of(base_url, model_arg, connections, timeout, retries, quiet=as_json)
    out = out or run_folder(Path.cwd(), model, work)
    page, patch = out / "write.html", out / "write.patch"
    check_page(page, COMMAND)
    measured = MutateOptions(functions, "", changed_since, download=not no_download, execution=execution)
    chosen, count = patterns or ["./..."], worker_count(workers)
    machine: dict[str, Any] = {
        "workers": count,
        "work": work,
        "go": go,
        "unsafe": unsafe_no_sandbox,
        "sandbox": sandbox,
    }

    def measure() -> MutateResult:
        with show_mutation() as progress:
            return mutate(Path.cwd(), chosen, measured, image=image, progress=progress, **machine)

    result = run(
        Path.cwd(), chosen, measure, model, options, out=out, price=prices, server=server, image=image,
        show=show_progress, report=lambda line: typer.echo(line, err=True), **machine,
    )  # fmt: skip
    write_patch(patch, result.patch)
    write_text(page, render(result))
    if apply:
        apply_files(Path(result.root), result.files)
    for notice in (*result.notices, *result.failures):
        typer.echo(f"notice: {notice}", err=True)
    if as_json:
        files = {"patch_file": str(patch), "page": str(page), "applied": apply}
        typer.echo(json.dumps(json_of(result, **files), indent=2))
        return
    for line in lines(result):
        typer.echo(line)
    if result.files:
        command = shlex.join(["git", "-C", result.root, "apply", str(patch.resolve())])
        typer.echo("applied" if apply else f"to apply: {command}, or the same command with --apply")
    typer.echo(f"page: {page}")
