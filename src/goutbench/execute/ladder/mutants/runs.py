"""Runs of mutants: all from one binary and in one sandbox, with controls between them."""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from goutbench.execute.sandbox.command import Command, CommandRun, RunReport, Sandbox
from goutbench.golang.toolchain.mutation import Mutant, MutationPlan

CPU_FLOOR, CPU_FACTOR = 0.5, 10.0
WALL_FLOOR, WALL_FACTOR = 4.0, 20.0
IDLE_FLOOR, IDLE_FACTOR = 2.0, 2.0
"""A mutant's limits in seconds: max(floor, factor × the unmutated time). CPU time decides in practice,
because it does not depend on the load of the machine. A mutant that waits forever ends once it has been idle
for longer than the unmutated run took in total, and wall time is the last resort."""

STEPS_FLOOR, STEPS_FACTOR = 1 << 19, 3
"""The most steps a mutant may take, by the same rule: an endless loop ends long before it meets a limit of
time, and at the same step on every machine. Mutants that end take fewer (docs/benchmarks/mutation.md)."""

PLAIN, DECOYS = 2, 4
"""Control runs: of the unmutated program, and of decoys. A decoy is a number that no mutant has: the program
is then the plain one, so a test that fails under it inspects the switch and not the code."""

CONTROLS = PLAIN + DECOYS


@dataclass(frozen=True)
class MutantRuns:
    """Runs of a binary with all mutants by one command. The limits follow the wall and CPU seconds of the run
    with coverage."""

    sandbox: Sandbox
    command: Command
    plan: MutationPlan
    wall_seconds: float
    cpu_seconds: float

    def controlled(self, mutants: Sequence[Mutant]) -> tuple[list[RunReport], list[RunReport]]:
        """The reports of the control runs and of the mutants, as far as there are any.

        The plain program runs first and last, and the decoys run at random places between: a test that fails
        from some number of runs, process id or time on fails there, too.
        """
        numbers = [0, *(mutant.id for mutant in mutants), 0]
        places = {0, len(numbers) + DECOYS - 1}
        places |= set(secrets.SystemRandom().sample(range(1, len(numbers) + DECOYS - 1), DECOYS))
        for at in sorted(places)[1:-1]:
            numbers.insert(at, len(self.plan.mutants) + 1 + secrets.randbelow(1 << 16))
        reports = self._run(self.command, [self._environment(number) for number in numbers])
        control = [report for at, report in enumerate(reports) if at in places]
        return control, [report for at, report in enumerate(reports) if at not in places]

    def alone(self, command: Command, times: int) -> tuple[RunReport, ...]:
        """Runs of a binary without a switch, within the same limits."""
        return self._run(command, [{}] * times)

    def _run(self, command: Command, environments: Sequence[dict[str, str]]) -> tuple[RunReport, ...]:
        seconds = self.wall_seconds, self.cpu_seconds
        return run_all(self.sandbox, command, [limited_run(env, *seconds) for env in environments])

    def _environment(self, number: int) -> dict[str, str]:
        return self.plan.environment(number, limit=self._step_limit)

    @cached_property
    def _step_limit(self) -> int | None:
        return count_steps(self.sandbox, self.command, self.plan)


def limited_run(
    environment: dict[str, str], wall_seconds: float, cpu_seconds: float, args: tuple[str, ...] = ()
) -> CommandRun:
    """A run of a mutant, of tests that take so many seconds without it."""
    return CommandRun(
        environment,
        wall=max(WALL_FLOOR, WALL_FACTOR * wall_seconds),
        cpu=max(CPU_FLOOR, CPU_FACTOR * cpu_seconds),
        idle=max(IDLE_FLOOR, IDLE_FACTOR * wall_seconds),
        args=args,
    )


def run_all(
    sandbox: Sandbox, command: Command, runs: Sequence[CommandRun], *, wall: float = math.inf
) -> tuple[RunReport, ...]:
    """The reports of the runs of a command, in one sandbox, which ends after `wall` seconds at the latest."""
    cpu = max((run.cpu for run in runs), default=0.0)
    wall = min(wall, 30 + sum(run.wall for run in runs))
    # without overlays the init process copies the sources for each run, and has the same limit
    copies = len(runs) if command.copy is not None and not command.copy.overlay else 0
    limits = replace(command.limits, wall=wall, cpu=math.ceil(cpu) + 5 + copies)
    return sandbox.run(replace(command, runs=tuple(runs), limits=limits)).reports


def count_steps(sandbox: Sandbox, command: Command, plan: MutationPlan) -> int | None:
    """The most steps that a mutant may take, by a run of the unmutated program; None if it says nothing."""
    counting = replace(command, env={**command.env, **plan.counting()})
    return step_limit(plan, sandbox.run(counting).stderr)


def step_limit(plan: MutationPlan, output: bytes) -> int | None:
    """The most steps of a mutant, by the output of a counting run; None if it says nothing."""
    steps = plan.steps(output)
    return max(STEPS_FLOOR, STEPS_FACTOR * steps) if steps is not None else None
