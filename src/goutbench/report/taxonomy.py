"""Why a candidate fell: one class for each, in the words of the field."""

from collections.abc import Mapping
from typing import Any

RUNGS = ("none", "syntax", "types", "build", "runs", "pass", "stable", "covers", "mutation")
"""The ladder of `Execution.rung`, from the ground up."""

CLASSES: dict[str, str] = {
    "passed": "passed",
    "no-code": "no Go code in the reply",
    "context-overflow": "prompt longer than the model's window",
    "model-error": "no reply from the model",
    "syntax": "syntax error",
    "undefined": "undefined symbol",
    "wrong-package": "wrong package",
    "unused-import": "unused import",
    "missing-package": "package that is not there",
    "unused-variable": "unused variable or result",
    "redeclared": "declared twice",
    "type-mismatch": "wrong types or arguments",
    "other-build": "other compile error",
    "refused": "refused by rule",
    "no-tests": "no test ran",
    "assertion": "assertion failed",
    "panic": "panic",
    "timeout": "time limit",
    "limit": "memory or output limit",
    "forged": "ended before its tests did",
    "flaky": "flaky",
    "other-failure": "other failure at run time",
    "infrastructure": "infrastructure",
    "not-run": "not executed",
}
"""Failure class → what a reader sees; the order is that of the ladder."""

_BY_REASON = {
    "panic": "panic",
    "assertion": "assertion",
    "memory-limit": "limit",
    "output-limit": "limit",
    "exit-0-without-every-test": "forged",
    "exit-0-before-the-end": "forged",
}
_BUILD = {
    "syntax": "syntax",
    "not-unicode": "syntax",
    "too-large": "refused",
    "cgo": "refused",
    "bad-embed": "refused",
    "wrong-package": "wrong-package",
    "import-cycle": "wrong-package",
    "missing-package": "missing-package",
    "internal-package": "missing-package",
    "module-not-required": "missing-package",
    "undefined": "undefined",
    "unexported": "undefined",
    "redeclared": "redeclared",
    "duplicate-key": "redeclared",
    "unused-import": "unused-import",
    "unused-variable": "unused-variable",
    "unused-result": "unused-variable",
    "mismatched-types": "type-mismatch",
    "bad-assignment": "type-mismatch",
    "wrong-arguments": "type-mismatch",
    "wrong-count": "type-mismatch",
    "missing-return": "type-mismatch",
    "bad-constant": "type-mismatch",
    "bad-instantiation": "type-mismatch",
}  # the kinds of the type-check gate, by its first error


def failure_class(row: Mapping[str, Any] | None) -> str:
    """The key in CLASSES for what became of a candidate, by its row; None: it was never executed."""
    if row is None:
        return "not-run"
    if row["status"] == "BUILD_FAILED":
        return _BUILD.get(row["reason"], "other-build")
    return {
        "PASSED": "passed",
        "NO_CODE": "no-code",
        "NO_TESTS_RAN": "no-tests",
        "FLAKY": "flaky",
        "TIMED_OUT": "timeout",
        "INFRA_FAILURE": "infrastructure",
    }.get(row["status"]) or _BY_REASON.get(row["reason"], "other-failure")
