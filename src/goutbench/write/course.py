"""The rounds: ask about each function, judge every test of the replies alone, accept what adds something, and
tell the model what is missing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress

from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.generate.complete import Completer
from goutbench.inference.calls import OVERFLOW
from goutbench.records import MODEL_ERROR, Candidate, Completion, Execution, Prompt, Status
from goutbench.rounds.budget import Budget
from goutbench.write.asking.request import Asking, ReplyOutcome, observations
from goutbench.write.files import FileUnderTest, ReplyTests
from goutbench.write.results import (
    FAILS,
    FLAKY,
    NO_BUILD,
    NO_TEST,
    NOT_JUDGED,
    NOT_RUN,
    TIMES_OUT,
    VET,
)
from goutbench.write.state import FunctionCourse, JudgedTest

COMPLETE, NO_IMPROVEMENT, LAST_ROUND = "complete", "no-improvement", "rounds"
_REASONS = {
    Status.NO_CODE: NO_TEST,
    Status.BUILD_FAILED: NO_BUILD,
    Status.VET_FAILED: VET,
    Status.NO_TESTS_RAN: NOT_RUN,
    Status.TESTS_FAILED: FAILS,
    Status.FLAKY: FLAKY,
    Status.TIMED_OUT: TIMES_OUT,
    Status.INFRA_FAILURE: NOT_JUDGED,
}
"""Why a test with this status is dropped; one that passes must add something."""
_MAX_DETAIL = 4000  # characters

ReadReply = Callable[[Completion, FileUnderTest], ReplyTests]
Execute = Callable[[Sequence[tuple[PackageUnderTest, Candidate]]], list[Execution]]


@dataclass(slots=True)
class Rounds:
    """The rounds about all functions. `read` and `execute` are seams to what makes tests of replies, and to
    the ladder; `report` gets a line as a round begins."""

    courses: Sequence[FunctionCourse]
    completer: Completer
    budget: Budget
    asking: Asking
    read: ReadReply
    execute: Execute
    report: Callable[[str], None]
    judged: list[JudgedTest] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)

    def run(self, rounds: int) -> list[JudgedTest]:
        """All rounds; the tests of all replies in the order of rounds and courses."""
        for number in range(rounds):
            self._end_complete()
            requests = list(self._requests())
            if not requests:
                break
            self.report(f"round {number + 1} of {rounds}: {len(requests)} functions")
            answered: list[tuple[FunctionCourse, Completion]] = []
            while requests:
                fits = self.budget.fitting([prompt for _, prompt in requests])
                if not any(fits):
                    break
                answered += self._ask(list(compress(requests, fits)))
                requests = [request for request, fitted in zip(requests, fits, strict=True) if not fitted]
            for course, prompt in requests:
                course.reason = self.budget.limit_for(prompt)
            self._judge(answered, number)
        self._end_complete()
        for course in self.courses:
            course.reason = course.reason or LAST_ROUND
        return self.judged

    def _end_complete(self) -> None:
        for course in self.courses:
            if not course.reason and not course.now.missing:
                course.reason = COMPLETE

    def _requests(self) -> Iterator[tuple[FunctionCourse, Prompt]]:
        for course in self.courses:
            if course.reason:
                continue
            subject, function, missing = course.state.subject, course.need.function, course.missing
            if course.first is None:
                course.first = self.asking.first(subject, function, missing)
                yield course, course.first
            elif course.reply is not None:
                text = observations(subject, function, map(_outcome, course.judged), missing)
                yield course, self.asking.more(course.first, course.reply, text)

    def _ask(
        self, requests: Sequence[tuple[FunctionCourse, Prompt]]
    ) -> list[tuple[FunctionCourse, Completion]]:
        answers = self.completer.complete_samples([(prompt, 0) for _, prompt in requests])
        replies = [answers[prompt.id, 0] for _, prompt in requests]
        self.budget.add(replies)
        self.completions += replies
        return [(course, reply) for (course, _), reply in zip(requests, replies, strict=True)]

    def _judge(self, answered: Sequence[tuple[FunctionCourse, Completion]], number: int) -> None:
        """Execute every test of the replies alone, and accept, file by file, those that add something."""
        judged: list[JudgedTest] = []
        for course, reply in answered:
            if reply.error in (MODEL_ERROR, OVERFLOW):
                course.reason = reply.error
                continue
            course.rounds = number + 1
            file = course.state.file
            tests = self.read(reply, file)
            candidate = file.candidate(self.completer.model, tests.code)
            course.reply = replace(candidate, package=tests.package)
            course.judged = [
                JudgedTest(course, number, test, reason=test.reason, detail=test.detail)
                for test in tests.tests
            ]
            judged += course.judged
        runs = [item for item in judged if not item.reason]
        for item in runs:
            item.candidate = item.course.state.file.candidate(self.completer.model, item.test.code)
        jobs = [
            (item.course.state.file.package, item.candidate) for item in runs if item.candidate is not None
        ]
        for item, record in zip(runs, self.execute(jobs), strict=True):
            item.record = record
            if record.status is not Status.PASSED:
                item.reason, item.detail = _REASONS[record.status], record.evidence[:_MAX_DETAIL]
        self.judged += judged
        for state in {id(item.course.state): item.course.state for item in judged}.values():
            state.judged += [item for item in judged if item.course.state is state]
            state.choose()
        for course, _ in answered:
            if number and not course.reason and all(item.reason for item in course.judged):
                course.reason = NO_IMPROVEMENT


def _outcome(item: JudgedTest) -> ReplyOutcome:
    return ReplyOutcome(item.test.name, item.reason, item.candidate, item.record)
