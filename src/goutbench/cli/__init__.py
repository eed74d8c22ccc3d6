"""The command line: a thin command for each stage, in its own file, parses options, calls and prints.

Errors define their exit codes (`errors.py`); `docs/reference/cli.md` lists all of them.
"""

import atexit
import os
import sys
from typing import Annotated

import typer

from goutbench.cli.options import app
from goutbench.dataset.arrow import import_without_numpy
from goutbench.errors import GoutbenchError

# each import registers its commands; `--help` lists them in this order, that of the pipeline
# isort: off
from goutbench.cli import run  # noqa: F401
from goutbench.cli.dataset import curate  # noqa: F401
from goutbench.cli.dataset import split  # noqa: F401
from goutbench.cli.dataset import describe  # noqa: F401
from goutbench.cli import train  # noqa: F401
from goutbench.cli import chunk  # noqa: F401
from goutbench.cli import assemble  # noqa: F401
from goutbench.cli import generate  # noqa: F401
from goutbench.cli import execute  # noqa: F401
from goutbench.cli.dataset import facts  # noqa: F401
from goutbench.cli.dataset import tasks  # noqa: F401
from goutbench.cli.dataset import export  # noqa: F401
from goutbench.cli.dataset import gaps  # noqa: F401
from goutbench.cli.worktree import mutate  # noqa: F401
from goutbench.cli.worktree import write  # noqa: F401
from goutbench.cli import judge  # noqa: F401
from goutbench.cli import merge  # noqa: F401
from goutbench.cli import report  # noqa: F401
# isort: on


_WITHOUT_NUMPY = {"curate", "verify", "execute"}
"""The commands that start often and compute nothing with NumPy."""


def _print_version(asked: bool) -> None:
    if asked:
        from goutbench.cli.version import version_lines

        for line in version_lines():
            typer.echo(line)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the versions, and exit.",
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the `goutbench` command: a user's mistake prints a message, not a traceback."""
    if _WITHOUT_NUMPY.intersection(sys.argv[1:2]):
        import_without_numpy()
    try:
        app()
    except GoutbenchError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        typer.echo(f"error: {error.filename or 'system'}: {error.strerror or error}", err=True)
        sys.exit(5)
    except SystemExit as leaving:
        if leaving.code == 130:
            typer.echo("interrupted: the same command resumes", err=True)
            sys.stdout.flush()
            atexit._run_exitfuncs()
            os._exit(130)  # not after the threads: each may wait for a sandbox, which ends with this process
        raise
