"""The `rounds` stage: generate, execute, tell the model what to improve, and again.

It is above `generate` and `execute`, which know nothing of each other. The first answers are those of
`generate`, byte for byte; each further round adds a candidate for every item that was asked about again.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import compress

from goutbench.chunk.tokens import token_counter
from goutbench.config import Price
from goutbench.dataset.store import write_rows
from goutbench.errors import ConfigError
from goutbench.generate.items import distinct_prompts
from goutbench.generate.options import GenerateOptions
from goutbench.generate.stage import Generated, Session, open_session
from goutbench.inference.models import Server
from goutbench.locations import ROUNDS
from goutbench.prompts.feedback.message import Feedback, feedback, feedback_prompt
from goutbench.records import Candidate, Prompt, Refinement
from goutbench.rounds.budget import Budget
from goutbench.rounds.course import LAST_ROUND, Answered, Course, attempts
from goutbench.rounds.executor import Executor
from goutbench.rounds.merging import Assemble, Executed
from goutbench.rounds.options import RoundOptions


def generate_in_rounds(
    executor: Executor,
    model: str,
    options: GenerateOptions,
    rounds: RoundOptions,
    *,
    price: Price | None = None,
    server: Server | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> list[Candidate]:
    """Have a model write tests in rounds, and write the executor's run folder with its executions.

    Besides what `generate` and `execute` write, the folder has `rounds.parquet`: for each sample of an item
    the candidate that counts in the end, and why there was no further round. The same call after a kill
    repeats no answered call and no execution. `report` gets a line as a round begins. Raises what
    `generate` and `execute` raise.
    """
    if rounds.max_cost and price is None:
        raise ConfigError("a limit of cost needs prices", where="--max-cost", hint="give --price FILE")
    executor.check()
    dataset, out = executor.dataset, executor.out
    with open_session(dataset, out, model, options, price=price, server=server) as session:
        budget = Budget(rounds, options.max_tokens, price)
        _check_first_calls(session, rounds)
        answers, records = session.first_answers()
        session.write(records)  # the first answers are there, whatever happens later
        budget.add(records.completions)
        executions = executor.execute([answer.candidate for answer in answers])
        courses = [
            Course(answer, Executed(answer.candidate, execution))
            for answer, execution in zip(answers, executions, strict=True)
        ]
        flow = _Rounds(session, rounds, budget, executor, records, courses, report)
        for number in range(1, rounds.rounds):
            flow.run(number)
            session.write(records, rounds=flow.facts())
        flow.end()
        session.write(records, rounds=flow.facts())
    write_rows(out / ROUNDS, [asdict(refinement) for refinement in flow.refinements()])
    executor.write_tables()
    return records.candidates


def _check_first_calls(session: Session, rounds: RoundOptions) -> None:
    """Raises ConfigError, before any call, where the limit of calls is below the number of first answers."""
    needed = len(distinct_prompts(session.items)) * session.completer.options.samples
    if 0 < rounds.max_calls < needed:
        raise ConfigError(
            f"the first answers alone need {needed} calls",
            where=f"--max-calls {rounds.max_calls}",
            hint="select fewer items with --limit, or raise --max-calls",
        )


@dataclass(frozen=True, slots=True)
class _Request:
    """The next prompt about a course, with the feedback that it ends with."""

    course: Course
    message: Feedback
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class _Rounds:
    """The rounds after the first answers."""

    session: Session
    options: RoundOptions
    budget: Budget
    executor: Executor
    records: Generated
    courses: Sequence[Course]
    report: Callable[[str], None]

    def run(self, number: int) -> None:
        """One round: ask about all courses that have not ended, as far as the limits allow."""
        requests = list(self._requests())
        asked = f"{len(requests)} of {len(self.courses)} candidates may improve"
        self.report(f"round {number + 1} of {self.options.rounds}: {asked}")
        while requests:
            fits = self.budget.fitting([request.prompt for request in requests])
            if not any(fits):
                break
            self._ask(list(compress(requests, fits)), number)
            requests = [request for request, fitted in zip(requests, fits, strict=True) if not fitted]
        for request in requests:
            request.course.reason = self.budget.limit_for(request.prompt)

    def _requests(self) -> Iterator[_Request]:
        counter = token_counter(self.session.completer.options.tokenizer)
        for course in self.courses:
            if course.reason:
                continue
            message = feedback(course.first.item.pair, *course.current, self.options.feedback)
            if message is None:
                course.end_without_feedback()
                continue
            first = course.first.item.prompts[0]
            yield _Request(
                course, message, feedback_prompt(first, course.current.candidate, message, counter)
            )

    def _ask(self, requests: Sequence[_Request], number: int) -> None:
        """Ask, record the replies, and execute what they make of the candidates."""
        numbered = [(request.prompt, request.course.first.candidate.sample) for request in requests]
        answers = self.session.completer.complete_samples(numbered)
        replies = [replace(answers[prompt.id, sample], round=number) for prompt, sample in numbered]
        self.budget.add(replies)
        present = {prompt.id for prompt in self.records.prompts}
        new = {prompt.id: prompt for prompt, _ in numbered if prompt.id not in present}
        self.records.prompts += new.values()
        self.records.completions += replies
        answered: list[Answered] = []
        for request, reply in zip(requests, replies, strict=True):
            request.course.rounds = number + 1
            if reply.text.strip():
                answered.append(Answered(request.course, request.message.template, reply))
            else:
                request.course.reason = reply.error
        tried = attempts(answered, self._assemble, self.executor.execute)
        for (course, _, _), executed in zip(answered, tried, strict=True):
            result = course.take(executed)
            self.records.candidates.append(replace(result.candidate, round=number))

    def _assemble(self, course: Course) -> Assemble:
        item, sample = course.first.item, course.first.candidate.sample
        return lambda texts, ids: self.session.assembler.candidate(item, texts, ids, "merge", sample)

    def end(self) -> None:
        """After the last round: end the courses that could go on."""
        for course in self.courses:
            if course.reason:
                continue
            if feedback(course.first.item.pair, *course.current, self.options.feedback) is None:
                course.end_without_feedback()
            else:
                course.reason = LAST_ROUND

    def refinements(self) -> Iterator[Refinement]:
        """The end of each course."""
        for course in self.courses:
            answer, candidate = course.first.candidate, course.current.candidate
            item = answer.pair_id, answer.focal, answer.model, answer.sample
            yield Refinement(*item, course.rounds, candidate.id, course.reason)

    def facts(self) -> dict[str, object]:
        """What `run.json` says of the rounds."""
        reasons = Counter(course.reason for course in self.courses if course.reason)
        return {
            **asdict(self.options),
            "calls": self.budget.calls,
            "tokens": self.budget.tokens,
            **({"cost": round(self.budget.cost, 6)} if self.budget.cost else {}),
            "ended": dict(sorted(reasons.items())),
        }
