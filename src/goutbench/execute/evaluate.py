"""Execute many candidates: find their packages, skip finished ones, run the others, record every result."""

import contextlib
import queue
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from goutbench.errors import SourceError
from goutbench.execute.canary import BAD, GOOD, check_canary, prepare_canary
from goutbench.execute.inputs import PairLike
from goutbench.execute.journal import open_journal
from goutbench.execute.ladder.climb import climb
from goutbench.execute.ladder.record import blank_record, empty_record
from goutbench.execute.machine import Machine, open_machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import TargetPackage, Tree, find_package
from goutbench.execute.workspace.prepare import ModuleDownload, prepare_modules, toolchain_for
from goutbench.execute.workspace.trees import materialise, repository_folder
from goutbench.golang.toolchain.helper import HelperError
from goutbench.golang.toolchain.installation import Toolchain, find_toolchain
from goutbench.parallel import parallel_map
from goutbench.records import Candidate, Execution, Status, short_hash


@dataclass(frozen=True, slots=True)
class Job:
    """A candidate to execute; `number` is its position among all candidates."""

    number: int
    package: TargetPackage
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
    excluded: Mapping[str, str] | None = None,
    unsafe: bool = False,
    runner: str = "threads",
    on_result: Callable[[Execution], None] | None = None,
) -> list[Execution]:
    """Execute every candidate; returns one Execution for each, in the order of the candidates.

    `pairs` has the pair of each candidate by id; `repositories` is the folder of repositories, `sources` the
    source of each repository that is not there. With `out` every record is written to a journal there at
    once, and candidates with a result in the journal are not executed again, except after infrastructure
    errors. `excluded` maps pair ids whose reference test cannot run to the reason: their candidates are
    infrastructure errors without execution. `runner` is one of `parallel.RUNNERS`. `on_result` is called in
    this thread for each record, earlier or new. Raises ToolError when no sandbox works here (unless `unsafe`)
    or when the canary fails, StorageError when `out` or `work` cannot be written."""
    options = options or ExecuteOptions()
    machine = open_machine(work=work, unsafe=unsafe)
    finder = PackageFinder(machine, repositories, sources or {})
    candidates = list(candidates)
    results: dict[int, Execution] = {}
    jobs: list[Job] = []
    report = on_result or (lambda record: None)
    journal = open_journal(out) if out else None
    with contextlib.nullcontext() if journal is None else journal:
        for number, candidate in enumerate(candidates):
            package = _find(candidate, pairs, finder, excluded or {}, options)
            if isinstance(package, Execution):
                results[number] = package
                continue
            blank = blank_record(candidate, package, machine.sandbox.name, options)
            earlier = None if journal is None else journal.find(blank.id)
            if earlier is not None and earlier.status is not Status.INFRA_FAILURE:
                results[number] = earlier
            else:
                jobs.append(Job(number, package, candidate))
        for number in sorted(results):
            report(results[number])
        if journal is not None:
            journal.open()
            for record in [record for record in results.values() if journal.find(record.id) is None]:
                journal.add(record.id, record)
        # candidates of one package share compiled packages, so they are executed one after the other
        jobs.sort(key=lambda job: (str(job.package.folder), job.package.focal, job.number))
        for number, record in _execute(machine, options, workers, jobs, runner):
            results[number] = record
            if journal is not None:
                journal.add(record.id, record)
            report(record)
    return [results[number] for number in range(len(candidates))]


def prepare(
    pairs: Iterable[PairLike],
    *,
    repositories: Path,
    work: Path | None = None,
    sources: Mapping[str, str] | None = None,
    unsafe: bool = False,
) -> Iterator[ModuleDownload]:
    """Download the dependencies of the pairs' modules, with the user's GOPROXY.

    Raises SourceError for a repository that is not found.
    """
    machine = open_machine(work=work, unsafe=unsafe)
    finder = PackageFinder(machine, repositories, sources or {})
    modules = set()
    for pair in pairs:
        tree = finder.tree(pair.repository, pair.revision)
        modules.add(tree.module_root((tree.root / pair.test_path).parent))
    yield from prepare_modules(modules, machine.toolchain, machine.workspace)


class PackageFinder:
    """Finds trees and packages, each tree only once."""

    def __init__(self, machine: Machine, repositories: Path, sources: Mapping[str, str]) -> None:
        self.machine = machine
        self.repositories = repositories
        self.sources = sources
        self.trees: dict[tuple[str, str], Tree | SourceError] = {}

    def tree(self, repository: str, revision: str) -> Tree:
        """The tree of a repository. Raises SourceError."""
        key = (repository, revision)
        if key not in self.trees:
            try:
                path = repository_folder(self.repositories, repository, self.sources.get(repository, ""))
                self.trees[key] = materialise(path, repository, revision, self.machine.workspace)
            except SourceError as error:
                self.trees[key] = error
        tree = self.trees[key]
        if isinstance(tree, SourceError):
            raise tree
        return tree

    def package(self, pair: PairLike) -> TargetPackage:
        """The package of a pair. Raises SourceError."""
        tree, toolchain = self.tree(pair.repository, pair.revision), self.machine.toolchain
        package = find_package(tree, pair.code_path, pair.test_path, toolchain)
        if tree.goroot is not None:
            return replace(package, toolchain=find_toolchain(tree.goroot / "bin" / "go"))
        return replace(package, toolchain=toolchain_for(package.module, toolchain, self.machine.workspace))


def _find(
    candidate: Candidate,
    pairs: Mapping[str, PairLike],
    finder: PackageFinder,
    excluded: Mapping[str, str],
    options: ExecuteOptions,
) -> TargetPackage | Execution:
    """The candidate's package, or the record that says why it has none."""
    pair = pairs.get(candidate.pair_id)
    if pair is None:
        reason, evidence = "unknown-pair", f"no pair has the id {candidate.pair_id}"
    elif pair.id in excluded:
        reason, evidence = "reference-cannot-run", excluded[pair.id]
    else:
        try:
            return finder.package(pair)
        except SourceError as error:
            reason, evidence = "no-source", str(error)
    key = short_hash("lost", candidate.id, candidate.pair_id, reason)
    return replace(empty_record(candidate, key, options), reason=reason, evidence=evidence)


def _execute(
    machine: Machine, options: ExecuteOptions, count: int, jobs: list[Job], runner: str
) -> Iterator[tuple[int, Execution]]:
    """Execute the jobs with so many workers at a time; yields number and record as they come."""
    if not jobs:
        return
    salt = secrets.token_bytes(16)
    idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    with contextlib.ExitStack() as stack:
        workers = [Worker(machine.workspace, machine.sandbox, options, n, salt) for n in range(count)]
        for worker in workers:
            stack.enter_context(closing(worker))
        quick, canary = prepare_canary(workers[0], machine.toolchain)
        check_canary(climb(quick, canary, GOOD), climb(quick, canary, BAD))
        for worker in workers:
            _load_packages(worker, [job.package for job in jobs])
            idle.put(worker)

        def execute(job: Job) -> tuple[int, Execution]:
            worker = idle.get()
            try:
                return job.number, climb(worker, job.package, job.candidate)
            finally:
                idle.put(worker)

        yield from parallel_map(execute, jobs, workers=count, runner=runner)


def _load_packages(worker: Worker, packages: list[TargetPackage]) -> None:
    """Load all packages with one `go list` for each module, not one for each package.

    One worker after the other: two at once would compile the same dependencies twice.
    """
    modules: dict[tuple[Toolchain, Path], dict[Path, TargetPackage]] = {}
    for package in packages:
        modules.setdefault((package.toolchain, package.module), {})[package.folder] = package
    for folders in modules.values():
        # a package that cannot be loaded gets its record later
        with contextlib.suppress(HelperError):
            worker.helper(next(iter(folders.values()))).warm(sorted(folders))
