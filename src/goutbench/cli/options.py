"""The application object, and the options that several commands share."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goutbench.cli.command import CommandGroup, registrar

if TYPE_CHECKING:
    from goutbench.dataset.shards import ShardPlan
    from goutbench.inference.models import Server

app = typer.Typer(
    name="goutbench",
    help="Turn Go repositories into a {code, unit test} dataset, fine-tune models, and measure their tests.",
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

command = registrar(app)
"""The decorator of a command, with its group in the help."""

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
    typer.Option(
        help="`bubblewrap`, `unshare`, `landlock`, or a container engine: `podman`, `docker`. "
        "[the strongest of the first three that works here]"
    ),
]
Image = Annotated[
    str,
    typer.Option(help="The image for `podman` or `docker`: NAME@sha256:DIGEST, or its id, sha256:ID."),
]
UnsafeNoSandbox = Annotated[
    bool,
    typer.Option("--unsafe-no-sandbox", help="Run untrusted code even if no sandbox works here."),
]
Race = Annotated[bool, typer.Option("--race", help="Run with the race detector (needs a C compiler).")]
Cgo = Annotated[bool, typer.Option("--cgo", help="Build with cgo (needs a C compiler).")]
Repos = Annotated[
    Path | None,
    typer.Option(help="Folder of repositories: ORG__REPO[.git], ORG/REPO, ... [the clones in the cache]"),
]
Repeat = Annotated[int, typer.Option(min=1, help="Runs of a passing candidate, in shuffled order.")]
Mutants = Annotated[
    int | None,
    typer.Option(min=0, help="Number of mutants to test in each focal file; 0: all. [none]"),
]
TestSeconds = Annotated[
    float | None,
    typer.Option(min=1.0, help="Time limit of one run, in seconds. [that of repos.yaml, else 60]"),
]
IgnoreTexts = Annotated[
    bool, typer.Option("--ignore-texts", help="Leave out mutants of log entries and of errors' texts.")
]
Tags = Annotated[str, typer.Option(help="Build tags, separated by commas.")]
NoDownload = Annotated[bool, typer.Option("--no-download", help="Do not download modules that are missing.")]
Packages = Annotated[list[str] | None, typer.Argument(help="Packages, as for `go test`. [./...]")]
Short = Annotated[bool, typer.Option("--short", help="Run the tests as `go test -short` does.")]
Variables = Annotated[
    list[str] | None,
    typer.Option("--env", help="NAME=VALUE for the tests' environment; may be repeated."),
]
RayAddress = Annotated[
    str,
    typer.Option(
        "--ray", metavar="ADDRESS", help="Work on a Ray cluster: HOST:PORT, or `auto` for this machine's."
    ),
]
ShardText = Annotated[
    str, typer.Option("--shard", metavar="K/N", help="Only part K of N; `goutbench merge` joins the parts.")
]
ShardCosts = Annotated[
    Path | None,
    typer.Option(help="An earlier executions.parquet that balances the shards. [the dataset's facts]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]


def repositories_of(repos: Path | None, go: Path | None) -> Path:
    """The folder of repositories that --repos means. Raises ConfigError for a --repos or --go that is not
    there."""
    from goutbench.errors import ConfigError
    from goutbench.locations import clones_folder

    if repos is not None and not repos.is_dir():
        raise ConfigError("no such folder", where=f"--repos {repos}", hint="give a folder of repositories")
    if go is not None and not go.is_file():
        raise ConfigError("no such program", where=f"--go {go}", hint="give the path of a go program")
    return clones_folder(repos)


def shard_of(text: str, dataset: Path, costs: Path | None) -> "ShardPlan | None":
    """The shard that --shard means; None without one. Raises ConfigError, DatasetError."""
    from goutbench.dataset.shards import Shard, ShardPlan
    from goutbench.errors import ConfigError

    if text:
        return ShardPlan.of(dataset, Shard.parse(text), costs)
    if costs:
        raise ConfigError("costs without a shard", where=f"--shard-costs {costs}", hint="add --shard K/N")
    return None


def require_extra(extra: str, *modules: str) -> None:
    """Raises ToolError where a module of an extra of this package is not installed."""
    from importlib.util import find_spec

    from goutbench.errors import ToolError

    if missing := [name for name in modules if find_spec(name) is None]:
        command = f"pip install 'goutbench[{extra}]'"
        raise ToolError(f"this needs the package {missing[0]!r}, which is not installed", hint=command)


def suggest(*arguments: str | Path, dataset: Path | None = None) -> None:
    """Print the next command of the usual way, as it can be pasted into a shell."""
    line = ["goutbench", *map(str, arguments)]
    if dataset is not None and dataset != Path("dataset"):  # the default of every --dataset
        line += ["--dataset", str(dataset)]
    typer.echo(f"next: {shlex.join(line)}")


def suggest_merge(plan: "ShardPlan", out: Path, dataset: Path) -> None:
    """Print the command that joins all shards; where their folders have numbers, it can be pasted."""
    stem = out.name.rstrip("0123456789")
    numbered = out.name[len(stem) :].lstrip("0") == str(plan.shard.number)
    folders = (
        f"{shlex.quote(str(out.with_name(stem)))}*" if numbered and stem else f"{shlex.quote(str(out))} …"
    )
    options = shlex.join(["--dataset", str(dataset)]) if dataset != Path("dataset") else ""
    typer.echo(f"next, after all {plan.shard.count} shards: goutbench merge {folders} {options}".rstrip())


def worker_count(workers: int, ray: str = "") -> int:
    """The number of processes that the value of an option means; with a cluster, 0 is one for each of its
    CPUs."""
    from goutbench.parallel import available_cpus

    return workers if ray else workers or available_cpus()


def runner_of(ray: str) -> str | None:
    """The runner of `parallel.map_items` that --ray means; None without it.

    Raises ConfigError where Ray is not installed.
    """
    if not ray:
        return None
    from goutbench.parallel.cluster import load_ray

    load_ray()
    return f"ray:{ray}"


# ── a model, its server and its prompts ────────────────────────────────────────────────────────────────

Limit = Annotated[int, typer.Option(min=0, help="Maximum number of items, drawn by --seed; 0: all.")]
Window = Annotated[int, typer.Option(min=0, help="Context window of the model in tokens; 0: unlimited.")]
Tokenizer = Annotated[str, typer.Option(help="`estimate`, or the path of a tokenizer.json.")]
Revision = Annotated[str, typer.Option(help="Version of the model, if its name does not include it.")]
BaseUrl = Annotated[str | None, typer.Option(help="URL of an OpenAI-compatible server.")]
ModelArgs = Annotated[
    list[str] | None, typer.Option("-M", help="KEY=VALUE for the provider; may be repeated.")
]
Connections = Annotated[int | None, typer.Option(min=1, help="Maximum number of concurrent requests.")]
Timeout = Annotated[int | None, typer.Option(min=1, help="Seconds for one call, including its retries.")]
Retries = Annotated[int | None, typer.Option(min=0, help="Maximum number of retries of one call.")]
Temperature = Annotated[float | None, typer.Option(help="Sampling temperature. [the model's default]")]
MaxTokens = Annotated[int, typer.Option(min=1, help="Maximum tokens of a completion.")]
PriceFile = Annotated[
    Path | None,
    typer.Option("--price", help="YAML file with `input` and `output`: costs of a million tokens."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be asked, and ask nothing.")]


def server_of(
    base_url: str | None,
    model_args: list[str] | None,
    connections: int | None,
    timeout: int | None,
    retries: int | None,
    *,
    quiet: bool,
) -> "Server":
    """The server that these options describe; a quiet one shows no progress."""
    from goutbench.inference.models import Server

    return Server(
        base_url=base_url,
        model_args=_parse_assignments(model_args or ()),
        connections=connections,
        timeout=timeout,
        retries=retries,
        display="none" if quiet else "plain",
    )


def _parse_assignments(texts: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE texts as a dictionary; a value is YAML, so `true` is a boolean and `3` a number."""
    import yaml

    from goutbench.errors import ConfigError

    for text in texts:
        if "=" not in text:
            raise ConfigError(f"{text!r} is not KEY=VALUE", where="-M")
    return {key: yaml.safe_load(value) for key, value in (text.split("=", 1) for text in texts)}
