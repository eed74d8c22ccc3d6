"""What keeps a candidate from passing: errors of its build, and failures of its tests."""

import re
from collections.abc import Collection
from itertools import islice

from goutbench.prompts.feedback.observed import Observed, fenced
from goutbench.records import Status

_MAX_ERRORS = 20
_MAX_LINES, _MAX_COLUMNS = 60, 400  # of the output of failing tests
_MAX_CITED = 12

_NO_TESTS = {
    "no-tests-declared": "it declares no test",
    "no-declared-test-seen": "TestMain, an init function or an exit of the process keeps them from running",
    "all-skipped": "all of them skip themselves",
}
"""Why no test ran, by the reason in the record."""

_FOLDERS = re.compile(r"(?:/[^\s:/]+)+/(?=[^\s:/]+\.go:\d)")
_SECONDS = re.compile(r" \(\d+(?:\.\d+)?m?s\)$")
_NOISE = re.compile(
    r"^(?:FAIL|PASS|ok|exit status \d+|coverage: .*|goroutine \d+ .*|\[signal .*|created by .*|.*; hint: .*|"
    r"(?:testing|runtime|reflect|internal|panic)[\w/.]*\(.*|-test\.shuffle \d+|\.\.\.additional frames .*)$"
)
_CALL = re.compile(r"^[\w./*()\[\]·-]+\(.*\)$")
_FRAME = re.compile(r"^\t(?P<place>[^\s:]+\.go:\d+)(?: \+0x[0-9a-f]+)?$")


def build_errors(observed: Observed) -> str:
    """The errors of the parser, the compiler or vet, with the lines that they name; empty if it builds."""
    record = observed.execution
    if record.status is Status.NO_CODE:
        return "There is no Go test file in that reply."
    if record.status not in (Status.BUILD_FAILED, Status.VET_FAILED):
        return ""
    reporter = "`go vet` rejects that test file" if record.status is Status.VET_FAILED else (
        "That test file does not compile"
    )  # fmt: skip
    lines = (line for line in record.evidence.splitlines() if line.strip() and not line.startswith("# "))
    errors = _FOLDERS.sub("", "\n".join(line[:_MAX_COLUMNS] for line in islice(lines, _MAX_ERRORS)))
    errors = errors.replace(f"./{observed.test_file}:", f"{observed.test_file}:")
    return _with_output(f"{reporter}:", errors, observed.cited_lines(errors, _MAX_CITED))


def failing_tests(observed: Observed) -> str:
    """The failing assertions with their values, panics and time limits; empty if the tests pass."""
    record = observed.execution
    names = ", ".join(f"`{name}`" for name in record.flaky or record.failed)
    others = f" The others pass: {len(record.passed)}." if record.passed else ""
    leads = {
        Status.NO_TESTS_RAN: f"No test of that file ran: {_NO_TESTS.get(record.reason, record.reason)}.",
        Status.TESTS_FAILED: f"These tests fail: {names}.{others}"
        if names
        else f"The tests fail ({record.reason}).",
        Status.FLAKY: "These tests pass in some runs and fail in others, in another order or on another "
        f"number of processors: {names}.",
        Status.TIMED_OUT: "The tests did not end within the time limit"
        + (f"; these did not end: {names}." if names else "."),
    }
    if record.status not in leads:
        return ""
    output = _shortened(record.evidence, {observed.test_file, observed.code_file})
    return _with_output(leads[record.status], output, observed.cited_lines(output, _MAX_CITED))


def _with_output(lead: str, output: str, cited: str) -> str:
    """A lead with the output below it, and the lines of the test file that the output names."""
    parts = [lead, fenced(output) if output else ""]
    parts.append(f"The lines of the test file:\n\n{fenced(cited, 'go')}" if cited else "")
    return "\n\n".join(part for part in parts if part)


def _shortened(evidence: str, files: Collection[str]) -> str:
    """The output of failing tests without what differs between machines: folders, times, hints to users.

    Of a stack trace the places in these files remain.
    """
    lines: list[str] = []
    for line in evidence.splitlines():
        frame = _FRAME.match(line)
        if frame is not None:
            location = frame["place"].rpartition("/")[2]
            lines += [f"\t{location}"] if location.partition(":")[0] in files else []
        elif line.strip() and not _NOISE.match(line) and not _CALL.match(line):
            lines.append(_SECONDS.sub("", _FOLDERS.sub("", line.rstrip()[:_MAX_COLUMNS])))
    omitted = len(lines) - _MAX_LINES
    return "\n".join(lines if omitted <= 0 else [*lines[:_MAX_LINES], f"… {omitted} more lines"])
