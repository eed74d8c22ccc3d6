"""`goutbench curate` and `goutbench verify`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goutbench.cli.options import AsJson, Cache, Mirror, Workers, app, worker_count
from goutbench.errors import ConfigError

if TYPE_CHECKING:
    from goutbench.config import CurateConfig, Lock
    from goutbench.curate.sources.source import SourceLocations


@app.command()
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
    export: Annotated[
        str | None,
        typer.Option(help="`paper`: also write export/paper.json with the columns of the published files."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Turn git repositories into a pinned and verifiable dataset of {code, unit test} pairs."""
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
            workers=worker_count(workers),
            paper_export=export is not None,
            on_progress=on_progress,
        )
    if lock_path is not None and lock is None and not only:
        write_text(lock_path, dump_yaml(make_lock(settings, summaries)))
    print_curated(out, summaries, as_json=as_json, mirror=mirror, cache=cache)


@app.command()
def verify(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder that `curate` wrote.")],
    mirror: Mirror = None,
    cache: Cache = None,
    base: Annotated[
        Path | None, typer.Option(help="Folder to which relative sources refer. [the current one]")
    ] = None,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Rebuild a dataset from its pins and compare it row by row; exits with 1 if anything differs."""
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
    if differences:
        raise typer.Exit(1)


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
    return SourceLocations(resolved, clones_folder(cache), mirror.resolve() if mirror else None)
