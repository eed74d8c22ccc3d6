"""What is read from test binaries and profiles, and what a run's verdict rests on."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goutbench.execute.ladder.coverage import merge, read_profile
from goutbench.execute.ladder.mutants import _interval
from goutbench.execute.ladder.run import judge
from goutbench.execute.options import Options, identity
from goutbench.execute.sandbox.process import Outcome, RunReport
from goutbench.golang.toolchain.test_output import parse_output

PASS = b"\x16=== RUN   TestA\n\x16--- PASS: TestA (0.00s)\n\x16=== NAME  \n\x16PASS\ncoverage: 1.0%\n"
TWICE = PASS + b"\x16--- FAIL: TestA (0.00s)\n"
SKIPPED = PASS.replace(b"--- PASS", b"--- SKIP")
LATE = b"panic: test timed out after 1s\n"
PROFILE = """mode: set
example.test/calc/calc.go:10.24,12.2 1 1
example.test/calc/calc.go:15.36,16.12 1 0
example.test/calc/calc.go:15.36,16.12 1 1
example.test/calc/calc.go:16.12,18.3 2 0
example.test/calc/other.go:1.1,9.9 7 1
a damaged line
"""


def outcome(stdout: bytes, *, code: int = 0, stopped: str = "", stderr: bytes = b"") -> Outcome:
    return Outcome(code, stdout, stderr, stopped, 1.0, reports=(RunReport(code, 0.1, 0.2, "", ""),))


@pytest.mark.parametrize(
    ("result", "tests", "profiled", "status", "reason"),
    [
        (outcome(PASS), ["TestA"], True, "PASSED", ""),
        (outcome(PASS), ["TestA"], False, "TESTS_FAILED", "exit-0-before-the-end"),
        (outcome(PASS), ["TestA", "TestB"], True, "TESTS_FAILED", "exit-0-without-every-test"),
        (outcome(PASS), ["TestB"], True, "NO_TESTS_RAN", "no-declared-test-seen"),
        (outcome(PASS, code=1), ["TestA"], True, "TESTS_FAILED", "exit-status"),
        (outcome(TWICE), ["TestA"], True, "TESTS_FAILED", "exit-0-without-every-test"),
        (outcome(PASS.replace(b"\x16", b"")), ["TestA"], True, "NO_TESTS_RAN", "no-declared-test-seen"),
        (outcome(SKIPPED), ["TestA"], True, "NO_TESTS_RAN", "all-skipped"),
        (outcome(PASS, code=137, stopped="wall"), ["TestA"], True, "TIMED_OUT", "wall-time"),
        (outcome(PASS, code=137, stopped="output"), ["TestA"], True, "TESTS_FAILED", "output-limit"),
        (outcome(PASS, code=66), ["TestA"], True, "TESTS_FAILED", "data-race"),
        (outcome(PASS, code=137), ["TestA"], True, "TESTS_FAILED", "killed-by-signal"),
        (replace(outcome(PASS), started=False), ["TestA"], True, "INFRA_FAILURE", "sandbox"),
        (replace(outcome(PASS), memory_exceeded=True), ["TestA"], True, "TESTS_FAILED", "memory-limit"),
        (outcome(PASS, code=2, stderr=LATE), ["TestA"], True, "TIMED_OUT", "wall-time"),
    ],
)  # fmt: skip
def test_a_pass_needs_every_proof(
    result: Outcome, tests: list[str], profiled: bool, status: str, reason: str
) -> None:
    verdict = judge(result, tests, profiled=profiled, options=Options())
    assert (verdict.status, verdict.reason) == (status, reason)


def test_output_without_marker_is_no_verdict() -> None:
    output = parse_output(b"--- PASS: TestA (0.00s)\n    --- FAIL: TestB (0.00s)\nPASS\n")
    assert output.seen == frozenset()
    assert output.ended == ""


def test_subtests_do_not_count_and_unfinished_tests_do() -> None:
    output = parse_output(
        b"\x16=== RUN   TestA\n\x16=== RUN   TestA/sub\n    \x16--- PASS: TestA/sub (0.00s)\n"
        b"noise without newline\x16=== RUN   TestB\n",
        b"panic: boom\n\ngoroutine 1 [running]:\n",
    )
    assert output.unfinished == ("TestA", "TestB")
    assert output.panic == "panic: boom"


@given(st.binary(max_size=400))
def test_any_bytes_can_be_read(data: bytes) -> None:
    output = parse_output(data, data)
    assert output.seen >= set(output.passed)


def test_profile_counts_statements_of_one_file() -> None:
    coverage = read_profile(PROFILE, "calc.go")
    assert (coverage.statements, coverage.covered) == (4, 2)
    assert coverage.reaches((11, 1))
    assert not coverage.reaches((17, 1))
    assert len(coverage.unreached) == 1
    assert coverage.unreached[0].startswith("16.")
    assert coverage.reaches((1, 1))  # a declaration belongs to no block


def test_merging_takes_what_any_run_reached() -> None:
    one, two = read_profile(PROFILE, "calc.go"), read_profile(PROFILE.replace(" 2 0", " 2 1"), "calc.go")
    assert merge([one, two]).covered == 4


def test_every_part_changes_the_identity() -> None:
    base = ("code", "focal", "rev", ("p",), "go1.26", "bubblewrap", Options())
    seen = {identity(*base)}
    for index, other in enumerate(["x", "x", "x", ("q",), "x", "x", Options(seed=2)]):
        changed = [*base]
        changed[index] = other  # type: ignore[call-overload]
        seen.add(identity(*changed))  # type: ignore[arg-type]
    assert len(seen) == len(base) + 1


def test_interval_is_wilsons() -> None:
    low, score, high = _interval(8, 10, exhaustive=False)
    assert (round(low or 0, 4), score, round(high or 0, 4)) == (0.4902, 0.8, 0.9433)
    assert _interval(8, 10, exhaustive=True) == (0.8, 0.8, 0.8)
    assert _interval(0, 0, exhaustive=True) == (None, None, None)
