"""The sixth step: run a passing candidate again, and a failing one, to detect what is flaky."""

from dataclasses import replace

from goutbench.execute.ladder.coverage import Coverage, merge
from goutbench.execute.ladder.runs import CompiledTest, RunResult, run_tests
from goutbench.records import Execution, Rung, Status

_RERUNS = 3
_REPEATABLE = ("assertion", "panic", "data-race", "exit-status")


def repeat_passing(test: CompiledTest, record: Execution, baseline: CompiledTest | None = None) -> Execution:
    """Run a passing candidate again: shuffled, with one and with four processors in turn.

    A failure that `baseline`, the tests without the candidate, has too is not the candidate's.
    """
    options = test.worker.options
    for number in range(1, options.repeat):
        shuffle, processors = options.seed + number, 1 + number % 2 * 3
        again = run_tests(test, cover=False, shuffle=shuffle, processors=processors)
        record = replace(record, repeats=1 + number, run_seconds=record.run_seconds + again.cpu_seconds)
        if not again.passed and not (baseline and _fails(baseline, shuffle, processors)):
            infra = again.status is Status.INFRA_FAILURE
            return replace(
                record,
                status=again.status if infra else Status.FLAKY,
                reason=again.reason,
                evidence=again.evidence,
                flaky=() if infra else again.culprits,
            )
    if options.repeat == 1:
        return replace(record, rung=Rung.PASS)
    return replace(record, rung=Rung.COVERS if record.covered else Rung.STABLE)


def _fails(test: CompiledTest, shuffle: int, processors: int) -> bool:
    return not run_tests(test, cover=False, shuffle=shuffle, processors=processors).passed


def rerun_failing(test: CompiledTest, first: RunResult, record: Execution) -> tuple[Execution, Coverage]:
    """Run a failing candidate again: does it fail again? Then recover the coverage that a crash has lost."""
    seconds, parts = record.run_seconds, [first.coverage]
    if test.worker.options.repeat > 1 and first.reason in _REPEATABLE:
        again = run_tests(test, cover=False)
        seconds += again.cpu_seconds
        record = replace(record, repeats=2, run_seconds=seconds)
        if again.passed:
            flaky = replace(record, status=Status.FLAKY, reason="passed-when-run-again", flaky=record.failed)
            return flaky, first.coverage
    passed, crash = set(record.passed), first
    remaining = test
    for _ in range(_RERUNS):
        names = tuple(name for name in remaining.tests if name not in crash.culprits)
        if crash.coverage.statements or not crash.culprits or not names:
            break
        remaining = replace(remaining, tests=names)
        crash = run_tests(remaining, cover=True)
        seconds += crash.cpu_seconds
        parts.append(crash.coverage)
        passed |= set(crash.output.passed)
    in_order = tuple(name for name in test.tests if name in passed)
    return replace(record, run_seconds=seconds, passed=in_order), merge(parts)
