"""The Python API: one function for each stage, with the defaults of the command line.

    from goutbench import api

    api.curate("repos.yaml", "dataset")
    api.generate("dataset", "openai/gpt-4o", "run", unit="function")
    api.execute("run", "dataset", mutants=20)
    api.report(["run"], "dataset")

Folders are texts or paths. Every function resumes what a killed one began, and raises errors of
`goutbench.errors`. The names of the stages are packages of goutbench, so the functions are here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from goutbench.judge.stage import JudgeResult
    from goutbench.records import Candidate, Execution, Pair
    from goutbench.report.inputs import Run
    from goutbench.report.results import Results
    from goutbench.split.stage import Split

Folder = str | Path

__all__ = ["curate", "execute", "generate", "judge", "load", "load_run", "report", "split"]


def curate(config: Folder, out: Folder = "dataset", *, workers: int = 0) -> Path:
    """Curate the repositories of a repos.yaml, or of a built-in configuration (`paper`, `std`), into `out`.

    Returns the folder of the dataset. Raises ConfigError, SourceError, StorageError.
    """
    from goutbench.config import load_builtin, load_curate_config_or_lock
    from goutbench.curate.sources.source import SourceLocations
    from goutbench.curate.stage import curate as run
    from goutbench.locations import clones_folder

    path = Path(config)
    if path.is_file():
        settings, lock = load_curate_config_or_lock(path)
    else:
        settings, lock = load_builtin(str(config)), None
    locations = SourceLocations((path.parent.resolve(),), clones_folder(None))
    run(settings, Path(out), locations, lock=lock, workers=_workers(workers))
    return Path(out)


def split(dataset: Folder, scheme: str = "leakfree", *, seed: int = 42, workers: int = 0) -> "Split":
    """Split a dataset into train, validation and test. Raises ConfigError, DatasetError, StorageError."""
    from goutbench.split.balance import Balance
    from goutbench.split.schemes import SplitOptions
    from goutbench.split.stage import split as run

    return run(Path(dataset), scheme, SplitOptions(seed), Balance(), workers=_workers(workers))


def load(dataset: Folder) -> "list[Pair]":
    """The pairs of a dataset; hashes are checked. Raises DatasetError."""
    from goutbench.dataset.store import read_pairs

    return list(read_pairs(Path(dataset)))


def load_run(folder: Folder) -> "Run":
    """The candidates, executions and transcripts of a run folder. Raises ConfigError, DatasetError."""
    from goutbench.report.inputs import read_run

    return read_run(Path(folder))


def generate(
    dataset: Folder, model: str, out: Folder = "run", *, base_url: str | None = None, **options: Any
) -> "list[Candidate]":
    """Have a model write tests, or a rule (`baseline/no-assertions`).

    `options` are those of `goutbench generate`, such as unit, split, samples, limit, max_tokens. Raises
    ConfigError, DatasetError, StorageError, and GoutbenchError where the model answered no call.
    """
    from goutbench.generate.options import GenerateOptions
    from goutbench.generate.stage import generate as run
    from goutbench.generate.summary import summary
    from goutbench.inference.models import Server
    from goutbench.prompts.library import DEFAULT

    chosen = GenerateOptions.for_prompt(options.pop("prompt", DEFAULT), **options)
    candidates = run(Path(dataset), Path(out), model, chosen, server=Server(base_url))
    summary(Path(out), Path(dataset), candidates)
    return candidates


def execute(
    run: Folder,
    dataset: Folder,
    *,
    mutants: int | None = None,
    prepare: bool = False,
    repos: Folder | None = None,
    workers: int = 0,
    **settings: Any,
) -> "list[Execution]":
    """Execute the candidates of a run folder in the sandbox; the results join them there.

    `mutants` is the number of mutants of each focal file, `prepare` downloads modules first. `settings` are
    further options of `goutbench execute`: work, go, unsafe, sandbox, image, limit, only. Raises ConfigError,
    DatasetError, StorageError, and ToolError where Go or a sandbox is missing.
    """
    from goutbench.execute.options import ExecuteOptions
    from goutbench.execute.stage import run_prepare, run_stage
    from goutbench.locations import CANDIDATES, clones_folder

    candidates, repositories = Path(run) / CANDIDATES, clones_folder(Path(repos) if repos else None)
    if prepare:
        machine = {name: value for name, value in settings.items() if name in _MACHINE}
        list(run_prepare(Path(dataset), repositories, candidates=candidates, **machine))
    return run_stage(
        candidates, Path(dataset), repositories, Path(run), options=ExecuteOptions(mutants=mutants),
        workers=_workers(workers), **settings,
    )  # fmt: skip


_MACHINE = ("work", "go", "unsafe", "sandbox", "image")


def judge(
    runs: Sequence[Folder], dataset: Folder, judges: Sequence[str], out: Folder = "judged"
) -> "JudgeResult":
    """Have judge models compare two or more runs: `judges` are names of models.

    Raises ConfigError, DatasetError.
    """
    from goutbench.inference.models import Server
    from goutbench.judge.config import parse_judge
    from goutbench.judge.options import JudgeOptions
    from goutbench.judge.stage import judge as run

    panel = [parse_judge(name, "") for name in judges]
    return run([*map(Path, runs)], Path(dataset), Path(out), panel, JudgeOptions(), Server())


def report(
    runs: Sequence[Folder],
    dataset: Folder,
    out: Folder = "report.html",
    *,
    judged: Sequence[Folder] = (),
    base: str | None = None,
    title: str = "",
) -> "Results":
    """Write the page of runs, with its tables beside it. Raises ConfigError, DatasetError, StorageError."""
    from goutbench.report.stage import report as run

    return run(
        [Path(folder) for folder in runs], Path(dataset), Path(out),
        judgements=[Path(folder) for folder in judged], base=base, title=title,
    )  # fmt: skip


def _workers(workers: int) -> int:
    from goutbench.parallel import available_cpus

    return workers or available_cpus()
