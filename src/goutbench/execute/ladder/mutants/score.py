"""The mutation score: run the mutants of the focal file, and count what the tests did to them."""

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

from goutbench.execute.ladder.build import Build, compile_mutants, list_machine_code
from goutbench.execute.ladder.coverage import Span
from goutbench.execute.ladder.faults import FORGED
from goutbench.execute.ladder.mutants.confirm import are_confirmed
from goutbench.execute.ladder.mutants.runs import CONTROLS, MutantRuns
from goutbench.execute.ladder.runs import Baseline, CompiledTest, RunResult, command_for, hidden
from goutbench.execute.sandbox.command import MIB, Command, RunReport
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import Overlay, PackageUnderTest
from goutbench.golang.toolchain.machine_code import prove_equivalent
from goutbench.golang.toolchain.mutation import Mutant, MutationPlan, apply_mutant, plan_mutation
from goutbench.golang.toolchain.test_output import failed_test
from goutbench.records import MutantStatus, MutantVerdict, Mutation

_EXHAUSTED = ("out of memory", "cannot allocate memory", "goroutine stack exceeds")
_DATA = 768 * MIB
_SNIPPET = 60
_ALIVE = (MutantStatus.SURVIVED, MutantStatus.NO_COVERAGE)
_MAX_TEXT = 400  # characters of code in a verdict: a mutant may remove a function's body


@dataclass(frozen=True, slots=True)
class MutantResult:
    """What the tests did to a mutant; `test` names the first one that failed.

    An equivalent mutant has its proof instead.
    """

    mutant: Mutant
    status: MutantStatus
    test: str = ""
    proof: str = ""

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
            proof=self.proof,
        )


def mutation_plan(worker: Worker, package: PackageUnderTest, ignore_texts: bool) -> MutationPlan:
    """All mutants of the focal file."""
    return plan_mutation(
        worker.helper(package),
        package.folder,
        package.folder / package.focal,
        flags=worker.options.build_flags,
        go_work=package.go_work,
        salt=worker.salt,
        ignore_texts=ignore_texts,
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
    tests without the candidate, kills too counts as survived. Mutants that no test can kill do not count.
    """
    worker, package = test.worker, test.package
    plan = worker.once(mutation_plan, package, worker.options.ignore_texts)
    if plan.reason or plan.infra:
        return _no_score(plan, plan.infra or plan.reason or "")
    pool = _inside(plan.mutants, spans)
    sample = choose_sample(pool, worker.options.mutants or 0, worker.options.seed)
    reached = [m for m in sample if passing.reached.reaches((m.line, m.column))]
    results = [MutantResult(m, MutantStatus.NO_COVERAGE) for m in sample if m not in reached]
    seconds = 0.0
    if reached:
        build = _compile(test, plan, overlay)
        if build.binary is None:
            return _no_score(plan, f"the schemata do not build: {build.evidence[:500]}")
        runs = _runs_of(hidden(replace(test, path=build.binary)), plan, passing)
        control, tested = runs.controlled(reached)
        if len(control) < CONTROLS or any(report.exit_code != 0 for report in control):
            output = next((report.tail for report in control if report.exit_code != 0), "no report")
            return _no_score(plan, f"the tests fail without any mutant in effect: {output[-500:]}")
        if len(tested) < len(reached):
            return _no_score(plan, "the run of the mutants was cut short")
        pairs = zip(reached, tested, strict=True)
        names = (*passing.output.passed, *test.tests)
        results += [MutantResult.of(plan, mutant, report, names) for mutant, report in pairs]
        seconds = sum(report.cpu_seconds for report in (*control, *tested))
        killed = _killed(results)
        alone = partial(_fails_alone, test, overlay, runs)
        if not are_confirmed(overlay[package.test] or b"", killed, alone):
            return _summary(plan, len(pool), _without_kills(results, killed), seconds, FORGED)
        if baseline is not None and baseline.result.passed:
            results, more = _not_killed_without(baseline, plan, results)
            seconds += more
    alive = {result.mutant for result in results if result.status in _ALIVE}
    proofs = _proofs(test, plan, alive)
    results = [r for r in results if r.mutant.id not in proofs]
    results += [_proved(m, proofs[m.id]) for m in sample if m.id in proofs]
    results += [_proved(m, m.proof) for m in _inside(plan.equivalent, spans)]
    results.sort(key=lambda result: result.mutant.id)
    return _summary(plan, len(pool) - len(proofs), results, seconds)


def _inside(mutants: Sequence[Mutant], spans: Sequence[Span]) -> list[Mutant]:
    """The mutants in these parts of the focal file; without `spans` all of them."""
    return [m for m in mutants if not spans or any(start <= m.start < end for start, end in spans)]


def _proofs(test: CompiledTest, plan: MutationPlan, mutants: Collection[Mutant]) -> dict[int, str]:
    worker, package = test.worker, test.package

    def list_code(source: bytes) -> Path | None:
        return list_machine_code(worker, package, {package.focal: source}, test.folder)

    return prove_equivalent(plan, package.focal_source, mutants, worker.once(_answers, package), list_code)


def _answers(worker: Worker, package: PackageUnderTest) -> dict[int, bool]:
    """Whether a mutant is equivalent, by id: what one candidate of the package asks for, the others share."""
    return {}


def _proved(mutant: Mutant, proof: str) -> MutantResult:
    return MutantResult(mutant, MutantStatus.EQUIVALENT, proof=proof)


def _not_killed_without(
    baseline: Baseline, plan: MutationPlan, results: list[MutantResult]
) -> tuple[list[MutantResult], float]:
    """The results, with those killed mutants as survived that the baseline kills too, and CPU seconds."""
    test = baseline.test
    killed = _killed(results)
    if not killed:
        return results, 0.0
    build = _compile(test, plan, baseline.overlay, "plain-without")
    if build.binary is None:
        return results, 0.0
    runs = _runs_of(replace(test, path=build.binary), plan, baseline.result)
    control, reports = runs.controlled(killed)
    pairs = zip(killed, reports, strict=False)
    without = {mutant for mutant, report in pairs if report.exit_code != 0}
    return _without_kills(results, without), sum(report.cpu_seconds for report in (*control, *reports))


def _runs_of(test: CompiledTest, plan: MutationPlan, passing: RunResult) -> MutantRuns:
    sandbox = test.worker.sandbox
    return MutantRuns(sandbox, _command(test), plan, passing.wall_seconds, passing.cpu_seconds)


def _command(test: CompiledTest) -> Command:
    command = command_for(test, flags=("-test.failfast", "-test.timeout=0"))
    data = 0 if test.worker.options.race else _DATA
    return replace(command, limits=replace(command.limits, data=data))


def _fails_alone(test: CompiledTest, overlay: Overlay, runs: MutantRuns, mutant: Mutant) -> bool:
    """Whether the tests fail with the mutant alone, once in two runs. One that does not compile alone proves
    nothing."""
    package = test.package
    changed: Overlay = {**overlay, package.focal: apply_mutant(package.focal_source, mutant)}
    build = compile_mutants(test.worker, package, changed, test.folder, f"single-{mutant.id}")
    if build.binary is None:
        return True
    command = _command(hidden(replace(test, path=build.binary)))
    return any(report.exit_code != 0 for report in runs.alone(command, 2))


def _killed(results: Sequence[MutantResult]) -> list[Mutant]:
    return [result.mutant for result in results if result.status is MutantStatus.KILLED]


def _without_kills(results: Sequence[MutantResult], mutants: Collection[Mutant]) -> list[MutantResult]:
    """The results, with these mutants as survived."""
    return [
        replace(result, status=MutantStatus.SURVIVED, test="") if result.mutant in mutants else result
        for result in results
    ]


def _compile(test: CompiledTest, plan: MutationPlan, overlay: Overlay, kind: str = "plain") -> Build:
    """The package with an overlay and with all mutants in its focal file."""
    package = test.package
    schemata: Overlay = {package.focal: plan.schemata, plan.support_name: plan.support}
    return compile_mutants(test.worker, package, overlay | schemata, test.folder, kind)


def _summary(
    plan: MutationPlan, total: int, results: Sequence[MutantResult], seconds: float, reason: str = ""
) -> Mutation:
    counts = Counter(result.status for result in results)
    killed, tested = counts[MutantStatus.KILLED], len(results) - counts[MutantStatus.EQUIVALENT]
    low, score, high = score_with_interval(killed, tested, exhaustive=tested == total)
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
        reason=reason,
        results=tuple(map(str, results)),
        seconds=seconds,
        survivors=tuple(r.change() for r in results if r.status is MutantStatus.SURVIVED),
        mutants=tuple(result.verdict() for result in results),
        equivalent=counts[MutantStatus.EQUIVALENT],
    )


def score_with_interval(
    killed: int, tested: int, *, exhaustive: bool
) -> tuple[float | None, float | None, float | None]:
    """Low, score and high: Wilson's 95% interval, or the score itself if all mutants were tested."""
    if tested == 0:
        return None, None, None
    from goutbench.statistics import wilson  # numpy takes longer than all other imports together

    score = killed / tested
    low, high = (score, score) if exhaustive else wilson(killed, tested)
    return low, score, high


def _no_score(plan: MutationPlan, reason: str) -> Mutation:
    return Mutation(len(plan.mutants), 0, 0, 0, len(plan.not_viable), 0, None, None, None, reason=reason)
