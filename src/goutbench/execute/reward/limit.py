"""A time limit for a rollout as a whole, and who is at fault where it ends one."""

import time
from dataclasses import dataclass, field, replace

from goutbench.execute.ladder.faults import ROLLOUT_OVERRUN, ROLLOUT_TIME, explained
from goutbench.execute.ladder.record import blank_record
from goutbench.execute.sandbox.command import COMPILER, Command, Outcome, Sandbox
from goutbench.execute.worker import Climb, Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.records import Candidate, Execution, Rung, Status

OWN_SHARE = 0.5
"""From this share of the limit on, runs of the candidate's tests are the reason that it was exceeded."""


class OutOfTimeError(Exception):
    """The rollout's time is over."""


@dataclass(slots=True)
class RolloutClock:
    """When a rollout must end, and the wall seconds that runs of its tests have taken."""

    end: float
    own_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TimedSandbox:
    """A sandbox for one rollout: it cuts off the command that exceeds the rollout's time.

    It equals the sandbox for another rollout, so that what is found out about one is kept for all.
    """

    inner: Sandbox
    clock: RolloutClock = field(compare=False)

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def limitation(self) -> str:
        return self.inner.limitation

    @property
    def private_tmp(self) -> bool:
        return self.inner.private_tmp

    @property
    def hides_memory(self) -> bool:
        return self.inner.hides_memory

    def why_unavailable(self) -> str:
        return self.inner.why_unavailable()

    def user_id(self, worker: int) -> int:
        return self.inner.user_id(worker)

    def resident(self, command: Command) -> list[str]:
        return self.inner.resident(command)

    def run(self, command: Command) -> Outcome:
        """Run the command. Raises OutOfTimeError when the rollout's time is over, before it or in it."""
        remaining = self.clock.end - time.monotonic()
        if remaining <= 0:
            raise OutOfTimeError
        limits = command.limits
        timed = replace(command, limits=replace(limits, wall=min(limits.wall, remaining)))
        outcome = self.inner.run(timed)
        if command.worker != COMPILER:
            self.clock.own_seconds += outcome.wall_seconds
        if outcome.stopped == "wall" and remaining < limits.wall:
            raise OutOfTimeError
        return outcome


def limited(climb: Climb, seconds: float) -> Climb:
    """The climb with a time limit, in wall seconds from its start.

    Where it is exceeded, the candidate has timed out if runs of its tests took `OWN_SHARE` of it; else this
    is an infrastructure error, since compilers and the load of the machine took the time.
    """

    def climb_in_time(worker: Worker, package: PackageUnderTest, candidate: Candidate) -> Execution:
        clock = RolloutClock(time.monotonic() + seconds)
        timed = replace(worker, sandbox=TimedSandbox(worker.sandbox, clock))
        try:
            return climb(timed, package, candidate)
        except OutOfTimeError:
            record = blank_record(candidate, package, worker.sandbox.name, worker.options)
            evidence = f"runs of its tests: {clock.own_seconds:.1f} s of {seconds:g} s"
            if clock.own_seconds >= OWN_SHARE * seconds:
                record = replace(record, status=Status.TIMED_OUT, rung=Rung.BUILD, reason=ROLLOUT_OVERRUN)
            else:
                record = replace(record, reason=ROLLOUT_TIME)
            return explained(replace(record, evidence=evidence))

    return climb_in_time
