"""`goutbench chunk`."""

from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.command import STEPS
from goutbench.cli.options import AsJson, command
from goutbench.errors import ConfigError
from goutbench.records import CODE_TOKENS


@command(STEPS)
def chunk(
    file: Annotated[Path, typer.Argument(help="A Go source file.")],
    budget: Annotated[int, typer.Option(min=1, help="Token limit of a chunk.")] = CODE_TOKENS,
    tokenizer: Annotated[
        str, typer.Option(help="`estimate`, `bytes`, or the path of the model's tokenizer.json.")
    ] = "estimate",
    functions: Annotated[
        bool, typer.Option("--functions", help="Write one chunk for each function, as for training.")
    ] = False,
    tests: Annotated[
        Path | None,
        typer.Option(help="With --functions: a test file; name its tests that exercise each function."),
    ] = None,
    shorten: Annotated[
        bool, typer.Option("--shorten", help="Shorten a declaration that exceeds the budget.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print a table of the chunks instead of their texts.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Cut a Go file into chunks.

    Split a Go file into self-contained chunks within a token budget.
    """
    from goutbench.chunk.explain import print_chunks
    from goutbench.chunk.stage import chunk_file, function_chunks
    from goutbench.chunk.tokens import token_counter

    if tests is not None and not functions:
        raise ConfigError("--tests requires --functions", where="--tests", hint="add --functions")
    counter = token_counter(tokenizer)
    source = _read_source(file)
    if functions:
        test_source = None if tests is None else _read_source(tests)
        chunks = function_chunks(source, tests=test_source, budget=budget, counter=counter)
    else:
        chunks = chunk_file(source, budget=budget, counter=counter, shorten=shorten)
    print_chunks(chunks, counter.name, form="table" if explain else "json" if as_json else "text")


def _read_source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(error.strerror or "cannot be read", where=str(path)) from error
