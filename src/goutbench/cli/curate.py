"""`goutbench curate` and `goutbench verify`."""

import json
import sys
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Annotated

import typer

from goutbench.cli.options import AsJson, Cache, Mirror, Workers, app, worker_count
from goutbench.errors import ConfigError

if TYPE_CHECKING:
    from goutbench.config import CurateConfig, Lock
    from goutbench.curate import Difference, Places
    from goutbench.dataset.card import RepositorySummary


@app.command()
def curate(
    config: Annotated[Path | None, typer.Argument(help="A repos.yaml, or a repos.lock.yaml.")] = None,
    out: Annotated[Path, typer.Option(help="The dataset folder to write.")] = Path("dataset"),
    builtin: Annotated[
        str | None, typer.Option(help="Instead of a repos.yaml: `paper` (its ten repositories) or `std`.")
    ] = None,
    locked: Annotated[bool, typer.Option("--locked", help="Take exactly the pins of the lock file.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Curate only this ORG/REPO of the configuration; repeatable.")
    ] = None,
    pairing: Annotated[
        str | None, typer.Option(help="`same-name` or `by-use`, in the place of the configuration's.")
    ] = None,
    mirror: Mirror = None,
    cache: Cache = None,
    workers: Workers = 0,
    export: Annotated[
        str | None, typer.Option(help="`paper`: also write export/paper.json in the published columns.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Turn git repositories into a dataset of {code, unit test} pairs, pinned and verifiable."""
    from goutbench.config import dump_yaml, load_lock
    from goutbench.console import showing
    from goutbench.curate import curate as run
    from goutbench.curate import make_lock
    from goutbench.dataset.store import LOCK, write_text

    settings, lock = _curate_settings(config, builtin, only or [], pairing)
    if export not in (None, "paper"):
        raise ConfigError(f"there is no export {export!r}", where="--export", hint="`paper`")
    lock_path = config.with_name(f"{config.stem}.lock.yaml") if config and not lock else None
    if locked and lock is None:
        lock = load_lock(lock_path if lock_path and lock_path.is_file() else out / LOCK)
    places = _places([config.parent] if config else [], mirror, cache)
    with showing(len(settings.repositories)) as on_progress:
        summaries = run(
            settings,
            out,
            places,
            lock=lock,
            workers=worker_count(workers),
            paper_export=export is not None,
            on_progress=on_progress,
        )
    if lock_path is not None and lock is None and not only:
        write_text(lock_path, dump_yaml(make_lock(settings, summaries)))
    _print_curated(out, summaries, as_json=as_json)


@app.command()
def verify(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder that `curate` wrote.")],
    mirror: Mirror = None,
    cache: Cache = None,
    base: Annotated[
        Path | None, typer.Option(help="Folder that relative sources start from. [the current one]")
    ] = None,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Rebuild a dataset from its pins and compare it row by row; exits with 1 where anything differs."""
    from goutbench.console import showing
    from goutbench.curate import verify as run
    from goutbench.dataset.store import read_manifest

    count = len(read_manifest(dataset)["repositories"])
    places = _places([base] if base else [Path(), dataset, dataset.parent], mirror, cache)
    with showing(count) as on_progress:
        differences = run(dataset, places, workers=worker_count(workers), on_progress=on_progress)
    _print_differences(dataset, differences, as_json=as_json)
    if differences:
        raise typer.Exit(1)


def _curate_settings(
    config: Path | None, builtin: str | None, only: list[str], pairing: str | None
) -> tuple["CurateConfig", "Lock | None"]:
    """The configuration, and its lock where a lock was given."""
    from goutbench.config import load_builtin, load_curate_config_or_lock

    if (config is None) == (builtin is None):
        what = "give either a repos.yaml or --builtin"
        raise ConfigError(what, where="curate", hint="goutbench curate repos.yaml --out dataset/")
    settings, lock = load_curate_config_or_lock(config) if config else (load_builtin(builtin or ""), None)
    unknown = set(only) - {each.name for each in settings.repositories}
    if unknown:
        raise ConfigError(f"no repository {', '.join(sorted(unknown))}", where="--only", hint="see `name:`")
    kept = tuple(each for each in settings.repositories if not only or each.name in only)
    if pairing is not None:
        kept = tuple(each.model_copy(update={"pairing": pairing}) for each in kept)
    settings = settings.model_copy(update={"repositories": kept})
    return settings, lock


def _places(bases: list[Path], mirror: Path | None, cache: Path | None) -> "Places":
    from goutbench.curate import Places
    from goutbench.locations import clones_folder

    if mirror is not None and not mirror.is_dir():
        raise ConfigError(f"no folder {mirror}", where="--mirror", hint="give an existing folder")
    resolved = tuple(base.resolve() for base in bases or [Path()])
    return Places(resolved, clones_folder(cache), mirror.resolve() if mirror else None)


def _print_curated(out: Path, summaries: list["RepositorySummary"], *, as_json: bool) -> None:
    from goutbench.dataset.card import table_one

    total = sum(each.pairs for each in summaries)
    if as_json:
        content = {
            "dataset": str(out),
            "pairs": total,
            "repositories": [
                {
                    "repository": each.pin.name,
                    "revision": each.pin.revision,
                    "domain": each.pin.domain,
                    "pairs": each.pairs,
                    "go_files": each.go_files,
                    "rejections": dict(each.rejections),
                    "licences": {name: rows for name, (rows, _) in each.licences.items()},
                }
                for each in summaries
            ],
        }
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    pins = {each.pin.name: each.pin for each in summaries}
    table = Table(box=box.SIMPLE_HEAD, show_footer=len(summaries) > 1)
    table.add_column("Repository", footer="total")
    table.add_column("Pairs", justify="right", footer=f"{total:,}")
    table.add_column("Domain")
    table.add_column("At")
    for name, pairs, domain in table_one(summaries):
        pin = pins[name]
        at = f"{pin.revision[:12]} of {pin.date:%Y-%m-%d}" if pin.date else pin.revision
        table.add_row(*map(Text, (name, f"{pairs:,}", domain, at)))
    Console().print(table)
    typer.echo(
        f"The dataset lies in {out}: README.md is its card, rejections.parquet says what was left out."
    )
    program = "goutbench" if which("goutbench") else sys.argv[0]
    typer.echo(f"Next: {program} verify {out}")


def _print_differences(dataset: Path, differences: list["Difference"], *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        content = {"dataset": str(dataset), "differences": [asdict(each) for each in differences]}
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    for each in differences:
        typer.echo(str(each))
    count = len(differences)
    typer.echo(
        f"{dataset}: {count} difference{'s' if count != 1 else ''}"
        if differences
        else f"{dataset}: every file and every row is what the pins give"
    )
