"""The application object, and the options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="goutbench",
    help="Turn Go repositories into a {code, unit test} dataset, fine-tune models, and measure their tests.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Mirror = Annotated[
    Path | None,
    typer.Option(help="Folder of local git repositories, tried first: ORG__REPO[.git], ORG/REPO[.git], ..."),
]
Cache = Annotated[Path | None, typer.Option(help="Folder of clones. [repos in the cache folder]")]
Workers = Annotated[int, typer.Option(min=0, help="Number of parallel workers; 0: one per processor.")]
Processes = Annotated[
    int, typer.Option("--workers", min=0, help="Number of processes; 0: one per processor.")
]
Work = Annotated[
    Path | None,
    typer.Option(help="Workspace: trees and caches. [$GOUTBENCH_CACHE, else the user's cache folder]"),
]
Go = Annotated[
    Path | None,
    typer.Option(help="The go program. [as go.mod asks; else the one on PATH; else the wheel's]"),
]
Sandbox = Annotated[
    str,
    typer.Option(help="`bubblewrap`, `unshare` or `landlock`. [the strongest that works here]"),
]
UnsafeNoSandbox = Annotated[
    bool,
    typer.Option("--unsafe-no-sandbox", help="Run untrusted code even if no sandbox works here."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]


def worker_count(workers: int) -> int:
    """The number of processes that the value of an option means."""
    from goutbench.parallel import available_cpus

    return workers or available_cpus()
