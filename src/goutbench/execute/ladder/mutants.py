"""Running the mutants of a focal file: one binary with all of them, run once for each in one sandbox."""

import math
import random
import re
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from goutbench.execute.ladder.build import compile_test
from goutbench.execute.ladder.focus import Span, mutants_in
from goutbench.execute.ladder.run import Target, Verdict, command_for
from goutbench.execute.options import Options
from goutbench.execute.sandbox.command import MIB, Run, Sandbox
from goutbench.execute.sandbox.process import RunReport
from goutbench.execute.workspace.folders import Workplace
from goutbench.golang.toolchain.mutation import Mutant, MutationPlan
from goutbench.records import Mutation

CPU_FLOOR, CPU_FACTOR = 0.5, 10.0
WALL_FLOOR, WALL_FACTOR = 4.0, 20.0
IDLE_FLOOR, IDLE_FACTOR = 2.0, 2.0
"""A mutant's limits in seconds: max(floor, factor × the unmutated time). CPU time decides in practice, as it
does not depend on what else the machine does; a mutant that waits for ever ends when it has done nothing for
longer than the whole unmutated run took, and wall time is the last resort."""

STEPS_FLOOR, STEPS_FACTOR = 1 << 19, 10
"""The most steps a mutant may take, by the same rule: an endless loop ends long before the clock says so, and
at the same place on every machine."""

DECOYS = 3
_FAILED = re.compile(r"--- FAIL: (\S+)")
_RUNAWAY = ("out of memory", "cannot allocate memory", "goroutine stack exceeds")
_DATA = 768 * MIB
_WORDS = 60


@dataclass(frozen=True, slots=True)
class MutantVerdict:
    """`verdict` is killed, lived, not-covered or timed-out; `by` names the first test that failed."""

    mutant: Mutant
    verdict: str
    by: str


def choose_sample(mutants: Sequence[Mutant], size: int, seed: int) -> tuple[Mutant, ...]:
    """`size` mutants, the same for every candidate of a focal file; 0 for all of them. In source order."""
    if size == 0 or size >= len(mutants):
        return tuple(mutants)
    chosen = random.Random(seed).sample(range(len(mutants)), size)
    return tuple(mutants[index] for index in sorted(chosen))


def mutate(
    target: Target,
    plan: MutationPlan,
    files: dict[str, bytes | None],
    tests: Sequence[str],
    passing: Verdict,
    spans: Sequence[Span] = (),
    *,
    place: Workplace,
    sandbox: Sandbox,
    options: Options,
) -> Mutation:
    """The mutation score of a candidate that passes; `files` is its overlay, `passing` its covered run.

    With `spans`, of the mutants in these parts of the focal file alone.
    """
    if plan.reason or plan.infra:
        return _none(plan, plan.infra or plan.reason or "")
    pool = mutants_in(plan.mutants, spans)
    sample = choose_sample(pool, options.mutants or 0, options.seed)
    reached = [m for m in sample if passing.coverage.reaches((m.line, m.column))]
    verdicts = [MutantVerdict(m, "not-covered", "") for m in sample if m not in reached]
    seconds = 0.0
    if reached:
        build = compile_test(
            target.subject,
            files | {target.subject.focal: plan.schemata, plan.support_name: plan.support},
            target.folder,
            sandbox=sandbox,
            place=place,
            options=options,
            cover=False,
        )
        if build.binary is None:
            return _none(plan, f"the schemata do not build: {build.evidence[:500]}")
        armed = replace(target, binary=build.binary)
        reports = _run(armed, plan, reached, tests, passing, place=place, sandbox=sandbox, options=options)
        control, judged = reports[: DECOYS + 1], reports[DECOYS + 1 :]
        if len(control) <= DECOYS or any(report.exit_code != 0 for report in control):
            words = next((report.tail for report in control if report.exit_code != 0), "no report")
            return _none(plan, f"the tests fail without any mutant in effect: {words[-500:]}")
        if len(judged) < len(reached):
            return _none(plan, "the run of the mutants was cut short")
        verdicts += [_judge(plan, mutant, report) for mutant, report in zip(reached, judged, strict=True)]
        seconds = sum(report.cpu_seconds for report in reports)
    return _summary(plan, pool, sorted(verdicts, key=lambda verdict: verdict.mutant.id), seconds)


def _run(
    target: Target,
    plan: MutationPlan,
    mutants: Sequence[Mutant],
    tests: Sequence[str],
    passing: Verdict,
    *,
    place: Workplace,
    sandbox: Sandbox,
    options: Options,
) -> tuple[RunReport, ...]:
    """One report for the unmutated program, for each decoy, and for each mutant, in that order.

    A decoy is a number that no mutant has: the program then is the plain one, so a test that fails under it
    looks at the switch and not at the code.
    """
    wall = max(WALL_FLOOR, WALL_FACTOR * passing.wall_seconds)
    cpu = max(CPU_FLOOR, CPU_FACTOR * passing.cpu_seconds)
    flags = ("-test.failfast", "-test.timeout=0")
    command = command_for(target, tests, place=place, sandbox=sandbox, options=options, flags=flags)
    counted = sandbox.run(replace(command, env={**command.env, **plan.counting()}))
    steps = plan.steps(counted.stderr)
    most = {"most": max(STEPS_FLOOR, STEPS_FACTOR * steps)} if steps is not None else {}
    decoys = [len(plan.mutants) + 1 + secrets.randbelow(1 << 16) for _ in range(DECOYS)]
    numbers = [0, *decoys, *(mutant.id for mutant in mutants)]
    idle = max(IDLE_FLOOR, IDLE_FACTOR * passing.wall_seconds)
    runs = tuple(Run(plan.environment(number, **most), wall=wall, cpu=cpu, idle=idle) for number in numbers)
    limits = replace(
        command.limits,
        wall=30 + wall * len(runs),
        cpu=math.ceil(cpu) + 5,
        data=0 if options.race else _DATA,
    )
    return sandbox.run(replace(command, runs=runs, limits=limits)).reports


def _judge(plan: MutationPlan, mutant: Mutant, report: RunReport) -> MutantVerdict:
    """A runaway mutant meets the limit of steps, CPU time, memory or the stack, whichever comes first:
    all four are one class, or the verdict would be a race."""
    if plan.ran_away(report.exit_code, report.tail):
        return MutantVerdict(mutant, "timed-out", "")
    if report.stopped or any(words in report.tail for words in _RUNAWAY) or report.exit_code == 137:
        return MutantVerdict(mutant, "timed-out", "")
    if report.exit_code == 0:
        return MutantVerdict(mutant, "lived", "")
    failed = _FAILED.search(report.tail)
    return MutantVerdict(mutant, "killed", failed.group(1) if failed else "")


def _summary(
    plan: MutationPlan, pool: Sequence[Mutant], verdicts: Sequence[MutantVerdict], seconds: float
) -> Mutation:
    counts = Counter(verdict.verdict for verdict in verdicts)
    low, score, high = _interval(counts["killed"], len(verdicts), exhaustive=len(verdicts) == len(pool))
    return Mutation(
        total=len(pool),
        killed=counts["killed"],
        lived=counts["lived"],
        not_covered=counts["not-covered"],
        not_viable=len(plan.not_viable),
        timed_out=counts["timed-out"],
        score=score,
        low=low,
        high=high,
        verdicts=tuple(f"{v.mutant.id} {v.verdict} {v.mutant.operator} {v.by}".rstrip() for v in verdicts),
        seconds=seconds,
        survivors=tuple(_words(v.mutant) for v in verdicts if v.verdict == "lived"),
    )


def _words(mutant: Mutant) -> str:
    """A mutant in one line: where it is, and what became of what."""
    before, after = (" ".join(text.split())[:_WORDS] for text in (mutant.original, mutant.replacement))
    return f"{mutant.line}.{mutant.column} {mutant.operator}: {before} → {after or 'nothing'}"


def _interval(
    killed: int, judged: int, *, exhaustive: bool
) -> tuple[float | None, float | None, float | None]:
    """Low, score and high: Wilson's 95% interval (Wilson 1927), or the score itself without sampling."""
    if judged == 0:
        return None, None, None
    rate = killed / judged
    if exhaustive:
        return rate, rate, rate
    z = 1.959963984540054
    centre = (rate + z * z / (2 * judged)) / (1 + z * z / judged)
    half = z / (1 + z * z / judged) * math.sqrt(rate * (1 - rate) / judged + z * z / (4 * judged * judged))
    return max(0.0, centre - half), rate, min(1.0, centre + half)


def _none(plan: MutationPlan, reason: str) -> Mutation:
    return Mutation(len(plan.mutants), 0, 0, 0, len(plan.not_viable), 0, None, None, None, reason=reason)
