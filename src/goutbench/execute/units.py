"""Executions as units of parallel work: what any worker needs to execute a candidate, here or elsewhere."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from goutbench.errors import ToolError
from goutbench.execute.inputs import PairLike, PairLocation
from goutbench.execute.ladder.faults import WORKER_DIFFERS, WORKER_LOST, explained
from goutbench.execute.ladder.record import blank_record, empty_record
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.progress import Progress
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.parallel import PerWorker, map_items, report_progress
from goutbench.records import Candidate, Execution, short_hash


@dataclass(frozen=True, slots=True)
class ExecutionJob:
    """A candidate to execute; `number` is its position among all candidates."""

    number: int
    package: PackageUnderTest
    candidate: Candidate

    @property
    def order(self) -> tuple[str, ...]:
        """Sorts jobs so that those of one module, and in it of one package, follow each other."""
        package = self.package
        return str(package.module), str(package.folder), package.focal, f"{self.number:012}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Packages of one module that are loaded together."""

    package: PackageUnderTest
    folders: tuple[Path, ...]

    def __str__(self) -> str:
        """What is loaded, for the progress."""
        tree = self.package.tree
        folder = self.package.folder.relative_to(tree.root.resolve())
        name = tree.repository if folder == Path() else f"{tree.repository}/{folder}"
        more = f" and {len(self.folders) - 1} more" if len(self.folders) > 1 else ""
        return f"{name}{more}"


class UnitPool(Protocol):
    """The workers of one process: `pool.WorkerPool` is the one that we have."""

    options: ExecuteOptions
    progress: Progress
    canary_passed: bool
    workers: list[Worker]

    def check(self) -> None: ...
    def execute(self, job: ExecutionJob) -> Execution: ...
    def batch_of(self, package: PackageUnderTest) -> Batch: ...
    def expect_batch(self, package: PackageUnderTest, folders: tuple[Path, ...]) -> None: ...
    def close(self) -> None: ...


class UnitFinder(Protocol):
    """Finds packages of units: `finder.PackageFinder` is the one that we have."""

    def package_of(
        self, candidate: Candidate, pairs: Mapping[str, PairLike], excluded: Mapping[str, str]
    ) -> PackageUnderTest: ...


@dataclass(frozen=True, slots=True)
class OpenMachine:
    """What a worker that is another process has opened; `sandbox` is the sandbox's name."""

    finder: UnitFinder
    pool: UnitPool
    sandbox: str


class MachineSpec(Protocol):
    """How to open a machine, its trees and one worker, here or in another process; it is picklable."""

    def open_worker(self, number: int) -> OpenMachine:
        """The worker with this number. Raises ConfigError, ToolError and StorageError."""


class MissingPackage(Exception):
    """A candidate cannot be executed; `reason` and `evidence` as in Execution."""

    def __init__(self, reason: str, evidence: str) -> None:
        super().__init__(evidence)
        self.reason, self.evidence = reason, evidence

    def record(self, candidate: Candidate, options: ExecuteOptions) -> Execution:
        """The infrastructure error that the candidate gets."""
        key = short_hash("lost", candidate.id, candidate.pair_id, self.reason)
        record = empty_record(candidate, key, options)
        return explained(replace(record, reason=self.reason, evidence=self.evidence))


@dataclass(frozen=True, slots=True)
class ExecutionUnit:
    """One candidate to execute. `number` is its position, `key` the identity of its record in the journal.

    `folders` are the packages that are loaded with its own, below the tree; `content` is a hash of its
    package and module files, which a worker elsewhere must have, too.
    """

    number: int
    key: str
    candidate: Candidate
    pair: PairLocation
    folders: tuple[str, ...]
    content: str

    @property
    def affinity(self) -> str:
        """Names the tree that the unit needs."""
        return f"{self.pair.repository}@{self.pair.revision}"


def content_hash(package: PackageUnderTest) -> str:
    """A hash of the names and bytes of a package's files, and of its module's go.mod and go.sum."""
    digest = hashlib.sha256()
    module = (package.module / name for name in ("go.mod", "go.sum"))
    for path in (*sorted(package.folder.iterdir()), *module):
        if path.is_file():
            data = path.read_bytes()
            digest.update(f"{path.name} {len(data)} ".encode("utf-8", "surrogateescape") + data)
    return digest.hexdigest()[:16]


def lost_record(unit: ExecutionUnit, options: ExecuteOptions) -> tuple[int, Execution]:
    """The number and the record of a unit whose workers were all killed."""
    return unit.number, _no_record(unit, options, WORKER_LOST, "")


def _no_record(unit: ExecutionUnit, options: ExecuteOptions, reason: str, evidence: str) -> Execution:
    record = MissingPackage(reason, evidence).record(unit.candidate, options)
    return replace(record, id=unit.key)


@dataclass(frozen=True, slots=True)
class Executing:
    """Opens what executes units, for each worker: within this process the open pool, elsewhere its own.

    Where a worker is a process, the machine, the trees and the Go helpers stay open between its units, and
    the canary has passed there before its first one.
    """

    spec: MachineSpec | None
    pool: UnitPool | None = None
    jobs: Mapping[int, ExecutionJob] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        return Executing, (self.spec,)

    @contextmanager
    def open(self, number: int) -> Iterator[Callable[[ExecutionUnit | None], tuple[int, Execution] | None]]:
        """The function of a worker: it executes a unit, or the canary for None."""
        if self.pool is not None:
            yield partial(_execute_here, self.pool, self.jobs)
            return
        assert self.spec is not None
        opened = self.spec.open_worker(number)
        opened.pool.progress = _Reported()
        try:
            opened.pool.check()
            yield partial(_execute_elsewhere, opened)
        finally:
            opened.pool.close()


def _execute_here(
    pool: UnitPool, jobs: Mapping[int, ExecutionJob], unit: ExecutionUnit | None
) -> tuple[int, Execution] | None:
    if unit is None:
        pool.check()
        return None
    return unit.number, pool.execute(jobs[unit.number])


def _execute_elsewhere(opened: OpenMachine, unit: ExecutionUnit | None) -> tuple[int, Execution] | None:
    if unit is None:
        return None
    pool, options = opened.pool, opened.pool.options
    try:
        package = opened.finder.package_of(unit.candidate, {unit.pair.id: unit.pair}, {})
    except MissingPackage as error:
        return unit.number, replace(error.record(unit.candidate, options), id=unit.key)
    key = blank_record(unit.candidate, package, opened.sandbox, options).id
    if key != unit.key or content_hash(package) != unit.content:
        evidence = f"here: {package.toolchain.version}, {opened.sandbox}, content {content_hash(package)}"
        return unit.number, _no_record(unit, options, WORKER_DIFFERS, evidence)
    root = package.tree.root.resolve()
    pool.expect_batch(package, tuple(root / folder for folder in unit.folders))
    return unit.number, pool.execute(ExecutionJob(unit.number, package, unit.candidate))


def units_of(
    jobs: Iterable[ExecutionJob], keys: Mapping[int, str], pairs: Mapping[str, PairLike], pool: UnitPool
) -> dict[int, ExecutionUnit]:
    """The jobs as units that any worker can execute, by number; the pool expects their packages."""
    contents: dict[PackageUnderTest, str] = {}
    units: dict[int, ExecutionUnit] = {}
    for job in jobs:
        pair, root = pairs[job.candidate.pair_id], job.package.tree.root.resolve()
        content = contents.get(job.package) or contents.setdefault(job.package, content_hash(job.package))
        folders = (str(path.relative_to(root)) for path in pool.batch_of(job.package).folders)
        units[job.number] = ExecutionUnit(
            job.number, keys[job.number], job.candidate,
            PairLocation(pair.id, pair.repository, pair.revision, pair.code_path, pair.test_path),
            tuple(folders), content,
        )  # fmt: skip
    return units


class UnitRun:
    """The executions of one call, by its runner."""

    def __init__(
        self,
        spec: MachineSpec | None,
        pool: UnitPool,
        units: Mapping[int, ExecutionUnit],
        jobs: Iterable[ExecutionJob],
        runner: str,
        progress: Progress,
    ) -> None:
        self._pool = pool
        self._units = units
        self._runner = runner
        self._progress = progress
        self._executing = Executing(spec, pool, {job.number: job for job in jobs})

    def execute(self, jobs: Sequence[ExecutionJob]) -> Iterator[tuple[int, Execution]]:
        """Execute the jobs, and the canary beside the first ones; yields them as they are finished."""
        passed = self._pool.canary_passed
        units = [self._units[job.number] for job in jobs]
        results = self._map([*([] if passed else [None]), *units], len(self._pool.workers))
        return after_canary(results, passed=passed)

    def execute_alone(self, jobs: Sequence[ExecutionJob]) -> Iterator[tuple[int, Execution]]:
        """Execute the jobs one by one, with nothing else beside them."""

        def announced() -> Iterator[ExecutionUnit]:
            for count, job in enumerate(jobs, 1):
                step = f"executing failed tests once more, alone: {count} of {len(jobs)}"
                self._progress.step(step)
                yield self._units[job.number]

        return after_canary(self._map(announced(), 1), passed=True) if jobs else iter(())

    def _map(
        self, units: Iterable[ExecutionUnit | None], workers: int
    ) -> Iterator[tuple[int, Execution] | None]:
        return map_items(
            PerWorker(self._executing.open),
            units,
            workers=workers,
            on_progress=self._progress.step,
            on_crew=self._progress.join,
            affinity=_affinity,
            lost=partial(_lost, self._pool.options),
            runner=self._runner,
        )


def _affinity(unit: ExecutionUnit | None) -> str:
    return unit.affinity if unit is not None else ""


def _lost(options: ExecuteOptions, unit: ExecutionUnit | None) -> tuple[int, Execution]:
    """The record of a unit that kills its workers. The canary is no such unit: without it nothing counts."""
    if unit is None:
        raise ToolError("the canary kills its worker", where="canary", hint="run `goutbench doctor`")
    return lost_record(unit, options)


def after_canary(
    results: Iterable[tuple[int, Execution] | None], *, passed: bool
) -> Iterator[tuple[int, Execution]]:
    """The results, of which those before the canary's, which is None, are held back until it has passed."""
    held: list[tuple[int, Execution]] = []
    for result in results:
        if result is None:
            passed = True
            yield from held
        elif passed:
            yield result
        else:
            held.append(result)


class _Reported(Progress):
    """Progress of a worker that is another process: its steps are shown where the results go."""

    def step(self, text: str) -> None:
        report_progress(text)
