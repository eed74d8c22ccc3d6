"""The workers of an execution, and the packages that they load."""

import contextlib
import queue
import secrets
import threading
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from goutbench.errors import ToolError
from goutbench.execute.canary import canary_facts, canary_package, run_canary
from goutbench.execute.machine import Machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.progress import Progress
from goutbench.execute.units import Batch, ExecutionJob, after_canary
from goutbench.execute.worker import Climb, Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.execute.workspace.remembered import remembered_pass
from goutbench.golang.toolchain.answers import HelperError
from goutbench.golang.toolchain.installation import Toolchain
from goutbench.parallel import map_items
from goutbench.records import Execution, Status, short_hash


class WorkerPool:
    """Workers that live as long as the pool; every job takes an idle one.

    Packages are loaded by `go list` in batches, the first with one package and each with twice as many as the
    one before: the first job starts soon, and a large module does not need a `go list` for each package.
    """

    def __init__(
        self, machine: Machine, options: ExecuteOptions, count: int, climb: Climb, first: int = 0
    ) -> None:
        """`count` workers, with numbers from `first`: no two of a machine may have the same."""
        workspace, sandbox, salt = machine.workspace, machine.sandbox, secrets.token_bytes(16)
        self.options = options
        numbers = range(first, first + count)
        self.workers = [Worker(workspace, sandbox, options, number, salt) for number in numbers]
        # the last one that was used comes first: its Go helper has the package in memory
        self.idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        for worker in reversed(self.workers):
            self.idle.put(worker)
        self.progress = Progress()
        self.climb = climb
        self.canary = canary_package(workspace, machine.toolchain)
        self._remembered = remembered_pass(workspace, sandbox, machine.toolchain, canary_facts(options))
        self.canary_passed = self._on_trust = self._remembered.holds()
        self._confirming = threading.Lock()
        self._refuted: ToolError | None = None
        self._compiled: set[Batch] = set()
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

    def expect_batch(self, package: PackageUnderTest, folders: tuple[Path, ...]) -> None:
        """A candidate of this package comes next; the folders of its batch were planned elsewhere."""
        if _batch_key(package) not in self._batches:
            self._batches[_batch_key(package)] = Batch(package, folders)

    def batch_of(self, package: PackageUnderTest) -> Batch:
        """The batch that an expected package is loaded with."""
        return self._batches[_batch_key(package)]

    def check(self) -> None:
        """Execute the canary, unless it has passed before in this pool.

        Raises ToolError when this machine does not distinguish a good test from a bad one.
        """
        if self._on_trust or not self.canary_passed:
            self._execute(None)

    def execute_all(self, jobs: Sequence[ExecutionJob], runner: str) -> Iterator[tuple[int, Execution]]:
        """Execute the jobs, and before the first ones of the pool the canary beside them; yields each job's
        number and record in the order of completion.

        No record is yielded before the canary has ended. Raises what `check` raises.
        """
        canary_and_jobs: list[ExecutionJob | None] = [*([] if self.canary_passed else [None]), *jobs]
        if not canary_and_jobs:  # a later call of a session, all of whose jobs are to be executed alone
            return iter(())
        results = map_items(self._execute, canary_and_jobs, workers=len(self.workers), runner=runner)
        return after_canary(results, passed=self.canary_passed)

    def execute(self, job: ExecutionJob) -> Execution:
        """Execute one job; waits for an idle worker. Threads may call it at the same time.

        Raises what `check` raises if the canary's pass is only remembered, and does not hold any more.
        """
        worker = self.idle.get()
        try:
            self._load(worker, job.package)
            record = self.climb(worker, job.package, job.candidate)
            self._confirm(worker, record)
            return record
        finally:
            self.idle.put(worker)

    def _execute(self, job: ExecutionJob | None) -> tuple[int, Execution] | None:
        """Execute one job, or the canary."""
        if job is not None:
            return job.number, self.execute(job)
        worker = self.idle.get()
        try:
            self._run_canary(worker)
            return None
        finally:
            self.idle.put(worker)

    def _run_canary(self, worker: Worker) -> None:
        self._remembered.forget()
        self._load(worker, self.canary)
        run_canary(worker, self.canary)
        self._remembered.remember()
        self.canary_passed, self._on_trust = True, False

    def _confirm(self, worker: Worker, record: Execution) -> None:
        """A remembered pass of the canary holds if the first result is a pass with coverage; else the machine
        may be at fault, so that the canary decides before there is any record."""
        if not self._on_trust:
            return
        with self._confirming:
            if self._refuted is not None:
                raise self._refuted
            if self._on_trust and not (record.status is Status.PASSED and record.covered):
                try:
                    self._run_canary(worker)
                except ToolError as error:
                    self._refuted = error  # nor is there a record of what ends after this one
                    raise
            self._on_trust = False

    def _load(self, worker: Worker, package: PackageUnderTest) -> None:
        """Load the batch of a package, once for each worker."""
        batch = self._batches[_batch_key(package)]
        if batch in self._compiled:
            worker.once(_load_batch, batch)
            return
        # two workers at once would compile the same dependencies twice
        with self._compiling, worker.workspace.locked(short_hash(str(package.module))):
            if batch not in self._compiled:
                self.progress.step(f"loading {batch}, and compiling what it imports")
            worker.once(_load_batch, batch)
            self._compiled.add(batch)
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
