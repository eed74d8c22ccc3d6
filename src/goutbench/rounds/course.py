"""The course of one sample of an item through the rounds: what it holds, and why it ended."""

from collections.abc import Iterable
from dataclasses import dataclass

from goutbench.generate.items import FirstAnswer
from goutbench.records import Status, improves
from goutbench.rounds.merging import Executed

COMPLETE, NO_FEEDBACK, NO_IMPROVEMENT, LAST_ROUND = "complete", "no-feedback", "no-improvement", "rounds"
INFRASTRUCTURE = "infrastructure-error"
"""Why a course ended; other reasons are the name of a limit, or the error of a call."""


@dataclass(slots=True)
class Course:
    """One sample of an item: the candidate that counts now, the number of rounds, and why it ended.

    `reason` is empty while there may be another round.
    """

    first: FirstAnswer
    current: Executed
    rounds: int = 1
    reason: str = ""

    def end_without_feedback(self) -> None:
        """There is nothing to tell the model."""
        status = self.current.execution.status
        self.reason = (
            COMPLETE if status is Status.PASSED
            else INFRASTRUCTURE if status is Status.INFRA_FAILURE
            else NO_FEEDBACK
        )  # fmt: skip

    def take(self, tried: Iterable[Executed]) -> Executed:
        """Replace the current candidate by the best of these if it improves on it, or else end.

        Returns the candidate that the round results in: the first of those tried if none improves.
        """
        attempts, before = list(tried), self.current
        for attempt in attempts:
            is_new = attempt.candidate.code != self.current.candidate.code
            if is_new and improves(attempt.execution, self.current.execution):
                self.current = attempt
        if self.current is before:
            self.reason = NO_IMPROVEMENT
            return attempts[0]
        return self.current
