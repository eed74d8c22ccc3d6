"""The steps of the funnel, from `records.Rung`, and failure classes, from `records.Status` and reasons."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from goutbench.records import TRUNCATED, Execution, Note, Rung, Status
from goutbench.report.results import NOT_RUN

ASKED, CODE, KILLS = "items", "code", "kills"
FUNNEL: dict[str, str] = {
    ASKED: "asked",
    CODE: "gave Go code",
    **{rung.value: rung.label for rung in Rung if rung not in (Rung.NONE, Rung.MUTATION)},
    KILLS: "kills a mutant",
}
"""Step → label, in the order of the ladder. Running mutants is the user's choice, killing one is a step."""


class _Class(NamedTuple):
    """A failure class that is finer than its status: the reasons that belong to it."""

    status: Status
    key: str
    label: str
    reasons: tuple[str, ...]


_BY_REASON = (
    _Class(Status.BUILD_FAILED, "syntax", "syntax error", ("syntax", "not-unicode")),
    _Class(Status.BUILD_FAILED, "undefined", "undefined symbol", ("undefined", "unexported")),
    _Class(Status.BUILD_FAILED, "wrong-package", "wrong package", ("wrong-package", "import-cycle")),
    _Class(Status.BUILD_FAILED, "unused-import", "unused import", ("unused-import",)),
    _Class(
        Status.BUILD_FAILED,
        "missing-package",
        "package does not exist",
        ("missing-package", "internal-package", "module-not-required"),
    ),
    _Class(
        Status.BUILD_FAILED,
        "unused-variable",
        "unused variable or result",
        ("unused-variable", "unused-result"),
    ),
    _Class(Status.BUILD_FAILED, "redeclared", "declared twice", ("redeclared", "duplicate-key")),
    _Class(
        Status.BUILD_FAILED,
        "type-mismatch",
        "wrong types or arguments",
        (
            "mismatched-types", "bad-assignment", "wrong-arguments", "wrong-count", "missing-return",
            "bad-constant", "bad-instantiation",
        ),
    ),
    _Class(Status.BUILD_FAILED, "other-build", "other compile error", ()),
    _Class(Status.BUILD_FAILED, "refused", "refused by a rule", ("too-large", "cgo", "bad-embed")),
    _Class(Status.NO_TESTS_RAN, "no-test-function", "no test function", ("no-tests-declared",)),
    _Class(Status.NO_TESTS_RAN, "no-tests-ran", "no test ran", ()),
    _Class(Status.TESTS_FAILED, "assertion", "assertion failed", ("assertion",)),
    _Class(Status.TESTS_FAILED, "panic", "panic", ("panic",)),
    _Class(
        Status.TESTS_FAILED, "limit", "memory or output limit", ("memory-limit", "output-limit")
    ),
    _Class(
        Status.TESTS_FAILED,
        "forged",
        "exited before all tests ended",
        ("forged", "exit-0-without-every-test", "exit-0-before-the-end"),
    ),
    _Class(Status.TESTS_FAILED, "other-failure", "other failure at run time", ()),
)  # fmt: skip
"""Classes by status and reason; one without reasons stands for all other reasons of its status."""

NO_CODE, NO_TEST_FUNCTION, CUT_OFF, UNPARSABLE = "no-code", "no-test-function", "cut-off", "unparsable"
_WITHOUT_CODE = {
    CUT_OFF: "cut off at the token limit",
    UNPARSABLE: "code that does not parse",
    NO_CODE: "no code in the reply",
}
"""Classes of replies that leave an item without code or tests: class → label."""

_UNPARSED, _DROPPED = {"truncated", "broken", "statement_refused"}, {"source_repeated", "dropped", "folded"}
"""Kinds of notes of assembling: about code that does not parse, and about code that was left out."""

UNANSWERED = {
    "context-overflow": "prompt longer than the model's context window",
    "model-error": "no reply from the model",
}
"""Errors of completions that leave an item without code: class → label."""


def status_class(status: Status) -> str:
    """The key of the failure class of a status that has no classes by reason."""
    return status.value.lower().replace("_", "-")


def _failure_classes() -> dict[str, str]:
    classes = {status_class(Status.PASSED): Status.PASSED.label}
    for status in Status:
        by_reason = {row.key: row.label for row in _BY_REASON if row.status == status}
        if status == Status.NO_CODE:
            by_reason = _WITHOUT_CODE | UNANSWERED
        classes |= by_reason or {status_class(status): status.label}
    return {**classes, NOT_RUN: "not executed"}


FAILURE_CLASSES = _failure_classes()
"""Failure class → label: passed first, then in the order of `Status`."""


def failure_class(execution: Execution | None) -> str:
    """The key in FAILURE_CLASSES for the result of an execution; None means that there was none."""
    if execution is None:
        return NOT_RUN
    classes = [row for row in _BY_REASON if row.status == execution.status]
    matching = [row.key for row in classes if execution.reason in row.reasons]
    fallback = [row.key for row in classes if not row.reasons]
    return (matching or fallback or [status_class(Status(execution.status))])[0]


def failure_of_reply(failure: str, errors: AbstractSet[str], notes: Sequence[Note]) -> str:
    """The failure class, finer where there is no code or no test: the cause is then in the reply.

    `errors` are those of the completions, `notes` those of assembling them.
    """
    if failure in (NO_CODE, NOT_RUN) and (unanswered := next((e for e in UNANSWERED if e in errors), "")):
        return unanswered
    if failure in (NO_CODE, NO_TEST_FUNCTION) and TRUNCATED in errors:
        return CUT_OFF
    kinds = {note.kind for note in notes}
    if failure == NO_CODE and kinds & _UNPARSED:
        return UNPARSABLE
    return NO_TEST_FUNCTION if failure == NO_CODE and kinds & _DROPPED else failure
