"""What the model is asked: for tests of one function, and later about what became of its last reply."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from goutbench.chunk.stage import function_chunks
from goutbench.chunk.test_extraction import extract_tests
from goutbench.chunk.tokens import TokenCounter
from goutbench.golang.syntax.parser import parse
from goutbench.prompts.cross_file import PackageIndex
from goutbench.prompts.feedback.chances import surviving_mutants, uncovered_code
from goutbench.prompts.feedback.message import Feedback, feedback_prompt
from goutbench.prompts.feedback.observed import Observed, fenced
from goutbench.prompts.feedback.problems import build_errors, failing_tests
from goutbench.prompts.library import DEFAULT, load_prompt
from goutbench.prompts.prompt import prompt_fields, template, template_hash
from goutbench.records import Candidate, Execution, Prompt, short_hash
from goutbench.write.asking.subject import Subject
from goutbench.write.results import ADDS_NOTHING

FIRST, MORE = "write-v1", "write-more-v1"
_SYSTEM_END = "\n---\n"  # between the two messages of a template
_EXAMPLES, _EXAMPLE_TOKENS = 2, 1200
_DETAILED = 3  # failing tests of a reply that the model sees in full


@dataclass(frozen=True, slots=True)
class Asking:
    """How prompts are made: the limits on their parts in tokens, and the declarations of the packages."""

    counter: TokenCounter
    index: PackageIndex
    budget: int
    cross_file_tokens: int

    def first(self, subject: Subject, function: str, existing: Execution) -> Prompt:
        """The prompt for tests of a function; `existing` is what today's tests miss of it."""
        source = subject.code.encode("utf-8", "surrogateescape")
        (chunk,) = function_chunks(
            source, tests=subject.tests, budget=self.budget, counter=self.counter, pair_id=subject.id,
            only={function},
        )  # fmt: skip
        context = self.index.context(subject, chunk, budget=self.cross_file_tokens, counter=self.counter)
        missing = missing_text(subject, function, existing)
        exercising = [exercise.test for exercise in chunk.tests]
        fields = prompt_fields(subject, chunk, context)
        surroundings = load_prompt(DEFAULT).context(fields)
        fields |= {
            "context": f"{surroundings}\n\n" if surroundings else "",
            "clause": subject.clause,
            "style": subject.style,
            "missing": f"{missing}\n\n" if missing else "",
            "existing": self._examples(subject.tests, exercising),
        }
        system, user = template(FIRST).split(_SYSTEM_END)
        messages = (("system", system), ("user", user.format_map(fields)))
        return Prompt(
            id=short_hash(
                subject.id, chunk.id, template_hash(FIRST), *(text for m in messages for text in m)
            ),
            pair_id=subject.id,
            chunk_id=chunk.id,
            focal=(function,),
            template=FIRST,
            template_hash=template_hash(FIRST),
            messages=messages,
            tokens=sum(self.counter.count([content for _, content in messages])),
        )

    def _examples(self, tests: bytes | None, exercising: Sequence[str]) -> str:
        """Existing tests with what they use: those that exercise the function, else the shortest ones."""
        if tests is None:
            return ""
        file = parse(tests)
        spans = {t.name: file.declarations[t.declaration] for t in file.tests if t.kind == "test"}
        ordered = sorted(
            spans, key=lambda name: (name not in exercising, spans[name].end - spans[name].start)
        )
        for number in range(_EXAMPLES, 0, -1):
            text = extract_tests(file, ordered[:number]) if ordered else ""
            if text and sum(self.counter.count([text])) <= _EXAMPLE_TOKENS:
                return f"Existing tests, whose style you follow:\n\n{fenced(text.rstrip(), 'go')}\n\n"
        return ""

    def more(self, first: Prompt, reply: Candidate, observations: str) -> Prompt:
        """The prompt of a later round: the first one, the last reply, and what became of it."""
        text = template(MORE).format_map({"observations": observations, "package": reply.package or ""})
        return feedback_prompt(first, reply, Feedback(MORE, text), self.counter)


def missing_text(subject: Subject, function: str, existing: Execution) -> str:
    """What the tests before miss of a function: code that never runs, branches, and mutants."""
    observed = Observed(subject, _candidate(subject, function), existing)
    parts = (uncovered_code(observed), surviving_mutants(observed))
    return "\n\n".join(part for part in parts if part)


def _candidate(subject: Subject, function: str) -> Candidate:
    return Candidate("", subject.id, "", (), "", subject.package, "merge", (), (function,))


@dataclass(frozen=True, slots=True)
class ReplyOutcome:
    """What became of one test of a reply: its candidate and record (None where it was not executed)."""

    name: str
    reason: str
    candidate: Candidate | None
    record: Execution | None


def observations(
    subject: Subject, function: str, outcomes: Iterable[ReplyOutcome], existing: Execution
) -> str:
    """What to tell the model about its last reply: what works, what does not and why, and what is missing."""
    outcomes = list(outcomes)
    accepted = [f"`{outcome.name}`" for outcome in outcomes if not outcome.reason]
    useless = [f"`{outcome.name}`" for outcome in outcomes if outcome.reason == ADDS_NOTHING]
    parts = []
    if accepted:
        parts.append(f"These tests are added to the package: {', '.join(accepted)}.")
    if useless:
        names = ", ".join(useless)
        parts.append(f"These tests pass, but take no branch and notice no change that others miss: {names}.")
    parts += list(filter(None, (_problem(subject, outcome) for outcome in outcomes)))[:_DETAILED]
    if not outcomes:
        parts.append("There is no Go test in that reply.")
    parts.append(missing_text(subject, function, existing))
    return "\n\n".join(part for part in parts if part)


def _problem(subject: Subject, outcome: ReplyOutcome) -> str:
    if outcome.candidate is None or outcome.record is None:
        return ""
    observed = Observed(subject, outcome.candidate, outcome.record)
    text = build_errors(observed) or failing_tests(observed)
    return f"About `{outcome.name}`: {text}" if text else ""
