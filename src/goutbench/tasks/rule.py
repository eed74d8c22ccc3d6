"""The rule that decides which items can be tasks."""

from dataclasses import dataclass
from datetime import datetime

from goutbench.records import Execution, Pair, Status


@dataclass(frozen=True, slots=True)
class Rule:
    """What an item needs to be a task.

    `min_killed` mutants that its reference test kills; at most `max_seconds` of CPU time for one run; with
    `fresh_after`, a focal file whose first commit is later.
    """

    min_killed: int = 20
    max_seconds: float = 10.0
    fresh_after: datetime | None = None

    def objection(self, pair: Pair, reference: Execution) -> str:
        """Why an item with this result of its reference test cannot be a task; empty where it can."""
        if objection := self.objection_to_use(pair, reference):
            return objection
        mutation = reference.mutation
        if mutation is None or mutation.score is None:
            return "no mutation score of the reference test"
        if mutation.killed < self.min_killed:
            return f"the reference test kills fewer than {self.min_killed} mutants"
        return ""

    def objection_to_use(self, pair: Pair, reference: Execution) -> str:
        """The same without regard to mutants: why the reference test is no solution that one can rely on."""
        if self.fresh_after is not None:
            if pair.code_first_date is None:
                return "no date of a first commit"
            if pair.code_first_date <= self.fresh_after:
                return "not fresh"
        if reference.status is not Status.PASSED:
            return f"the reference test: {reference.reason or reference.status}"
        if reference.repeats < 2:
            return "the reference test ran once: nothing shows that it is stable"
        if reference.run_seconds / reference.repeats > self.max_seconds:
            return f"a run takes more than {self.max_seconds:g} CPU seconds"
        return ""
