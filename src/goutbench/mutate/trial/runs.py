"""Run the mutants of one file: all are in one binary, and each runs only tests that reach it."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from goutbench.execute.ladder.build import compile_mutants
from goutbench.execute.ladder.mutants.runs import count_steps, limited_run, run_all, step_limit
from goutbench.execute.ladder.mutants.score import MutantResult
from goutbench.execute.ladder.runs import CompiledTest, command_for
from goutbench.execute.sandbox.command import RunReport
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import Overlay, PackageUnderTest
from goutbench.golang.toolchain.mutation import MutationPlan
from goutbench.mutate.results import TestedMutant
from goutbench.mutate.trial.order import Killers, ReachedMutant
from goutbench.mutate.trial.profile import TestProfile, in_time, output_of, selection, witnessed_command
from goutbench.records import MutantStatus

_WORTH_A_RUN = 0.06
"""CPU seconds of the reaching tests from which the most likely killer runs alone first: a process and its
sandbox take about a quarter of this."""
_WORTH_COUNTING, _CHEAPER = 0.05, 3
"""CPU seconds of all tests of a file from which, and the factor by which, selections are counted on their
own."""
_LEAST = 0.1  # seconds; a limit of 0 would be none
_TAIL = 600  # characters of an output that explains a verdict

Selection = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A run of a mutant against some tests; `rest` are the tests that run if it survives these."""

    reached: ReachedMutant
    tests: Selection
    rest: Selection = ()
    killers: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(slots=True)
class MutantTrial:
    """The mutants of one file in one binary, which is built for the first run. `close` removes it.

    `tests` are all that reach one of the mutants. With `redundant`, all tests that reach a mutant run, so
    that all of its killers are known. A selection of tests that fails without any mutant in effect proves
    nothing: its mutants run again with all tests.
    """

    package: PackageUnderTest
    plan: MutationPlan
    profile: TestProfile
    killers: Killers
    redundant: bool
    tests: Selection
    problem: str = ""
    _folder: Path | None = None
    _binary: Path | None = None
    _steps: dict[Selection, int | None] = field(default_factory=dict)
    _trusted: dict[Selection, bool] = field(default_factory=dict)

    def run(self, worker: Worker, mutants: Sequence[ReachedMutant], deadline: float) -> list[TestedMutant]:
        """The verdicts of mutants, as far as there is time until `deadline` (of time.monotonic)."""
        test = self._built(worker, deadline)
        if test is None:
            return [TestedMutant(item.mutant, None, item.tests, reason=self.problem) for item in mutants]
        results: list[TestedMutant] = []
        attempts = [self._first(reached) for reached in mutants]
        while attempts:
            reports = self._reports(test, attempts, deadline)
            pairs = list(zip(attempts, reports, strict=False))
            self._control(test, [item.tests for item, report in pairs if report.exit_code != 0], deadline)
            reason = "" if time.monotonic() >= deadline else "the sandbox ended before the mutant was run"
            for late in attempts[len(reports) :]:
                results.append(TestedMutant(late.reached.mutant, None, late.reached.tests, reason=reason))
            attempts = []
            for attempt, report in pairs:
                outcome = self._judge(attempt, report, reason)
                if isinstance(outcome, TestedMutant):
                    results.append(outcome)
                    self.killers.add(outcome.mutant.function, outcome.killers)
                else:
                    attempts.append(outcome)
        return results

    def close(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _first(self, reached: ReachedMutant) -> _Attempt:
        """All tests that reach the mutant, or first the most likely killer where they take long."""
        tests = reached.tests
        if self.redundant or len(tests) == 1 or self.profile.together:
            return _Attempt(reached, tests)
        likely = self.killers.most_likely(reached)
        total, own = self.profile.cost(tests).cpu, self.profile.cost((likely,)).cpu
        if total < _WORTH_A_RUN or own > total / 2:
            return _Attempt(reached, tests)
        return _Attempt(reached, (likely,), tuple(name for name in tests if name != likely))

    def _judge(self, attempt: _Attempt, report: RunReport, missing: str) -> TestedMutant | _Attempt:
        """The verdict after a run, or the next run; `missing` is why a control has not run."""
        reached, mutant = attempt.reached, attempt.reached.mutant
        attempt = replace(attempt, seconds=attempt.seconds + report.cpu_seconds)
        result = MutantResult.of(self.plan, mutant, report, attempt.tests)
        status = result.status
        if report.exit_code != 0 and attempt.tests not in self._trusted:
            return TestedMutant(mutant, None, reached.tests, seconds=attempt.seconds, reason=missing)
        if status is not MutantStatus.SURVIVED and not self._trusted.get(attempt.tests, True):
            everything = self.profile.tests
            if attempt.tests == everything:
                reason = f"the tests fail without the mutant, too: {report.tail[-_TAIL:]}"
                return TestedMutant(mutant, None, reached.tests, seconds=attempt.seconds, reason=reason)
            return _Attempt(replace(reached, tests=everything), everything, seconds=attempt.seconds)
        if status is MutantStatus.KILLED:
            output = output_of(report, attempt.tests)
            failed = dict.fromkeys((*attempt.killers, *output.failed, *output.unfinished, result.test))
            killers = tuple(name for name in failed if name)
            rest = tuple(name for name in attempt.tests if name not in output.seen)
            if self.redundant and rest and len(rest) < len(attempt.tests):
                return replace(attempt, tests=rest, killers=killers)
            return self._verdict(attempt, status, killers, report.tail[-_TAIL:])
        if attempt.killers:  # killed by a test before
            return self._verdict(attempt, MutantStatus.KILLED, attempt.killers, "")
        if status is MutantStatus.SURVIVED and attempt.rest:
            return replace(attempt, tests=attempt.rest, rest=())
        endless = self.plan.exceeded_steps(report.exit_code, report.tail)
        return replace(
            self._verdict(attempt, status, (), ""), lasting=endless or status is MutantStatus.SURVIVED
        )

    @staticmethod
    def _verdict(
        attempt: _Attempt, status: MutantStatus, killers: tuple[str, ...], reason: str
    ) -> TestedMutant:
        reached = attempt.reached
        return TestedMutant(
            reached.mutant, status, reached.tests, killers, seconds=attempt.seconds, reason=reason
        )

    def _reports(
        self, test: CompiledTest, attempts: Sequence[_Attempt], deadline: float
    ) -> tuple[RunReport, ...]:
        self._count_steps(test, [attempt.tests for attempt in attempts], deadline)
        numbers = [(attempt.reached.mutant.id, attempt.tests) for attempt in attempts]
        return self._run(test, numbers, deadline)

    def _count_steps(self, test: CompiledTest, selections: Sequence[Selection], deadline: float) -> None:
        """Measure the steps of selections that are much cheaper than all tests: an endless mutant then ends
        sooner. Without output of tests, the last count is in the tail."""
        total = self.profile.cost(self.tests).cpu
        new = [tests for tests in dict.fromkeys(selections) if tests not in self._steps]
        cheap = [tests for tests in new if self.profile.cost(tests).cpu * _CHEAPER < total]
        counted = cheap if total > _WORTH_COUNTING else []
        runs = [(self.plan.counting(), tests) for tests in counted]
        reports = self._run_with(test, runs, deadline, "-test.v=false") if runs else ()
        limits = dict(self._steps)
        for tests in new:
            limits[tests] = limits.get(self.tests)
        for tests, report in zip(counted, reports, strict=False):
            limits[tests] = step_limit(self.plan, report.tail.encode()) or limits[tests]
        self._steps = limits

    def _control(self, test: CompiledTest, selections: Sequence[Selection], deadline: float) -> None:
        """Run each of these selections without a mutant in effect, once for all batches."""
        new = [tests for tests in dict.fromkeys(selections) if tests not in self._trusted]
        if new:
            reports = self._run(test, [(0, tests) for tests in new], deadline)
            for tests, report in zip(new, reports, strict=False):
                self._trusted[tests] = report.exit_code == 0

    def _run(
        self, test: CompiledTest, numbers: Sequence[tuple[int, Selection]], deadline: float
    ) -> tuple[RunReport, ...]:
        """Run the binary with each of these mutants and tests."""
        everything = self._steps.get(self.tests)
        runs = [
            (self.plan.environment(number, limit=self._steps.get(tests, everything)), tests)
            for number, tests in numbers
        ]
        return self._run_with(test, runs, deadline)

    def _run_with(
        self,
        test: CompiledTest,
        environments: Sequence[tuple[dict[str, str], Selection]],
        deadline: float,
        *args: str,
    ) -> tuple[RunReport, ...]:
        if time.monotonic() >= deadline:
            return ()
        flags = () if self.redundant else ("-test.failfast",)
        command = witnessed_command(test, "-test.timeout=0", *flags)
        runs = []
        for environment, tests in environments:
            cost = self.profile.cost(tests)
            runs.append(limited_run(environment, cost.wall, cost.cpu, (*selection(tests), *args)))
        return in_time(
            run_all(test.worker.sandbox, command, runs, wall=deadline - time.monotonic()), deadline
        )

    def _built(self, worker: Worker, deadline: float) -> CompiledTest | None:
        """The test binary with all mutants; None after a problem."""
        if self._folder is None:
            self._folder = worker.workspace.scratch_folder("run")
            package, plan = self.package, self.plan
            overlay: Overlay = {package.focal: plan.schemata, plan.support_name: plan.support}
            build = compile_mutants(worker, package, overlay, self._folder, "plain")
            self._binary = build.binary
            if build.binary is None:
                self.problem = f"its mutants do not build: {build.evidence[:500]}"
            else:
                command = command_for(self._compiled(worker))
                wall = min(command.limits.wall, max(_LEAST, deadline - time.monotonic()))
                command = replace(
                    command,
                    argv=(*command.argv, *selection(self.tests)),
                    limits=replace(command.limits, wall=wall),
                )
                self._steps[self.tests] = count_steps(worker.sandbox, command, self.plan)
        return self._compiled(worker) if self._binary is not None else None

    def _compiled(self, worker: Worker) -> CompiledTest:
        assert self._binary is not None
        assert self._folder is not None
        return CompiledTest(worker, self.package, self._binary, self._folder, (), cover=False, reference=True)
