"""The command line: one thin command per stage, which parses, calls and prints.

Exit codes: 0 done · 1 `verify` found differences, or an unexpected failure · 2 a file, option or
argument is wrong · 3 a repository cannot be used · 4 a dataset is missing or damaged · 5 the output
cannot be written · 6 a needed program is missing · 130 interrupted (the same command resumes).
"""

import sys

import typer

from goutbench.errors import GoutbenchError

app = typer.Typer(
    name="goutbench",
    help="Go repositories in; a verified {code, unit test} dataset, and honest measurements of models, out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def version() -> None:
    """Print the version."""
    from goutbench import __version__

    typer.echo(__version__)


def main() -> None:
    """Entry point of the `goutbench` command: a user's mistake prints as a message, not as a traceback."""
    try:
        app(standalone_mode=True)
    except GoutbenchError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("interrupted: run the same command again to resume", err=True)
        sys.exit(130)
