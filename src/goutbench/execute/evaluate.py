"""Execute many candidates: find their packages, skip finished ones, run the others, record every result."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from goutbench.dataset.journal import Journal
from goutbench.errors import SourceError
from goutbench.execute.finder import PackageFinder
from goutbench.execute.inputs import PairLike
from goutbench.execute.journal import open_journal
from goutbench.execute.ladder.climb import climb
from goutbench.execute.ladder.faults import BUILD_TIMED_OUT, COMPILE_LIMIT, SANDBOX
from goutbench.execute.ladder.record import blank_record
from goutbench.execute.machine import Machine, open_machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.pool import WorkerPool
from goutbench.execute.progress import Progress
from goutbench.execute.units import ExecutionJob, MissingPackage, OpenMachine, UnitRun, units_of
from goutbench.execute.worker import Climb
from goutbench.execute.workspace.prepare import ModuleDownload, prepare_modules
from goutbench.execute.workspace.settings import RepositorySettings
from goutbench.records import Candidate, Execution, Status

_LOAD_STATUSES = (Status.TESTS_FAILED, Status.TIMED_OUT, Status.FLAKY)
_LOAD_REASONS = (BUILD_TIMED_OUT, COMPILE_LIMIT, SANDBOX)


@dataclass(frozen=True, slots=True)
class ExecutionSpec:
    """How to open a session, or one of its workers in another process; parameters of `evaluate`."""

    repositories: Path
    options: ExecuteOptions
    climb: Climb = climb
    work: Path | None = None
    go: Path | None = None
    unsafe: bool = False
    sandbox: str = ""
    image: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, RepositorySettings] = field(default_factory=dict)

    def open_session(self, workers: int) -> "ExecutionSession":
        """The machine, and so many workers of this process. Raises what `open_machine` raises."""
        finder = self._open_finder()
        return ExecutionSession(finder.machine, finder, self.options, workers, self.climb, self)

    def open_worker(self, number: int) -> OpenMachine:
        """One worker with this number."""
        finder = self._open_finder()
        pool = WorkerPool(finder.machine, self.options, 1, self.climb, number)
        return OpenMachine(finder, pool, finder.machine.sandbox.name)

    def _open_finder(self) -> PackageFinder:
        machine = open_machine(
            work=self.work, go=self.go, unsafe=self.unsafe, sandbox=self.sandbox, image=self.image
        )
        return PackageFinder(machine, self.repositories, self.sources, self.settings)


class ExecutionSession:
    """The machine, the trees of repositories, the workers with their Go helpers, and the word of the canary.

    A tree that was found, or was not, stays so: open a new session after a change of the repositories.
    """

    def __init__(
        self,
        machine: Machine,
        finder: PackageFinder,
        options: ExecuteOptions,
        workers: int,
        climb: Climb,
        spec: ExecutionSpec | None = None,
    ) -> None:
        """With the `spec` of the machine, workers can be other processes."""
        self.machine = machine
        self.finder = finder
        self.options = options
        self.spec = spec
        self.pool = WorkerPool(machine, options, workers, climb)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *reason: object) -> None:
        # after an interrupt, other threads may still use the helpers, which end with this process
        if kind is not KeyboardInterrupt:
            self.pool.close()


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
    sandbox: str = "",
    image: str = "",
    runner: str = "threads",
    retry_alone: bool = False,
    progress: Progress | None = None,
) -> list[Execution]:
    """Execute every candidate; returns one Execution for each, in the order of the candidates.

    `pairs` has the pair of each candidate by id; `repositories` is the folder of repositories, `sources` the
    source of each repository that is not there, `settings` those of each repository that has some, `go` the
    go program to use instead of the one that is found. With `out` every record is written to a journal there
    at once, and candidates with a result in the journal are not executed again, except after infrastructure
    errors. `excluded` maps pair ids whose reference test cannot run to the reason: their candidates are
    infrastructure errors without execution. `runner` is that of `parallel.map_items`. With `retry_alone`,
    what fails in a way that a busy machine can cause is executed once more at the end, one candidate at a
    time. Raises ToolError when no sandbox works here (unless `unsafe`) or when the canary fails,
    StorageError when `out` or `work` cannot be written.
    """
    progress = progress or Progress()
    progress.step("checking Go and the sandbox")
    with open_session(
        repositories, options=options, workers=workers, work=work, sources=sources, settings=settings, go=go,
        unsafe=unsafe, sandbox=sandbox, image=image,
    ) as session:  # fmt: skip
        return evaluate_in(
            session, candidates, pairs, out=out, excluded=excluded, runner=runner, retry_alone=retry_alone,
            progress=progress,
        )  # fmt: skip


def open_session(
    repositories: Path,
    *,
    options: ExecuteOptions | None = None,
    workers: int = 1,
    work: Path | None = None,
    sources: Mapping[str, str] | None = None,
    settings: Mapping[str, RepositorySettings] | None = None,
    go: Path | None = None,
    unsafe: bool = False,
    sandbox: str = "",
    image: str = "",
) -> ExecutionSession:
    """What executions share, for many calls of `evaluate_in`; the parameters are those of `evaluate`."""
    options = options or ExecuteOptions()
    work, go = (path.absolute() if path else None for path in (work, go))
    spec = ExecutionSpec(
        repositories.absolute(),
        options,
        climb,
        work,
        go,
        unsafe,
        sandbox,
        image,
        sources or {},
        settings or {},
    )
    return spec.open_session(workers)


def evaluate_in(
    session: ExecutionSession,
    candidates: Iterable[Candidate],
    pairs: Mapping[str, PairLike],
    *,
    out: Path | None = None,
    excluded: Mapping[str, str] | None = None,
    runner: str = "threads",
    retry_alone: bool = False,
    progress: Progress | None = None,
) -> list[Execution]:
    """`evaluate` with an open session; only one call at a time."""
    machine, finder, options = session.machine, session.finder, session.options
    progress = progress or Progress()
    results: dict[int, Execution] = {}
    jobs: list[ExecutionJob] = []
    keys: dict[int, str] = {}
    journal = open_journal(out) if out else None

    def keep(number: int, record: Execution, *, executed: bool = True) -> None:
        if journal is not None and journal.find(record.id) != record:
            journal.add(record.id, record)
        progress.add(record, executed=executed, replaces=results.get(number))
        results[number] = record

    with contextlib.nullcontext() if journal is None else journal:
        if journal is not None:
            journal.open()
        for number, candidate in enumerate(candidates):
            if candidate.pair_id in pairs:
                progress.step(f"reading {pairs[candidate.pair_id].repository}")
            try:
                package = finder.package_of(candidate, pairs, excluded or {})
            except MissingPackage as error:
                keep(number, error.record(candidate, options), executed=False)
                continue
            key = blank_record(candidate, package, machine.sandbox.name, options).id
            if earlier := _earlier_result(journal, key):
                keep(number, earlier, executed=False)
            jobs.append(ExecutionJob(number, package, candidate))
            keys[number] = key
        jobs.sort(key=lambda job: job.order)
        new = [job for job in jobs if job.number not in results]
        failed = [job for job in jobs if job.number in results and load_may_decide(results[job.number])]
        if used := sorted([*new, *(failed if retry_alone else [])], key=lambda job: job.order):
            session.pool.progress = progress
            session.pool.expect([job.package for job in used])
            units = units_of(used, keys, pairs, session.pool)
            run = UnitRun(session.spec, session.pool, units, used, runner, progress)
            for number, record in run.execute(new):
                keep(number, record)
            again = [job for job in used if retry_alone and load_may_decide(results[job.number])]
            for number, record in run.execute_alone(again):
                keep(number, after_failure(results[number], record))
    return [results[number] for number in sorted(results)]


def _earlier_result(journal: Journal[Execution] | None, key: str) -> Execution | None:
    """The record of an earlier run; none after an infrastructure error, since that is tried again."""
    earlier = None if journal is None else journal.find(key)
    return None if earlier is None or earlier.status is Status.INFRA_FAILURE else earlier


def load_may_decide(record: Execution) -> bool:
    """Whether this failure can come from the machine's other work, and was not executed alone yet."""
    failed = record.status in _LOAD_STATUSES or record.reason in _LOAD_REASONS
    return failed and record.attempts == 1


def after_failure(first: Execution, second: Execution) -> Execution:
    """The record of an execution that was repeated alone, after a failure beside others."""
    second = replace(second, attempts=first.attempts + 1)
    if second.status is not Status.PASSED:
        return second
    evidence = f"passed alone; beside other executions: {first.status}, {first.reason}\n{first.evidence}"
    return replace(second, evidence=evidence)


def prepare(
    pairs: Iterable[PairLike],
    *,
    repositories: Path,
    work: Path | None = None,
    sources: Mapping[str, str] | None = None,
    go: Path | None = None,
    unsafe: bool = False,
    sandbox: str = "",
    image: str = "",
) -> Iterator[ModuleDownload]:
    """Download the dependencies of the pairs' modules, with the user's own settings of Go and git.

    Raises SourceError for a repository that is not found.
    """
    machine = open_machine(work=work, go=go, unsafe=unsafe, sandbox=sandbox, image=image)
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
