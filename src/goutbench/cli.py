"""The command line: one thin command per stage, which parses, calls and prints.

Exit codes: 0 done · 1 `verify` or `split --check` found differences, or an unexpected failure · 2 a
file, option or argument is wrong · 3 a repository cannot be used · 4 a dataset is missing or damaged ·
5 the output cannot be written · 6 a needed program is missing · 130 interrupted (the same command resumes).
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Annotated

import typer

from goutbench.errors import ConfigError, GoutbenchError

if TYPE_CHECKING:
    from goutbench.card import RepositorySummary
    from goutbench.config import CurateConfig, Lock
    from goutbench.curate import Difference, Places

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


def _print_version(asked: bool) -> None:
    if asked:
        from goutbench import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    pass


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
    from goutbench.store import LOCK, write_text

    settings, lock = _curate_settings(config, builtin, only or [])
    if export not in (None, "paper"):
        raise ConfigError(f"there is no export {export!r}", where="--export", mend="`paper`")
    lock_path = config.with_name(f"{config.stem}.lock.yaml") if config and not lock else None
    if locked and lock is None:
        lock = load_lock(lock_path if lock_path and lock_path.is_file() else out / LOCK)
    places = _places([config.parent] if config else [], mirror, cache)
    with showing(len(settings.repositories)) as listen:
        summaries = run(
            settings,
            out,
            places,
            lock=lock,
            workers=_count(workers),
            paper_export=export is not None,
            listen=listen,
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
    from goutbench.store import read_manifest

    count = len(read_manifest(dataset)["repositories"])
    places = _places([base] if base else [Path(), dataset, dataset.parent], mirror, cache)
    with showing(count) as listen:
        differences = run(dataset, places, workers=_count(workers), listen=listen)
    _print_differences(dataset, differences, as_json=as_json)
    if differences:
        raise typer.Exit(1)


@app.command()
def split(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder that `curate` wrote.")],
    scheme: Annotated[
        str, typer.Option(help="`leakfree`, `paper`, `repository` or `temporal`.")
    ] = "leakfree",
    seed: Annotated[int, typer.Option(help="Seed of the shuffle.")] = 42,
    after: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="For temporal: test rows are first committed since then."),
    ] = None,
    hold_out: Annotated[
        list[str] | None, typer.Option(help="For repository: a repository for test; may be repeated.")
    ] = None,
    balance: Annotated[str, typer.Option(help="Weigh training rows by `repository` or `domain`.")] = "",
    power: Annotated[
        float, typer.Option(help="With --balance: 1 leaves things as they are, 0 makes all equal.")
    ] = 0.5,
    cap: Annotated[int | None, typer.Option(help="With --balance: training rows of each at most.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: prove an existing split anew from its files.")
    ] = False,
    workers: Processes = 0,
    as_json: AsJson = False,
) -> None:
    """Split a dataset into train, validation and test, and prove what these have in common."""
    from goutbench.split import Balance, Choice, broken
    from goutbench.split import check as run_check
    from goutbench.split import split as run
    from goutbench.split.show import print_split

    if check:
        made = run_check(dataset, scheme, workers=_count(workers))
    else:
        choice = Choice(seed, after.replace(tzinfo=UTC) if after else None, tuple(hold_out or ()))
        made = run(dataset, scheme, choice, Balance(balance, power, cap), workers=_count(workers))
    print_split(dataset, scheme, made, as_json=as_json)
    if broken(made.proof):
        raise typer.Exit(1)


@app.command()
def leakage(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder, or any file or folder to look for.")],
    more: Annotated[list[Path] | None, typer.Argument(hidden=True)] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Datasets, folders, .parquet, .jsonl, .json to look in; several may follow."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write a row for each text here, as Parquet.")] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="A column to compare, where the names say nothing.")
    ] = None,
    embedder: Annotated[
        str | None, typer.Option(help="A callable `package.module:name`: texts to a matrix of vectors.")
    ] = None,
    workers: Processes = 0,
    as_json: AsJson = False,
) -> None:
    """Find out how much of a dataset stands in other corpora: exact, normalised, near, in parts."""
    from goutbench.leakage import leakage as run
    from goutbench.leakage import load_embedder, write_leaks
    from goutbench.leakage.show import print_leakage

    found = run(
        dataset,
        [*(against or ()), *(more or ())],
        columns=column or (),
        embed=load_embedder(embedder) if embedder else None,
        workers=_count(workers),
    )
    if out is not None:
        write_leaks(found, out)
    print_leakage(found, as_json=as_json)


@app.command()
def execute(
    candidates: Annotated[
        Path | None, typer.Argument(help="Candidate tests: .parquet or .jsonl with pair_id, model, code.")
    ] = None,
    dataset: Annotated[Path, typer.Option(help="The dataset folder of the pairs.")] = Path("dataset"),
    repos: Annotated[
        Path, typer.Option(help="Folder with git directories or source trees: ORG__REPO[.git], ORG/REPO, ...")
    ] = Path("repos"),
    out: Annotated[Path, typer.Option(help="The run folder; the same command resumes.")] = Path("run"),
    reference: Annotated[
        bool, typer.Option("--reference", help="Run the repositories' own tests: the yardstick.")
    ] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="First download modules (the only step with a network).")
    ] = False,
    workers: Workers = 0,
    repeat: Annotated[int, typer.Option(min=1, help="Runs of a passing candidate, shuffled.")] = 3,
    race: Annotated[
        bool, typer.Option("--race", help="Run under the race detector (needs a C compiler).")
    ] = False,
    cgo: Annotated[bool, typer.Option("--cgo", help="Build with cgo (needs a C compiler).")] = False,
    mutants: Annotated[
        int | None, typer.Option(min=0, help="Mutants of each focal file: how many to sample, 0: all.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sample and of the shuffles.")] = 1,
    siblings: Annotated[
        str, typer.Option(help="Other test files of the package: `all`, `needed` or `none`.")
    ] = "all",
    test_seconds: Annotated[float, typer.Option(min=1.0, help="Limit of one run.")] = 60.0,
    memory_mib: Annotated[int, typer.Option(min=16, help="Data of one process of a run, in MiB.")] = 2048,
    build_seconds: Annotated[float, typer.Option(min=1.0, help="Limit of one build.")] = 300.0,
    work: Annotated[
        Path | None, typer.Option(help="Trees and caches. [$GOUTBENCH_CACHE, else the user's cache folder]")
    ] = None,
    unsafe_no_sandbox: Annotated[
        bool,
        typer.Option("--unsafe-no-sandbox", help="Run untrusted code even where it cannot be contained."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run tests in a sandbox: do they compile, pass, stay stable, cover, and catch mutants?"""
    from goutbench.execute import Options
    from goutbench.execute.command import run_prepare, run_stage, summary

    options = Options(
        siblings=siblings,
        repeat=repeat,
        race=race,
        cgo=cgo,
        mutants=mutants,
        seed=seed,
        test_seconds=test_seconds,
        memory_mib=memory_mib,
        build_seconds=build_seconds,
    )
    if prepare:
        for line in run_prepare(dataset, repos, work=work, unsafe=unsafe_no_sandbox):
            typer.echo(line, err=True)
        if candidates is None and not reference:
            return
    records = run_stage(
        candidates,
        dataset,
        repos,
        out,
        options=options,
        reference=reference,
        workers=_count(workers),
        work=work,
        unsafe=unsafe_no_sandbox,
    )
    content = summary(records)
    typer.echo(
        json.dumps(content, indent=2) if as_json else "\n".join(f"{k}: {v}" for k, v in content.items())
    )


@app.command()
def doctor(
    work: Annotated[Path | None, typer.Option(help="The workplace to look at.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what this machine can contain, and why; exits with 6 where execution would refuse."""
    from dataclasses import asdict

    from goutbench.execute.doctor import examine

    checks = list(examine(work))
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        for check in checks:
            mend = f" ({check.mend})" if check.mend else ""
            typer.echo(f"{check.state:8}{check.what}: {check.found}{mend}")
    if any(check.state == "missing" for check in checks):
        raise typer.Exit(6)


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
        raise ConfigError("tests are told of single functions only", where="--tests", mend="add --functions")
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


@app.command()
def assemble(
    replies: Annotated[
        list[Path], typer.Argument(help="Files with a model's replies, or one .jsonl of completions.")
    ],
    mode: Annotated[str, typer.Option(help="merge, append or llm.")] = "merge",
    focal: Annotated[
        Path | None, typer.Option(help="The file under test: its folder is the package.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="For llm: a callable `package.module:name` that completes messages.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write here, not to standard output.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make one Go test file of a model's replies; what was dropped or renamed goes to standard error."""
    from dataclasses import asdict

    from goutbench.golang.assemble import assemble as run
    from goutbench.golang.completions import candidates, load_model, read_replies, read_text
    from goutbench.golang.package import read_context
    from goutbench.store import write_text

    context = read_context(focal) if focal else None
    complete = load_model(model) if model else None
    if len(replies) == 1 and replies[0].suffix == ".jsonl":
        rows = candidates(read_replies(replies[0]), mode=mode, context=context, complete=complete)
        text = "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
    else:
        made = run([read_text(path) for path in replies], mode=mode, context=context, complete=complete)
        text = json.dumps(asdict(made), indent=2, ensure_ascii=False) + "\n" if as_json else made.code
        for note in made.notes if not as_json else ():
            where = str(replies[note.reply]) if 0 <= note.reply < len(replies) else "all"
            typer.echo(f"{where}: {note.kind}: {note.what} ({note.why})", err=True)
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)


def _curate_settings(
    config: Path | None, builtin: str | None, only: list[str]
) -> tuple["CurateConfig", "Lock | None"]:
    """The configuration, and its lock where a lock was given."""
    from goutbench.config import load_builtin, load_curate_config_or_lock

    if (config is None) == (builtin is None):
        what = "give either a repos.yaml or --builtin"
        raise ConfigError(what, where="curate", mend="goutbench curate repos.yaml --out dataset/")
    settings, lock = load_curate_config_or_lock(config) if config else (load_builtin(builtin or ""), None)
    unknown = set(only) - {each.name for each in settings.repositories}
    if unknown:
        raise ConfigError(f"no repository {', '.join(sorted(unknown))}", where="--only", mend="see `name:`")
    if only:
        kept = tuple(each for each in settings.repositories if each.name in only)
        settings = settings.model_copy(update={"repositories": kept})
    return settings, lock


def _places(bases: list[Path], mirror: Path | None, cache: Path | None) -> "Places":
    from goutbench.curate import Places

    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    if mirror is not None and not mirror.is_dir():
        raise ConfigError(f"no folder {mirror}", where="--mirror", mend="give an existing folder")
    resolved = tuple(base.resolve() for base in bases or [Path()])
    return Places(resolved, cache or home / "goutbench" / "repos", mirror.resolve() if mirror else None)


def _count(workers: int) -> int:
    from goutbench.scale import available_cpus

    return workers or available_cpus()


def _print_curated(out: Path, summaries: list["RepositorySummary"], *, as_json: bool) -> None:
    from goutbench.card import table_one

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


def main() -> None:
    """Entry point of the `goutbench` command: a user's mistake prints as a message, not as a traceback."""
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
        raise
