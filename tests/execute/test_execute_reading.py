"""Reading the output of test binaries and cover profiles, and deciding the result of a run."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goutbench.execute.ladder.coverage import merge, read_profile
from goutbench.execute.ladder.mutants.score import score_with_interval
from goutbench.execute.ladder.record import identity
from goutbench.execute.ladder.runs import RunResult, classify
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.sandbox.command import Outcome, RunReport
from goutbench.golang.toolchain.test_output import evidence, failed_test, parse_output
from goutbench.golang.toolchain.testwitness import WitnessReport

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


def verdict(result: Outcome, tests: list[str], *, profiled: bool) -> RunResult:
    """The result of a run whose witness says what its output says."""
    witnessed = WitnessReport(result.stdout, own="mode: set\n" if profiled else None)
    return classify(result, witnessed, tests, cover=True, options=ExecuteOptions())


LATE_OUTCOME = outcome(PASS, code=2, stderr=LATE)


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
        (replace(LATE_OUTCOME, wall_seconds=99.0), ["TestA"], True, "TIMED_OUT", "wall-time"),
        (LATE_OUTCOME, ["TestA"], True, "TESTS_FAILED", "panic"),  # printed by the test
    ],
)  # fmt: skip
def test_a_pass_needs_all_signals(
    result: Outcome, tests: list[str], profiled: bool, status: str, reason: str
) -> None:
    run = verdict(result, tests, profiled=profiled)
    assert (run.status, run.reason) == (status, reason)


def test_results_that_only_the_output_shows_are_forged() -> None:
    run = classify(outcome(PASS), WitnessReport(own=""), ["TestA"], cover=True, options=ExecuteOptions())
    assert (run.status, run.reason) == ("TESTS_FAILED", "forged")
    run = classify(outcome(b""), WitnessReport(own=""), ["TestA"], cover=True, options=ExecuteOptions())
    assert (run.status, run.reason) == ("NO_TESTS_RAN", "no-declared-test-seen")


def test_output_without_the_marker_byte_is_ignored() -> None:
    output = parse_output(b"--- PASS: TestA (0.00s)\n    --- FAIL: TestB (0.00s)\nPASS\n")
    assert output.seen == frozenset()
    assert output.ended == ""


def test_subtests_are_ignored_and_unfinished_tests_are_reported() -> None:
    output = parse_output(
        b"\x16=== RUN   TestA\n\x16=== RUN   TestA/sub\n    \x16--- PASS: TestA/sub (0.00s)\n"
        b"noise without newline\x16=== RUN   TestB\n",
        b"",
        b"panic: boom\n\ngoroutine 1 [running]:\n",
    )
    assert output.unfinished == ("TestA", "TestB")
    assert output.panic == "panic: boom"


@pytest.mark.parametrize(
    ("frames", "status"),
    [
        (b"\x16=== RUN   inner\n\x16--- FAIL: inner (0.00s)\n", "PASSED"),
        (b"\x16=== RUN   TestA b\n\x16--- FAIL: TestA b (0.00s)\n", "PASSED"),
        (b"\x16=== RUN   TestA (1.00s)\n\x16--- FAIL: TestA (1.00s) (0.00s)\n", "PASSED"),
        (b"\x16=== RUN   TestA\n\x16--- FAIL: TestA (0.00s)\n\x16FAIL\n", "PASSED"),
        (b"\x16=== RUN   x\n\x16=== RUN   x/y\n    \x16--- FAIL: x/y (0.00s)\n", "PASSED"),
        (b"\x16--- FAIL: TestA (0.00s)\n\x16=== RUN   TestA\n", "TESTS_FAILED"),
        (b"\x16--- FAIL: TestA\n", "TESTS_FAILED"),
        (b"\x16=== RUN   TestA\n", "TESTS_FAILED"),
    ],
)
def test_results_of_tests_that_a_test_runs_are_not_its_own(frames: bytes, status: str) -> None:
    output = PASS.replace(b"\x16--- PASS", frames + b"\x16--- PASS")
    run = verdict(outcome(output), ["TestA"], profiled=True)
    assert run.status == status
    assert run.output.seen == {"TestA"}


def test_evidence_has_no_marks_of_the_testing_package() -> None:
    output = b"\x16=== RUN   TestA\n\x0f    a_test.go:9: x\x0e\n\x16--- FAIL: TestA (0.00s)\n"
    assert evidence(output) == "a_test.go:9: x\n--- FAIL: TestA (0.00s)"


def test_the_test_that_kills_a_mutant_is_one_of_the_candidates() -> None:
    tail = "--- FAIL: a b (0.00s)\nx\n\x16--- FAIL: TestA (0.02s)\n    --- FAIL: TestA/x (0.00s)\n"
    assert failed_test(tail, ("TestB", "TestA")) == "TestA"
    assert failed_test(tail, ("TestB",)) == ""


@given(st.binary(max_size=400))
def test_any_bytes_can_be_parsed(data: bytes) -> None:
    output = parse_output(data, data, data)
    assert output.seen >= set(output.passed)


def test_a_profile_counts_the_statements_of_one_file() -> None:
    coverage = read_profile(PROFILE, "calc.go")
    assert (coverage.statements, coverage.covered) == (4, 2)
    assert coverage.reaches((11, 1))
    assert not coverage.reaches((17, 1))
    assert len(coverage.unreached) == 1
    assert coverage.unreached[0].startswith("16.")
    assert coverage.reaches((1, 1))  # a declaration belongs to no block


def test_a_forged_profile_ends_no_run() -> None:
    forged = f"calc.go:1.1,2.2 {'9' * 5000} 1\ncalc.go:{'1' * 20}.1,2.2 1 1\ncalc.go:1.1,2.2 1 {2**63 - 1}\n"
    assert read_profile(PROFILE + forged, "calc.go").covered == 2


def test_merged_coverage_has_the_blocks_that_any_run_reached() -> None:
    one, two = read_profile(PROFILE, "calc.go"), read_profile(PROFILE.replace(" 2 0", " 2 1"), "calc.go")
    assert merge([one, two]).covered == 4


def test_a_change_of_any_part_changes_the_identity() -> None:
    base = ("code", "focal", "rev", ("p",), "go1.26", "bubblewrap", ExecuteOptions())
    seen = {identity(*base)}
    for index, value in enumerate(["x", "x", "x", ("q",), "x", "x", ExecuteOptions(seed=2)]):
        changed = [*base]
        changed[index] = value  # type: ignore[call-overload]
        seen.add(identity(*changed))  # type: ignore[arg-type]
    assert len(seen) == len(base) + 1


def test_the_interval_of_a_sampled_score_is_wilsons() -> None:
    low, score, high = score_with_interval(8, 10, exhaustive=False)
    assert (round(low or 0, 4), score, round(high or 0, 4)) == (0.4902, 0.8, 0.9433)
    assert score_with_interval(8, 10, exhaustive=True) == (0.8, 0.8, 0.8)
    assert score_with_interval(0, 0, exhaustive=True) == (None, None, None)
