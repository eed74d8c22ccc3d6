"""Whether goutbench and `go test` say the same about a test, and if not, why."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

SAME = {
    "PASSED": {"pass"},
    "FLAKY": {"pass", "fail"},  # the repeats must show both
    "TESTS_FAILED": {"fail"},
    "TIMED_OUT": {"timeout"},
    "VET_FAILED": {"vet"},
    "BUILD_FAILED": {"build", "setup"},
    "NO_CODE": {"build", "setup"},
}
"""The results of `go test` that are the same as a status of goutbench. NO_TESTS_RAN and infrastructure errors
depend on the reason."""

INFRA_SAME = {
    "package-broken": {"build"},
    "not-generated": {"build"},
    "not-in-build": {"setup", "none"},
    "package-fails-vet": {"vet"},
    "missing-module": {"setup", "build"},
    "go-work": {"setup", "build"},
    "go-version": {"setup", "build"},
    "needs-network": {"fail", "timeout"},
}
"""Infrastructure errors that `go test` reports as a failure of its own: nothing is lost by barring them."""

EXPLAINED = {
    "entry-elsewhere": "the package's own entry points run the file",
    "not-in-build": "the focal file is not in the build; go test runs, skips or fails to build other tests",
    "cgo-off": "cgo is off",
    "needs-network": "no network in the sandbox",
}
"""Infrastructure errors that bar a pair although `go test` has a result, and why they do."""

IGNORED = "a failure that TestMain ignores"
"""The explanation where a test fails, and the program that it is in exits with 0: no test can pass so."""

NEEDED = "other tests of the package need the file"
"""The explanation where a file declares no test, and nobody can tell whether it adds one to others: without
it they do not build."""

IN_MEMORY = "temporary files in memory"
"""The explanation of a difference that is gone when `go test` has its temporary files in a tmpfs, too."""


def same(execution: Row, results: Collection[str]) -> bool:
    """Whether the status of an execution is that of `go test`, which had these results in several runs."""
    status, reason = execution["status"], execution["reason"]
    if status == "NO_TESTS_RAN":
        return bool({"skip"} & set(results) if reason == "all-skipped" else {"none"} & set(results))
    if status == "INFRA_FAILURE":
        return bool(INFRA_SAME.get(reason, set()) & set(results))
    if status == "FLAKY":
        return {"pass", "fail"} <= set(results)
    return bool(SAME[status] & set(results))


def explanation(execution: Row) -> str:
    """The reason that bars a pair although `go test` has a result; empty where it is none of `EXPLAINED`."""
    infra = execution["status"] == "INFRA_FAILURE"
    return execution["reason"] if infra and execution["reason"] in EXPLAINED else ""


def classify(row: Row) -> str:
    """equal, equal when repeated, flaky (`go test` contradicts itself), explained: REASON, or unexplained.

    `row` has `executions` and `plain`: the first result and those of the repeats, each in order; and
    `in_memory`, results of `go test` with temporary files in a tmpfs.
    """
    executions: Sequence[Row] = row["executions"]
    results = [plain["result"] for plain in row["plain"]]
    if same(executions[0], results[:1]):
        return "equal"
    agrees = [same(execution, results) for execution in executions]
    if len(set(results)) > 1 and any(agrees):
        return "flaky"
    if agrees[-1]:
        return "equal when repeated"
    if executions[-1]["status"] == "NO_TESTS_RAN" and row["plain"][0].get("needed"):
        return f"explained: {NEEDED}"
    if executions[-1]["status"] == "TESTS_FAILED" and "ignored" in results:
        return f"explained: {IGNORED}"
    if any(same(executions[-1], [plain["result"]]) for plain in row.get("in_memory", [])):
        return f"explained: {IN_MEMORY}"
    reason = next(filter(None, map(explanation, executions)), "")
    return f"explained: {reason}" if reason else "unexplained"


def coverage_differs(row: Row) -> bool | None:
    """Whether no run of one side has the statements and covered statements of a run of the other; None where
    one side has no coverage. The coverage of some tests depends on chance, so that the runs differ."""
    ours = {
        (execution["statements"], execution["covered"])
        for execution in row["executions"]
        if execution["status"] == "PASSED" and not execution["reason"]  # the reason: not measured
    }
    theirs = {
        (plain["statements"], plain["covered"])
        for plain in row["plain"]
        if plain["result"] == "pass" and not plain["elsewhere"]
    }
    return ours.isdisjoint(theirs) if ours and theirs else None


def coverage_explanation(row: Row) -> str:
    """Why the coverage differs; empty where nobody knows.

    The comparison runs the file's own tests by their names. goutbench also runs tests of other files that the
    file adds something to. And go tool cover writes the names of `//line` directives into its profile.
    """
    if all(plain["statements"] == 0 for plain in row["plain"]):
        return "line directives"
    runs = [execution for execution in row["executions"] if execution["status"] == "PASSED"]
    is_entry = any(execution["evidence"].startswith("run by ") for execution in runs)
    return "tests of other files" if is_entry else ""
