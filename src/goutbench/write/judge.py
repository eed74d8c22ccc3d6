"""Executes single tests by the ladder, and the tests of a package together."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TypeVar

from goutbench.dataset.journal import Journal
from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.build import compile_test
from goutbench.execute.ladder.faults import VET as VET_FAULT
from goutbench.execute.ladder.record import blank_record
from goutbench.execute.ladder.runs import CompiledTest, run_tests
from goutbench.execute.ladder.stable import repeat_passing
from goutbench.execute.machine import Machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.pool import WorkerPool
from goutbench.execute.progress import Progress
from goutbench.execute.units import ExecutionJob
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import Overlay, PackageUnderTest
from goutbench.parallel import map_items
from goutbench.records import REFERENCE, Candidate, Execution, Status

Item = TypeVar("Item")
Result = TypeVar("Result")
ShowProgress = Callable[[], AbstractContextManager[Progress]]


def nothing_shown() -> AbstractContextManager[Progress]:
    return nullcontext(Progress())


@dataclass(frozen=True, slots=True)
class CandidateJudge:
    """Executes candidates, none of them twice: the journal has the records of earlier runs."""

    machine: Machine
    options: ExecuteOptions
    pool: WorkerPool
    journal: Journal[Execution]
    show: ShowProgress = nothing_shown

    def execute(self, jobs: Sequence[tuple[PackageUnderTest, Candidate]]) -> list[Execution]:
        """One record for each candidate, in their order. Raises ToolError where the canary fails."""
        records: dict[int, Execution] = {}
        new: list[ExecutionJob] = []
        for number, (package, candidate) in enumerate(jobs):
            key = blank_record(candidate, package, self.machine.sandbox.name, self.options).id
            earlier = self.journal.find(key)
            if earlier is not None and earlier.status is not Status.INFRA_FAILURE:
                records[number] = earlier
            else:
                new.append(ExecutionJob(number, package, candidate))
        if new:
            with self.show() as progress:
                self.pool.progress = progress
                progress.expect(len(new), len(self.pool.workers))
                for number, record in self.pool.execute_all(
                    sorted(new, key=lambda job: job.order), "threads"
                ):
                    if self.journal.find(record.id) != record:
                        self.journal.add(record.id, record)
                    progress.add(record)
                    records[number] = record
        return [records[number] for number in range(len(jobs))]

    def map(self, function: Callable[[Worker, Item], Result], items: Sequence[Item]) -> list[Result]:
        """A function of a worker and an item, on every item, in their order."""

        def call(numbered: tuple[int, Item]) -> tuple[int, Result]:
            worker = self.pool.idle.get()
            try:
                return numbered[0], function(worker, numbered[1])
            finally:
                self.pool.idle.put(worker)

        if not items:
            return []
        count = len(self.pool.workers)
        results = dict(map_items(call, list(enumerate(items)), workers=count, runner="threads"))
        return [results[number] for number in range(len(items))]


@dataclass(frozen=True, slots=True)
class Together:
    """The tests of a package to be run together, with an overlay of its test files; `shuffled`: also in
    shuffled orders."""

    package: PackageUnderTest
    overlay: Overlay
    names: tuple[str, ...]
    shuffled: bool


def run_together(worker: Worker, tests: Together) -> Execution:
    """Vet, build and run the tests as `go test` does: the record says how that ends."""
    package, worker = tests.package, worker.for_repository(tests.package)
    candidate = text_candidate(package.focal, REFERENCE, "")
    record = blank_record(candidate, package, worker.sandbox.name, worker.options)
    folder = worker.workspace.scratch_folder("run")
    try:
        build = compile_test(worker, package, tests.overlay, folder, branches=False)
        if build.binary is None:
            status = Status.VET_FAILED if build.reason == VET_FAULT else Status.BUILD_FAILED
            status = Status.INFRA_FAILURE if build.infra else status
            return replace(record, status=status, reason=build.reason, evidence=build.evidence)
        test = CompiledTest(worker, package, build.binary, folder, tests.names, build.cover, reference=True)
        first = run_tests(test, cover=False)
        record = replace(
            record, status=first.status, reason=first.reason, evidence=first.evidence,
            passed=first.output.passed, failed=first.culprits,
        )  # fmt: skip
        return repeat_passing(test, record) if first.passed and tests.shuffled else record
    finally:
        shutil.rmtree(folder, ignore_errors=True)
