"""What happened to a candidate, in one sentence."""

from collections.abc import Sequence

from goutbench.records import REFERENCE, Execution, Mutation, Status
from goutbench.report.items.messages import LineMessage
from goutbench.report.results import SampleResult
from goutbench.report.taxonomy import FAILURE_CLASSES

_MAX_QUOTE = 160  # characters


def summary(sample: SampleResult, messages: Sequence[LineMessage]) -> str:
    """One sentence on what happened, with the first of the messages about the candidate's lines."""
    execution, label = sample.execution, FAILURE_CLASSES[sample.failure]
    test = "The reference test" if sample.model == REFERENCE else "The test"
    if execution is None:
        return f"There is no result: {label}."
    first = f", line {messages[0].line}: {_quote(messages[0].text)}" if messages else ""
    names = _names(execution.failed)
    match Status(execution.status):
        case Status.PASSED:
            return f"{test} {_joined(['passes', *_achievements(execution)])}."
        case Status.NO_CODE:
            return f"There is nothing to run: {label}."
        case Status.BUILD_FAILED:
            return f"{test} does not build: {label}{first}."
        case Status.VET_FAILED:
            return f"go vet rejects the test{first}."
        case Status.NO_TESTS_RAN:
            return f"{test} runs nothing: {label}."
        case Status.TESTS_FAILED:
            return f"{test} builds, and fails: {label}{f' in {names}' if names else ''}{first}."
        case Status.FLAKY:
            flaky = _names(execution.flaky)
            return f"{test} does not pass every time{f': {flaky}' if flaky else ''}."
        case Status.TIMED_OUT:
            return f"{test} builds, and did not end within the time limit."
        case Status.INFRA_FAILURE:
            return f"An infrastructure error, for which the model is not to blame: {execution.reason}."


def _achievements(execution: Execution) -> list[str]:
    parts = []
    if execution.focal_statements:
        parts.append(
            f"covers {execution.focal_covered} of {execution.focal_statements} statements of the focal code"
        )
    elif execution.statements:
        parts.append(f"covers {execution.covered} of {execution.statements} statements of the focal file")
    if (mutation := execution.mutation) and mutation.score is not None:
        parts.append(f"kills {mutation.killed} of {mutation.tested} mutants{_undetected(mutation)}")
    return parts


def _undetected(mutation: Mutation) -> str:
    undetected = mutation.tested - mutation.killed
    return f" ({undetected} undetected)" if undetected else ""


def _joined(parts: Sequence[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]


def _names(tests: Sequence[str]) -> str:
    return ", ".join(tests[:2]) + (f" and {len(tests) - 2} more" if len(tests) > 2 else "")


def _quote(text: str) -> str:
    return text if len(text) <= _MAX_QUOTE else f"{text[:_MAX_QUOTE]}…"
