"""The application object, and the options that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="goutbench",
    help="Go repositories in; a verified {code, unit test} dataset, and honest measurements of models, out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Mirror = Annotated[
    Path | None,
    typer.Option(help="Folder with local git directories, tried first: ORG__REPO[.git], ORG/REPO[.git]."),
]
Cache = Annotated[Path | None, typer.Option(help="Where clones are kept. [~/.cache/goutbench/repos]")]
Workers = Annotated[int, typer.Option(min=0, help="Repositories at once; 0: one a processor.")]
Processes = Annotated[int, typer.Option("--workers", min=0, help="Processes; 0: one a processor.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]


def worker_count(workers: int) -> int:
    """How many processes an option's value asks for."""
    from goutbench.parallel import available_cpus

    return workers or available_cpus()


def assignments(words: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE words as a dictionary; values are read as YAML: `true` and `3` are what they look like."""
    import yaml

    from goutbench.errors import ConfigError

    for word in words:
        if "=" not in word:
            raise ConfigError(f"{word!r} is not KEY=VALUE", where="-M")
    return {key: yaml.safe_load(value) for key, value in (word.split("=", 1) for word in words)}
