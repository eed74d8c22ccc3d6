"""The course of one sample of an item through the rounds: what it holds, what a reply makes of it, and why it
ended."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from goutbench.generate.items import FirstAnswer
from goutbench.records import Candidate, Completion, Execution, Status, improves
from goutbench.rounds.merging import Assemble, Executed, passing_part, with_reply

Execute = Callable[[Sequence[Candidate]], list[Execution]]
"""Executes candidates: one record for each, in their order."""

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


class Answered(NamedTuple):
    """A reply about a course, and the template of the feedback that it answers."""

    course: Course
    template: str
    reply: Completion


def attempts(
    answered: Sequence[Answered], assemble: Callable[[Course], Assemble], execute: Execute
) -> list[list[Executed]]:
    """For each reply the files to choose from: the reply's file, what of it passes, and what passes of the
    candidate before it."""
    files = [with_reply(assemble(c), c.current, reply, template) for c, template, reply in answered]
    tried = [[executed] for executed in _executed(execute, files)]
    parts: list[tuple[int, Candidate]] = []
    for index, (course, _, _) in enumerate(answered):
        for executed in (tried[index][0], course.current):
            part = passing_part(assemble(course), executed)
            if part is not None and part.code not in {course.current.candidate.code, ""}:
                parts.append((index, part))
    executed_parts = _executed(execute, [part for _, part in parts])
    for (index, _), executed in zip(parts, executed_parts, strict=True):
        tried[index].append(executed)
    return tried


def _executed(execute: Execute, candidates: Sequence[Candidate]) -> list[Executed]:
    return list(map(Executed, candidates, execute(candidates)))
