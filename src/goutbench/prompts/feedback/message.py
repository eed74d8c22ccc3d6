"""The next user message of a conversation about a candidate, from the record of its execution.

`feedback` is a pure function: the same pair, candidate, record and kinds give the same bytes. A problem comes
before a chance: a candidate that does not pass hears of its errors alone, a passing one of what it misses.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from goutbench.chunk.tokens import TokenCounter, token_counter
from goutbench.errors import ConfigError
from goutbench.prompts.feedback.chances import surviving_mutants, uncovered_code
from goutbench.prompts.feedback.observed import CodeUnderTest, Observed
from goutbench.prompts.feedback.problems import build_errors, failing_tests
from goutbench.prompts.prompt import completion_text, template, template_hash
from goutbench.records import Candidate, Execution, Prompt, Status, short_hash

FIX, RESTATE, EXTEND = "fix-v1", "restate-v1", "extend-v1"

KINDS: Mapping[str, Callable[[Observed], str]] = {
    "build": build_errors,
    "failures": failing_tests,
    "coverage": uncovered_code,
    "mutants": surviving_mutants,
}
"""What a kind of feedback says about a candidate: Markdown, or nothing."""

_PROBLEMS = ("build", "failures")


@dataclass(frozen=True, slots=True)
class Feedback:
    """A user message, and the name of its template.

    The template says what the next reply holds: with FIX the complete corrected file, with RESTATE the file
    that no reply had yet, with EXTEND only further tests beside those of the candidate.
    """

    template: str
    text: str


def feedback(
    pair: CodeUnderTest, candidate: Candidate, execution: Execution, kinds: Collection[str] = tuple(KINDS)
) -> Feedback | None:
    """What to tell the model that wrote a candidate; None where these kinds have nothing to say.

    That is so for a candidate that passes, covers its focal code and leaves no survivor among the mutants
    that were run, and after an infrastructure error.
    """
    observed = Observed(pair, candidate, execution)
    parts = {name: KINDS[name](observed) for name in KINDS if name in kinds}
    parts = {name: text for name, text in parts.items() if text}
    if not parts:
        return None
    name = FIX if parts.keys() & set(_PROBLEMS) else EXTEND
    name = RESTATE if execution.status is Status.NO_CODE else name  # there is nothing to keep
    fields = {"observations": "\n\n".join(parts.values()), "package": candidate.package or ""}
    return Feedback(name, template(name).format_map(fields))


def feedback_prompt(
    first: Prompt, candidate: Candidate, message: Feedback, counter: TokenCounter | None = None
) -> Prompt:
    """The prompt for the next round: the first prompt, the candidate as the reply to it, and the feedback.

    The rounds between are left out: the candidate holds what remains of them, and the line numbers of the
    feedback are those of its file. Without a counter, tokens are estimated.
    """
    answer = completion_text(candidate.code) if candidate.code.strip() else "I have no test file."
    messages = (*first.messages, ("assistant", answer), ("user", message.text))
    texts = [text for role_and_content in messages for text in role_and_content]
    return replace(
        first,
        id=short_hash(first.id, template_hash(message.template), *texts),
        template=message.template,
        template_hash=template_hash(message.template),
        messages=messages,
        tokens=sum((counter or token_counter()).count([content for _, content in messages])),
    )


def check_kinds(kinds: Collection[str]) -> None:
    """Raises ConfigError for an unknown kind of feedback."""
    unknown = [name for name in kinds if name not in KINDS]
    if unknown or not kinds:
        what = f"{unknown[0]!r} is no kind of feedback" if unknown else "no kind of feedback"
        raise ConfigError(what, where="--feedback", hint=f"use some of: {', '.join(KINDS)}")
