"""The last step: run the mutants of the focal file, all from one binary and in one sandbox."""

import math
import random
import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Self

from goutbench.execute.ladder.build import Build, compile_mutants
from goutbench.execute.ladder.coverage import Span
from goutbench.execute.ladder.runs import Baseline, CompiledTest, RunResult, command_for
from goutbench.execute.sandbox.command import MIB, CommandRun, RunReport
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import Overlay, PackageUnderTest
from goutbench.golang.toolchain.mutation import Mutant, MutationPlan, plan_mutation
from goutbench.golang.toolchain.test_output import failed_test
from goutbench.records import MutantStatus, MutantVerdict, Mutation
from goutbench.statistics import wilson

CPU_FLOOR, CPU_FACTOR = 0.5, 10.0
WALL_FLOOR, WALL_FACTOR = 4.0, 20.0
IDLE_FLOOR, IDLE_FACTOR = 2.0, 2.0
"""A mutant's limits in seconds: max(floor, factor × the unmutated time). CPU time decides in practice,
because it does not depend on the load of the machine. A mutant that waits forever ends once it has been idle
for longer than the unmutated run took in total, and wall time is the last resort."""

STEPS_FLOOR, STEPS_FACTOR = 1 << 19, 10
"""The most steps a mutant may take, by the same rule: an endless loop ends long before it meets a limit of
time, and at the same step on every machine."""

DECOYS = 3
_EXHAUSTED = ("out of memory", "cannot allocate memory", "goroutine stack exceeds")
_DATA = 768 * MIB
_SNIPPET = 60
_MAX_TEXT = 400  # characters of code in a verdict: a mutant may remove a function's body


@dataclass(frozen=True, slots=True)
class MutantResult:
    """What the tests did to a mutant; `test` names the first one that failed."""

    mutant: Mutant
    status: MutantStatus
    test: str = ""

    def __str__(self) -> str:
        return f"{self.mutant.id} {self.status} {self.mutant.operator} {self.test}".rstrip()

    @classmethod
    def of(cls, plan: MutationPlan, mutant: Mutant, report: RunReport, tests: Collection[str]) -> Self:
        """A runaway mutant meets the limit of steps, CPU time, memory or the stack, whichever comes first.
        All four have one status, because otherwise the result would depend on a race."""
        exhausted = report.exit_code == 137 or any(sign in report.tail for sign in _EXHAUSTED)
        if plan.exceeded_steps(report.exit_code, report.tail) or report.stopped or exhausted:
            return cls(mutant, MutantStatus.TIMED_OUT)
        if report.exit_code == 0:
            return cls(mutant, MutantStatus.SURVIVED)
        return cls(mutant, MutantStatus.KILLED, failed_test(report.tail, tests))

    def change(self) -> str:
        """The mutant in one line: its position, its operator, and the code before and after."""
        mutant = self.mutant
        before, after = (" ".join(t.split())[:_SNIPPET] for t in (mutant.original, mutant.replacement))
        return f"{mutant.line}.{mutant.column} {mutant.operator}: {before} → {after or 'nothing'}"

    def verdict(self) -> MutantVerdict:
        """The record of this result."""
        mutant = self.mutant
        before, after = (
            text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "…"
            for text in (mutant.original, mutant.replacement)
        )
        return MutantVerdict(
            id=mutant.id,
            position=f"{mutant.line}.{mutant.column}-{mutant.end_line}.{mutant.end_column}",
            function=mutant.function,
            operator=mutant.operator,
            before=before,
            after=after,
            verdict=self.status,
            killer=self.test,
        )


def mutation_plan(worker: Worker, package: PackageUnderTest) -> MutationPlan:
    """All mutants of the focal file."""
    focal, flags = package.folder / package.focal, worker.options.build_flags
    return plan_mutation(
        worker.helper(package), package.folder, focal, flags=flags, go_work=package.go_work, salt=worker.salt
    )


def choose_sample(mutants: Sequence[Mutant], size: int, seed: int) -> tuple[Mutant, ...]:
    """`size` mutants in source order, the same for all candidates of a focal file; 0 for all of them."""
    if size == 0 or size >= len(mutants):
        return tuple(mutants)
    chosen = random.Random(seed).sample(range(len(mutants)), size)
    return tuple(mutants[index] for index in sorted(chosen))


def run_mutants(
    test: CompiledTest,
    overlay: Overlay,
    passing: RunResult,
    spans: Sequence[Span] = (),
    baseline: Baseline | None = None,
) -> Mutation:
    """The mutation score of a candidate that passes; `overlay` is the build's, `passing` the run with
    coverage.

    With `spans`, only mutants in these parts of the focal file count. A mutant that `baseline`, the same
    tests without the candidate, kills too counts as survived.
    """
    worker, package = test.worker, test.package
    plan = worker.once(mutation_plan, package)
    if plan.reason or plan.infra:
        return _no_score(plan, plan.infra or plan.reason or "")
    pool = [m for m in plan.mutants if not spans or any(start <= m.start < end for start, end in spans)]
    sample = choose_sample(pool, worker.options.mutants or 0, worker.options.seed)
    reached = [m for m in sample if passing.coverage.reaches((m.line, m.column))]
    results = [MutantResult(m, MutantStatus.NO_COVERAGE) for m in sample if m not in reached]
    seconds = 0.0
    if reached:
        build = _compile(test, plan, overlay)
        if build.binary is None:
            return _no_score(plan, f"the schemata do not build: {build.evidence[:500]}")
        reports = _run(replace(test, path=build.binary), plan, reached, passing)
        control, tested = reports[: DECOYS + 1], reports[DECOYS + 1 :]
        if len(control) <= DECOYS or any(report.exit_code != 0 for report in control):
            output = next((report.tail for report in control if report.exit_code != 0), "no report")
            return _no_score(plan, f"the tests fail without any mutant in effect: {output[-500:]}")
        if len(tested) < len(reached):
            return _no_score(plan, "the run of the mutants was cut short")
        pairs = zip(reached, tested, strict=True)
        names = (*passing.output.passed, *test.tests)
        results += [MutantResult.of(plan, mutant, report, names) for mutant, report in pairs]
        seconds = sum(report.cpu_seconds for report in reports)
        if baseline is not None and baseline.result.passed:
            results, more = _not_killed_without(baseline, plan, results)
            seconds += more
    results.sort(key=lambda result: result.mutant.id)
    return _summary(plan, len(pool), results, seconds)


def _not_killed_without(
    baseline: Baseline, plan: MutationPlan, results: list[MutantResult]
) -> tuple[list[MutantResult], float]:
    """The results, with those killed mutants as survived that the baseline kills too, and CPU seconds."""
    test = baseline.test
    killed = [result.mutant for result in results if result.status is MutantStatus.KILLED]
    if not killed:
        return results, 0.0
    build = _compile(test, plan, baseline.overlay, "plain-without")
    if build.binary is None:
        return results, 0.0
    reports = _run(replace(test, path=build.binary), plan, killed, baseline.result)
    pairs = zip(killed, reports[DECOYS + 1 :], strict=False)
    without = {mutant.id for mutant, report in pairs if report.exit_code != 0}
    results = [
        replace(result, status=MutantStatus.SURVIVED, test="") if result.mutant.id in without else result
        for result in results
    ]
    return results, sum(report.cpu_seconds for report in reports)


def _compile(test: CompiledTest, plan: MutationPlan, overlay: Overlay, kind: str = "plain") -> Build:
    """The package with an overlay and with all mutants in its focal file."""
    package = test.package
    schemata: Overlay = {package.focal: plan.schemata, plan.support_name: plan.support}
    return compile_mutants(test.worker, package, overlay | schemata, test.folder, kind)


def _run(
    test: CompiledTest, plan: MutationPlan, mutants: Sequence[Mutant], passing: RunResult
) -> tuple[RunReport, ...]:
    """One report for the unmutated program, for each decoy, and for each mutant, in that order.

    A decoy is a number that no mutant has: the program is then the plain one, so a test that fails under it
    inspects the switch and not the code.
    """
    sandbox = test.worker.sandbox
    wall = max(WALL_FLOOR, WALL_FACTOR * passing.wall_seconds)
    cpu = max(CPU_FLOOR, CPU_FACTOR * passing.cpu_seconds)
    command = command_for(test, flags=("-test.failfast", "-test.timeout=0"))
    counted = sandbox.run(replace(command, env={**command.env, **plan.counting()}))
    steps = plan.steps(counted.stderr)
    step_limit = max(STEPS_FLOOR, STEPS_FACTOR * steps) if steps is not None else None
    decoys = [len(plan.mutants) + 1 + secrets.randbelow(1 << 16) for _ in range(DECOYS)]
    numbers = [0, *decoys, *(mutant.id for mutant in mutants)]
    idle = max(IDLE_FLOOR, IDLE_FACTOR * passing.wall_seconds)
    environments = [plan.environment(number, limit=step_limit) for number in numbers]
    runs = tuple(CommandRun(environment, wall=wall, cpu=cpu, idle=idle) for environment in environments)
    limits = replace(
        command.limits,
        wall=30 + wall * len(runs),
        cpu=math.ceil(cpu) + 5,
        data=0 if test.worker.options.race else _DATA,
    )
    return sandbox.run(replace(command, runs=runs, limits=limits)).reports


def _summary(plan: MutationPlan, total: int, results: Sequence[MutantResult], seconds: float) -> Mutation:
    counts = Counter(result.status for result in results)
    killed = counts[MutantStatus.KILLED]
    low, score, high = score_with_interval(killed, len(results), exhaustive=len(results) == total)
    return Mutation(
        total=total,
        killed=killed,
        survived=counts[MutantStatus.SURVIVED],
        no_coverage=counts[MutantStatus.NO_COVERAGE],
        not_viable=len(plan.not_viable),
        timed_out=counts[MutantStatus.TIMED_OUT],
        score=score,
        low=low,
        high=high,
        results=tuple(map(str, results)),
        seconds=seconds,
        survivors=tuple(r.change() for r in results if r.status is MutantStatus.SURVIVED),
        mutants=tuple(result.verdict() for result in results),
    )


def score_with_interval(
    killed: int, tested: int, *, exhaustive: bool
) -> tuple[float | None, float | None, float | None]:
    """Low, score and high: Wilson's 95% interval, or the score itself if all mutants were tested."""
    if tested == 0:
        return None, None, None
    score = killed / tested
    low, high = (score, score) if exhaustive else wilson(killed, tested)
    return low, score, high


def _no_score(plan: MutationPlan, reason: str) -> Mutation:
    return Mutation(len(plan.mutants), 0, 0, 0, len(plan.not_viable), 0, None, None, None, reason=reason)
