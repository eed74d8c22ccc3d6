"""The workers of an execution, and the packages that they load."""

import contextlib
import queue
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from goutbench.execute.canary import canary_package, run_canary
from goutbench.execute.machine import Machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.progress import Progress
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.toolchain.answers import HelperError
from goutbench.golang.toolchain.installation import Toolchain
from goutbench.parallel import parallel_map
from goutbench.records import Candidate, Execution

Climb = Callable[[Worker, PackageUnderTest, Candidate], Execution]
"""Takes one candidate up the ladder: `ladder.climb.climb`."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Packages of one module that are loaded together; `compiled` is set when the build cache has their
    dependencies."""

    package: PackageUnderTest
    folders: tuple[Path, ...]
    compiled: threading.Event = field(default_factory=threading.Event)

    def __str__(self) -> str:
        """What is loaded, for the progress."""
        tree = self.package.tree
        folder = self.package.folder.relative_to(tree.root.resolve())
        name = tree.repository if folder == Path() else f"{tree.repository}/{folder}"
        more = f" and {len(self.folders) - 1} more" if len(self.folders) > 1 else ""
        return f"{name}{more}"


class WorkerPool:
    """Workers that live as long as the pool; every job takes an idle one.

    Packages are loaded by `go list` in batches, the first with one package and each with twice as many as the
    one before: the first job starts soon, and a large module does not need a `go list` for each package.
    """

    def __init__(self, machine: Machine, options: ExecuteOptions, count: int, climb: Climb) -> None:
        workspace, sandbox, salt = machine.workspace, machine.sandbox, secrets.token_bytes(16)
        self.workers = [Worker(workspace, sandbox, options, number, salt) for number in range(count)]
        # the last one that was used comes first: its Go helper has the package in memory
        self.idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        for worker in reversed(self.workers):
            self.idle.put(worker)
        self.progress = Progress()
        self.climb = climb
        self.canary = canary_package(workspace, machine.toolchain)
        self._canary_passed = False
        self._compiling = threading.Lock()
        self._batches: dict[tuple[Toolchain, Path | None, Path], Batch] = {}
        self.expect([self.canary])

    def close(self) -> None:
        """End the helper processes."""
        for worker in self.workers:
            worker.close()

    def expect(self, packages: Sequence[PackageUnderTest]) -> None:
        """Candidates of these packages, which must be sorted by module, come next: plan their batches."""
        new = [package for package in packages if _batch_key(package) not in self._batches]
        for batch in _batches(new):
            for folder in batch.folders:
                self._batches[batch.package.toolchain, batch.package.go_work, folder] = batch

    def check(self) -> None:
        """Execute the canary, unless it has passed before.

        Raises ToolError when this machine does not distinguish a good test from a bad one.
        """
        if not self._canary_passed:
            self._execute(None)

    def execute_all(self, jobs: Sequence[ExecutionJob], runner: str) -> Iterator[tuple[int, Execution]]:
        """Execute the jobs, and before the first ones of the pool the canary beside them; yields each job's
        number and record in the order of completion.

        No record is yielded before the canary has ended. Raises what `check` raises.
        """
        held: list[tuple[int, Execution]] | None = None if self._canary_passed else []
        canary_and_jobs: list[ExecutionJob | None] = [*([] if self._canary_passed else [None]), *jobs]
        if not canary_and_jobs:  # a later call of a session, all of whose jobs are to be executed alone
            return
        for result in parallel_map(self._execute, canary_and_jobs, workers=len(self.workers), runner=runner):
            if result is None:
                yield from held or ()
                held = None
            elif held is None:
                yield result
            else:
                held.append(result)

    def execute_alone(self, jobs: Sequence[ExecutionJob]) -> Iterator[tuple[int, Execution]]:
        """Execute the jobs one by one, with nothing else beside them."""
        for count, job in enumerate(jobs, 1):
            self.progress.step(f"executing failed tests once more, alone: {count} of {len(jobs)}")
            yield job.number, self.execute(job)

    def execute(self, job: ExecutionJob) -> Execution:
        """Execute one job; waits for an idle worker. Threads may call it at the same time."""
        worker = self.idle.get()
        try:
            self._load(worker, job.package)
            return self.climb(worker, job.package, job.candidate)
        finally:
            self.idle.put(worker)

    def _execute(self, job: ExecutionJob | None) -> tuple[int, Execution] | None:
        """Execute one job, or the canary."""
        if job is not None:
            return job.number, self.execute(job)
        worker = self.idle.get()
        try:
            self._load(worker, self.canary)
            run_canary(worker, self.canary)
            self._canary_passed = True
            return None
        finally:
            self.idle.put(worker)

    def _load(self, worker: Worker, package: PackageUnderTest) -> None:
        """Load the batch of a package, once for each worker."""
        batch = self._batches[_batch_key(package)]
        if batch.compiled.is_set():
            worker.once(_load_batch, batch)
            return
        with self._compiling:  # two workers at once would compile the same dependencies twice
            if not batch.compiled.is_set():
                self.progress.step(f"loading {batch}, and compiling what it imports")
            worker.once(_load_batch, batch)
            batch.compiled.set()
        self.progress.step("executing")


def _load_batch(worker: Worker, batch: Batch) -> None:
    # a package that cannot be loaded gets its record later
    package = batch.package
    flags = worker.for_repository(package).options.build_flags
    with contextlib.suppress(HelperError):
        worker.helper(package).warm(list(batch.folders), flags=flags, go_work=package.go_work)


def _batch_key(package: PackageUnderTest) -> tuple[Toolchain, Path | None, Path]:
    return package.toolchain, package.go_work, package.folder


def _batches(packages: Sequence[PackageUnderTest]) -> Iterator[Batch]:
    """The packages, which must be sorted by module, in batches of increasing size."""

    def module(package: PackageUnderTest) -> tuple[Toolchain, Path, Path | None]:
        return package.toolchain, package.module, package.go_work

    size = 1
    for _, group in groupby(packages, module):
        distinct = list({package.folder: package for package in group}.values())
        while distinct:
            yield Batch(distinct[0], tuple(package.folder for package in distinct[:size]))
            distinct, size = distinct[size:], size * 2
