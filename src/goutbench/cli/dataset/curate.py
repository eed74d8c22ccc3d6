"""`goutbench curate` and `goutbench verify`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goutbench.cli.command import DATASET
from goutbench.cli.options import (
    AsJson,
    Cache,
    Go,
    Mirror,
    RayAddress,
    Repos,
    Work,
    Workers,
    command,
    repositories_of,
    runner_of,
    worker_count,
)
from goutbench.errors import ConfigError

if TYPE_CHECKING:
    from goutbench.config import CurateConfig, Lock
    from goutbench.curate.sources.source import SourceLocations


@command(DATASET)
def curate(
    config: Annotated[Path | None, typer.Argument(help="A repos.yaml, or a repos.lock.yaml.")] = None,
    out: Annotated[Path, typer.Option(help="The dataset folder to write.")] = Path("dataset"),
    builtin: Annotated[
        str | None, typer.Option(help="A built-in configuration instead of a repos.yaml: `paper` or `std`.")
    ] = None,
    locked: Annotated[bool, typer.Option("--locked", help="Use exactly the pins of the lock file.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Curate only this ORG/REPO of the configuration; may be repeated."),
    ] = None,
    pairing: Annotated[
        str | None, typer.Option(help="Pairing rule: `same-name` or `by-use`. [that of the configuration]")
    ] = None,
    mirror: Mirror = None,
    cache: Cache = None,
    workers: Workers = 0,
    ray: RayAddress = "",
    export: Annotated[
        str | None,
        typer.Option(help="`paper`: also write export/paper.json with the columns of the published files."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Curate {code, test} pairs from repositories.

    Turn git repositories into a pinned and verifiable dataset of {code, unit test} pairs.
    """
    from goutbench.config import dump_yaml, load_lock
    from goutbench.console import show_progress
    from goutbench.curate.show import print_curated
    from goutbench.curate.stage import curate as run
    from goutbench.curate.stage import make_lock
    from goutbench.dataset.store import LOCK, write_text

    settings, lock = _curate_settings(config, builtin, only or [], pairing)
    if export not in (None, "paper"):
        raise ConfigError(f"unknown export {export!r}", where="--export", hint="use `paper`")
    lock_path = config.with_name(f"{config.stem}.lock.yaml") if config and not lock else None
    if locked and lock is None:
        lock = load_lock(lock_path if lock_path and lock_path.is_file() else out / LOCK)
    locations = _source_locations([config.parent] if config else [], mirror, cache)
    with show_progress(len(settings.repositories)) as on_progress:
        summaries = run(
            settings,
            out,
            locations,
            lock=lock,
            workers=worker_count(workers, ray),
            runner=runner_of(ray),
            paper_export=export is not None,
            on_progress=on_progress,
        )
    if lock_path is not None and lock is None and not only:
        write_text(lock_path, dump_yaml(make_lock(settings, summaries)))
    print_curated(out, summaries, as_json=as_json, mirror=mirror, cache=cache)
    if builtin:
        _join_builtin_facts(builtin, out)


@command(DATASET)
def verify(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder that `curate` wrote.")],
    mirror: Mirror = None,
    cache: Cache = None,
    base: Annotated[
        Path | None, typer.Option(help="Folder to which relative sources refer. [the current one]")
    ] = None,
    facts: Annotated[
        int, typer.Option(min=0, help="Also execute this number of pairs, and compare with the facts.")
    ] = 0,
    repos: Repos = None,
    work: Work = None,
    go: Go = None,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Rebuild a dataset from its pins and compare.

    Rebuild a dataset from its pins and compare it row by row; exits with 1 if anything differs.

    Options from --repos on are those of `execute`, for --facts.
    """
    from goutbench.console import show_progress
    from goutbench.curate.show import print_differences
    from goutbench.curate.verify import verify as run
    from goutbench.dataset.store import read_manifest
    from goutbench.locations import dataset_bases

    count = len(read_manifest(dataset)["repositories"])
    locations = _source_locations([base] if base else dataset_bases(dataset), mirror, cache)
    with show_progress(count) as on_progress:
        differences = run(dataset, locations, workers=worker_count(workers), on_progress=on_progress)
    print_differences(dataset, differences, as_json=as_json)
    facts_differ = bool(facts) and _facts_differ(
        dataset, facts, repositories_of(repos, go), work, go, workers
    )
    if differences or facts_differ:
        raise typer.Exit(1)


def _facts_differ(
    dataset: Path, count: int, repositories: Path, work: Path | None, go: Path | None, workers: int
) -> bool:
    """Execute a sample of the pairs, and print what differs from the facts; flaky tests do not decide."""
    from goutbench.execute.progress import show_progress
    from goutbench.facts.repeat import reference_executor, repeat_facts

    with show_progress() as progress:
        execute = reference_executor(
            dataset, repositories, workers=worker_count(workers), work=work, go=go, progress=progress
        )
        differing = repeat_facts(dataset, count, execute)
    for one in differing:
        flaky = " (flaky)" if one.flaky else ""
        typer.echo(f"{one.test_path}: {one.column} was {one.fact} and is {one.now}{flaky}")
    typer.echo(f"facts of {count} pairs: {len(differing)} differences")
    return any(not one.flaky for one in differing)


def _join_builtin_facts(name: str, dataset: Path) -> None:
    """Give a built-in dataset the facts that come with it, so that `verified` needs no run."""
    from goutbench.facts.stage import join_facts
    from goutbench.facts.table import builtin_facts, read_facts

    path = builtin_facts(name)
    if path is None:
        return
    joined = join_facts(dataset, read_facts(path))
    others = f"; {joined.outdated} pairs are of another revision" if joined.outdated else ""
    typer.echo(f"Facts of {joined.joined} pairs joined{others}.", err=True)


def _curate_settings(
    config: Path | None, builtin: str | None, only: list[str], pairing: str | None
) -> tuple["CurateConfig", "Lock | None"]:
    """The configuration, and the lock if the argument is a lock."""
    from goutbench.config import load_builtin, load_curate_config_or_lock

    if (config is None) == (builtin is None):
        what = "give either a repos.yaml or --builtin"
        raise ConfigError(what, where="curate", hint="goutbench curate repos.yaml --out dataset/")
    settings, lock = load_curate_config_or_lock(config) if config else (load_builtin(builtin or ""), None)
    unknown = set(only) - {repository.name for repository in settings.repositories}
    if unknown:
        raise ConfigError(f"no repository {', '.join(sorted(unknown))}", where="--only", hint="see `name:`")
    selected = tuple(entry for entry in settings.repositories if not only or entry.name in only)
    if pairing is not None:
        selected = tuple(entry.model_copy(update={"pairing": pairing}) for entry in selected)
    return settings.model_copy(update={"repositories": selected}), lock


def _source_locations(bases: list[Path], mirror: Path | None, cache: Path | None) -> "SourceLocations":
    from goutbench.curate.sources.source import SourceLocations
    from goutbench.locations import clones_folder

    if mirror is not None and not mirror.is_dir():
        raise ConfigError(f"no folder {mirror}", where="--mirror", hint="give an existing folder")
    resolved = tuple(base.resolve() for base in bases or [Path()])
    return SourceLocations(resolved, clones_folder(cache).absolute(), mirror.resolve() if mirror else None)
