"""Run what a candidate adds to tests of other files, with and without the candidate."""

from dataclasses import dataclass, replace
from pathlib import Path

from goutbench.execute.ladder.build import compile_without
from goutbench.execute.ladder.coverage import EMPTY
from goutbench.execute.ladder.entry.focus import Focus, focuses, framework_flags, subtest_pattern
from goutbench.execute.ladder.entry.plan import EntryPlan, mentioned_elsewhere
from goutbench.execute.ladder.faults import ELSEWHERE, NOTHING_ADDED
from goutbench.execute.ladder.runs import Baseline, CompiledTest, RunResult, all_of, run_tests
from goutbench.execute.ladder.type_check import type_checks
from goutbench.execute.workspace.package import Overlay, empty_test
from goutbench.golang.analysis.registrations import TEST_MAIN, without_registrations
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.test_output import TestOutput, parse_output
from goutbench.records import Status


@dataclass(frozen=True, slots=True)
class EntryRun:
    """The run of the tests of other files. `result` is the candidate's part of it: its status, and coverage
    beyond the baseline's; `declared` are the tests and subtests that it consists of."""

    test: CompiledTest
    result: RunResult
    declared: tuple[str, ...]
    entry: str
    baseline: Baseline | None


def run_entry(test: CompiledTest, plan: EntryPlan, overlay: Overlay, code: bytes) -> EntryRun:
    """Run the plan's tests; `test` is the candidate's binary with coverage that counts."""
    flags = framework_flags(plan, test.worker.options.seed)
    complete = replace(test, tests=plan.names, flags=flags)
    without = _build_without(complete, overlay, code)
    entry = plan.describe(plan.names)
    if without is None:
        text = f"run by {entry}, which does not build without {test.package.test}"
        none = RunResult(Status.INFRA_FAILURE, ELSEWHERE, text, parse_output(b""), EMPTY, EMPTY, 0.0, 0.0)
        return EntryRun(complete, none, plan.names, entry, None)
    for focus in focuses(plan, test.package.test, test.worker.options.seed):
        pattern = f"{all_of(plan.names)}{focus.subtests}" if focus.subtests else ""
        focused, first = _first(replace(complete, pattern=pattern, flags=focus.flags))
        if focus.has_effect(first.output) or (not focus.methods and not first.passed):
            return _focused(plan, focused, first, without, focus)
    return _compared(plan, complete, without)


def _focused(
    plan: EntryPlan, test: CompiledTest, first: RunResult, without: "_Without", focus: Focus
) -> EntryRun:
    """The run of the candidate's part alone: the tests that hold it are those that report it."""
    names = focus.names(first.output)
    if names:
        tests = tuple(dict.fromkeys(name.split("/")[0] for name in names))
        test = replace(test, tests=tests, pattern=f"{all_of(tests)}{focus.subtests}")
        first = replace(first, output=first.output.only(tests))
    return _attributed(plan, test, first, without.run_like(test), names)


def _compared(plan: EntryPlan, test: CompiledTest, without: "_Without") -> EntryRun:
    """The run of the complete tests, and then of the subtests alone that are new with the candidate."""
    test, first = _first(test)
    baseline = without.run_like(test)
    before = baseline.result.output.subtests
    new = [name for name in first.output.subtests if name not in before]
    new = [name for name in new if name.rpartition("/")[0] not in new]
    if pattern := subtest_pattern(new):
        tests = tuple(dict.fromkeys(name.split("/")[0] for name in new))
        part = replace(test, tests=tests, pattern=pattern)
        result = run_tests(part, cover=True)
        attributed = _attributed(plan, part, result, without.run_like(part), tuple(new))
        # what passes alone may still break the tests of other files
        if first.passed or not (attributed.result.passed and baseline.result.passed):
            return attributed
    return _attributed(plan, test, first, baseline, tuple(new))


def _attributed(
    plan: EntryPlan, test: CompiledTest, first: RunResult, baseline: Baseline, new: tuple[str, ...]
) -> EntryRun:
    """The candidate's part of a run."""
    coverage = first.coverage.beyond(baseline.result.coverage)
    reached = first.reached.beyond(baseline.result.reached)
    status, reason = _verdict(plan, first, baseline.result, new, covers=coverage.covered > 0)
    # where nothing of the candidate ran, the results are those of other files
    declared = () if reason == NOTHING_ADDED else new or test.tests or (TEST_MAIN,)
    again = status is Status.TESTS_FAILED and test.worker.options.repeat > 1
    if again and run_tests(test, cover=False).passed:
        status, reason = Status.FLAKY, "passed-when-run-again"
    entry = plan.describe(test.tests)
    output = _of_declared(first, declared)
    also = ", which fails without it too" if reason == ELSEWHERE else ""
    evidence = f"run by {entry}{also}\n{first.evidence}".rstrip()
    result = replace(
        first, status=status, reason=reason, coverage=coverage, reached=reached, output=output,
        evidence=evidence,
    )  # fmt: skip
    return EntryRun(test, result, declared, entry, baseline)


def _verdict(
    plan: EntryPlan, first: RunResult, before: RunResult, new: tuple[str, ...], *, covers: bool
) -> tuple[Status, str]:
    """Status and reason of the candidate's part of a run."""
    ends = {first.output.subtests.get(name) for name in new}
    if first.passed:
        if new and ends <= {"SKIP"}:
            return Status.NO_TESTS_RAN, "all-skipped"
        more_specs = first.output.specs > before.output.specs
        fills = plan.certain and plan.added.framework is None
        if new or more_specs or covers or fills or not before.passed:
            return Status.PASSED, ""
        return Status.NO_TESTS_RAN, NOTHING_ADDED
    fails = first.status in (Status.TESTS_FAILED, Status.TIMED_OUT)
    if fails and before.status in (Status.TESTS_FAILED, Status.TIMED_OUT):
        new_failures = _failures(first.output) - _failures(before.output)
        if not new_failures or before.output.panic or before.status is Status.TIMED_OUT:
            return (Status.INFRA_FAILURE, ELSEWHERE) if plan.linked else (Status.NO_TESTS_RAN, NOTHING_ADDED)
    return first.status, first.reason


def _failures(output: TestOutput) -> set[str]:
    subtests = {name for name, end in output.subtests.items() if end in ("FAIL", "")}
    return {*output.failed, *output.unfinished, *subtests}


def _of_declared(first: RunResult, declared: tuple[str, ...]) -> TestOutput:
    """The results of the candidate's part, as of tests that it declares."""
    output = first.output
    ends = dict(output.subtests)
    for names, end in ((output.passed, "PASS"), (output.failed, "FAIL"), (output.skipped, "SKIP")):
        ends |= dict.fromkeys(names, end)
    if declared == (TEST_MAIN,):
        ends[TEST_MAIN] = "PASS" if first.passed else "FAIL"

    def ended(end: str) -> tuple[str, ...]:
        return tuple(name for name in declared if ends.get(name) == end)

    # a failure outside of the candidate's subtests is one of the tests that run them
    failed = ended("FAIL") or (() if first.passed or not declared else output.failed)
    unfinished = tuple(name for name in declared if ends.get(name) == "")
    return replace(output, passed=ended("PASS"), failed=failed, skipped=ended("SKIP"), unfinished=unfinished)


def _first(test: CompiledTest) -> tuple[CompiledTest, RunResult]:
    """The run with coverage. Tests that are not in the build (build constraints exclude them) are dropped."""
    first = run_tests(test, cover=True)
    seen = tuple(name for name in test.tests if name in first.output.seen)
    if seen and seen != test.tests:
        pattern = test.pattern.replace(all_of(test.tests), all_of(seen))
        test = replace(test, tests=seen, pattern=pattern)
        if not first.passed and not first.culprits:
            first = run_tests(test, cover=True)
    return test, first


@dataclass(frozen=True, slots=True)
class _Without:
    """The build without the candidate, and its overlay."""

    path: Path
    overlay: Overlay

    def run_like(self, test: CompiledTest) -> Baseline:
        """The run of the same tests. Those that are then not in the build do not count."""
        test = replace(test, path=self.path)
        return Baseline(test, self.overlay, run_tests(test, cover=True))


def _build_without(test: CompiledTest, overlay: Overlay, code: bytes) -> _Without | None:
    """The package without what the candidate registers; None if that does not build.

    Without the candidate's file, if no other file needs it, else with the file without effect.
    """
    worker, package = test.worker, test.package
    removed = tuple(name for name, content in overlay.items() if content is None)
    inert = without_registrations(parse(code), mentioned_elsewhere(package))
    for replacement in (empty_test(package), inert):
        if type_checks(worker, package, replacement, removed):
            changed: Overlay = {**overlay, package.test: replacement}
            build = compile_without(worker, package, changed, test.folder, branches=test.branches)
            if build.binary is not None:
                return _Without(build.binary, changed)
    return None
