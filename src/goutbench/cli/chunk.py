"""`goutbench chunk`."""

from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.options import AsJson, app
from goutbench.errors import ConfigError


@app.command()
def chunk(
    file: Annotated[Path, typer.Argument(help="A Go source file.")],
    budget: Annotated[int, typer.Option(min=1, help="Tokens a chunk may have.")] = 15_360,
    tokenizer: Annotated[
        str, typer.Option(help="`estimate`, `bytes`, or the path of the model's tokenizer.json.")
    ] = "estimate",
    functions: Annotated[
        bool, typer.Option("--functions", help="One chunk for each function, as for training.")
    ] = False,
    tests: Annotated[
        Path | None, typer.Option(help="With --functions: a test file; which of its tests exercise what.")
    ] = None,
    shorten: Annotated[
        bool, typer.Option("--shorten", help="Cut down a single declaration that is over the budget.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print a table of the chunks instead of their text.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Cut a Go file into chunks that stand alone, each within a token budget."""
    from goutbench.chunk import chunk_file, function_chunks, token_counter
    from goutbench.chunk.explain import print_chunks

    if tests is not None and not functions:
        raise ConfigError("tests are told of single functions only", where="--tests", hint="add --functions")
    counter = token_counter(tokenizer)
    source = _read_source(file)
    if functions:
        exercised = None if tests is None else _read_source(tests)
        chunks = function_chunks(source, tests=exercised, budget=budget, counter=counter)
    else:
        chunks = chunk_file(source, budget=budget, counter=counter, shorten=shorten)
    print_chunks(chunks, counter.name, form="table" if explain else "json" if as_json else "text")


def _read_source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(error.strerror or "cannot be read", where=str(path)) from error
