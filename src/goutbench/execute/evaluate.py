"""Execute many candidates: find their packages, skip finished ones, run the others, record every result."""

import contextlib
import queue
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from goutbench.errors import SourceError
from goutbench.execute.canary import BAD, GOOD, check_canary, prepare_canary
from goutbench.execute.finder import MissingPackage, PackageFinder
from goutbench.execute.inputs import PairLike
from goutbench.execute.journal import open_journal
from goutbench.execute.ladder.climb import climb
from goutbench.execute.ladder.record import blank_record
from goutbench.execute.machine import Machine, open_machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.settings import RepositorySettings
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.execute.workspace.prepare import ModuleDownload, prepare_modules
from goutbench.golang.toolchain.helper import HelperError
from goutbench.golang.toolchain.installation import Toolchain
from goutbench.parallel import parallel_map
from goutbench.records import Candidate, Execution, Status


@dataclass(frozen=True, slots=True)
class ExecutionJob:
    """A candidate to execute; `number` is its position among all candidates."""

    number: int
    package: PackageUnderTest
    candidate: Candidate


def evaluate(
    candidates: Iterable[Candidate],
    pairs: Mapping[str, PairLike],
    *,
    repositories: Path,
    out: Path | None = None,
    options: ExecuteOptions | None = None,
    workers: int = 1,
    work: Path | None = None,
    sources: Mapping[str, str] | None = None,
    settings: Mapping[str, RepositorySettings] | None = None,
    excluded: Mapping[str, str] | None = None,
    go: Path | None = None,
    unsafe: bool = False,
    runner: str = "threads",
    on_result: Callable[[Execution], None] | None = None,
) -> list[Execution]:
    """Execute every candidate; returns one Execution for each, in the order of the candidates.

    `pairs` has the pair of each candidate by id; `repositories` is the folder of repositories, `sources` the
    source of each repository that is not there, `settings` those of each repository that has some, `go` the
    go program to use instead of the one that is found. With `out` every record is written to a journal there
    at once, and candidates with a result in the journal are not executed again, except after infrastructure
    errors. `excluded` maps pair ids whose reference test cannot run to the reason: their candidates are
    infrastructure errors without execution. `runner` is a key of `parallel.RUNNERS` that works within this
    process. `on_result` is called in this thread for each record, earlier or new. Raises ToolError when no
    sandbox works here (unless `unsafe`) or when the canary fails, StorageError when `out` or `work` cannot be
    written.
    """
    options = options or ExecuteOptions()
    machine = open_machine(work=work, go=go, unsafe=unsafe)
    finder = PackageFinder(machine, repositories, sources or {}, settings)
    results: dict[int, Execution] = {}
    jobs: list[ExecutionJob] = []
    journal = open_journal(out) if out else None
    with contextlib.nullcontext() if journal is None else journal:
        for number, candidate in enumerate(candidates):
            try:
                package = finder.package_of(candidate, pairs, excluded or {})
            except MissingPackage as error:
                results[number] = error.record(candidate, options)
                continue
            blank = blank_record(candidate, package, machine.sandbox.name, options)
            earlier = None if journal is None else journal.find(blank.id)
            if earlier is not None and earlier.status is not Status.INFRA_FAILURE:
                results[number] = earlier
            else:
                jobs.append(ExecutionJob(number, package, candidate))
        if journal is not None:
            journal.open()
            for record in [record for record in results.values() if journal.find(record.id) is None]:
                journal.add(record.id, record)
        for number in sorted(results):
            if on_result is not None:
                on_result(results[number])
        for number, record in _execute(machine, options, workers, jobs, runner):
            results[number] = record
            if journal is not None:
                journal.add(record.id, record)
            if on_result is not None:
                on_result(record)
    return [results[number] for number in sorted(results)]


def _execute(
    machine: Machine, options: ExecuteOptions, count: int, jobs: list[ExecutionJob], runner: str
) -> Iterator[tuple[int, Execution]]:
    """Execute the jobs with `count` workers; yields number and record in the order of completion."""
    if not jobs:
        return
    # candidates of one package share compiled packages, so they are executed one after the other
    jobs = sorted(jobs, key=lambda job: (str(job.package.folder), job.package.focal, job.number))
    with WorkerPool(machine, options, min(count, len(jobs))) as pool:
        pool.check_canary(machine.toolchain)
        pool.load_packages([job.package for job in jobs])
        yield from parallel_map(pool.execute, jobs, workers=count, runner=runner)


class WorkerPool:
    """Workers that live as long as the pool; every job takes an idle one."""

    def __init__(self, machine: Machine, options: ExecuteOptions, count: int) -> None:
        workspace, sandbox, salt = machine.workspace, machine.sandbox, secrets.token_bytes(16)
        self.workers = [Worker(workspace, sandbox, options, number, salt) for number in range(count)]
        self.idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self.workers:
            self.idle.put(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        for worker in self.workers:
            worker.close()

    def check_canary(self, toolchain: Toolchain) -> None:
        """Raises ToolError when this machine does not distinguish a good test from a bad one."""
        worker, package = prepare_canary(self.workers[0], toolchain)
        check_canary(climb(worker, package, GOOD), climb(worker, package, BAD))

    def load_packages(self, packages: Sequence[PackageUnderTest]) -> None:
        """Load all packages with one `go list` for each module, not one for each package.

        One worker after the other: two at once would compile the same dependencies twice.
        """
        modules: dict[tuple[Toolchain, Path, Path | None], dict[Path, PackageUnderTest]] = {}
        for package in packages:
            key = package.toolchain, package.module, package.go_work
            modules.setdefault(key, {})[package.folder] = package
        for worker in self.workers:
            for folders in modules.values():
                # a package that cannot be loaded gets its record later
                package = next(iter(folders.values()))
                flags = worker.for_repository(package).options.build_flags
                with contextlib.suppress(HelperError):
                    worker.helper(package).warm(sorted(folders), flags=flags, go_work=package.go_work)

    def execute(self, job: ExecutionJob) -> tuple[int, Execution]:
        """Execute one job; waits for an idle worker."""
        worker = self.idle.get()
        try:
            return job.number, climb(worker, job.package, job.candidate)
        finally:
            self.idle.put(worker)


def prepare(
    pairs: Iterable[PairLike],
    *,
    repositories: Path,
    work: Path | None = None,
    sources: Mapping[str, str] | None = None,
    go: Path | None = None,
    unsafe: bool = False,
) -> Iterator[ModuleDownload]:
    """Download the dependencies of the pairs' modules, with the user's own settings of Go and git.

    Raises SourceError for a repository that is not found.
    """
    machine = open_machine(work=work, go=go, unsafe=unsafe)
    finder = PackageFinder(machine, repositories, sources or {})
    modules, go_works = set(), set()
    for pair in pairs:
        tree = finder.tree(pair.repository, pair.revision)
        folder = (tree.root / pair.test_path).parent
        try:
            _, go_work = finder.go_work(tree, folder)
        except SourceError as error:
            yield ModuleDownload(folder, "not downloaded", str(error))
            continue
        if go_work is not None:
            go_works.add(go_work)
        else:
            modules.add(tree.module_root(folder))
    yield from prepare_modules(modules, machine.toolchain, machine.workspace, go_works=go_works)
