"""The ladder: take one candidate from syntax to mutation score, and record the rung that it reaches."""

import shutil
from dataclasses import replace
from pathlib import Path

from goutbench.execute.ladder.build import (
    NO_TEST_FILES,
    Build,
    Overlay,
    builds_without_candidate,
    compile_test,
)
from goutbench.execute.ladder.coverage import Coverage, focal_spans
from goutbench.execute.ladder.mutation import run_mutants
from goutbench.execute.ladder.record import blank_record
from goutbench.execute.ladder.runs import CompiledTest, RunResult, first_run
from goutbench.execute.ladder.stable import repeat_passing, rerun_failing
from goutbench.execute.ladder.syntax import refusal
from goutbench.execute.ladder.type_check import check_types, declared_tests, empty_test, type_failure
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import TargetPackage
from goutbench.records import Candidate, Execution, Rung, Status


def climb(worker: Worker, package: TargetPackage, candidate: Candidate) -> Execution:
    """Take one candidate up the ladder. Never raises for anything the candidate does."""
    record = blank_record(candidate, package, worker.sandbox.name, worker.options)
    if not candidate.code.strip():
        return replace(record, status=Status.NO_CODE, reason="empty", evidence="there is no Go code")
    if refused := refusal(candidate.code):
        return replace(record, status=Status.BUILD_FAILED, reason=refused[0], evidence=refused[1])
    folder = worker.workspace.scratch_folder("run")
    try:
        return _compile_and_run(worker, package, candidate, record, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _compile_and_run(
    worker: Worker, package: TargetPackage, candidate: Candidate, record: Execution, folder: Path
) -> Execution:
    code = candidate.code.encode()
    removed, checked = check_types(worker, package, code)
    tests = declared_tests(checked, code)
    record = replace(record, gate_seconds=checked.seconds, declared=tests)
    if removed and worker.options.siblings == "all":
        record = replace(record, siblings=f"all but {', '.join(removed)}")
    if fault := type_failure(worker, package, checked, removed):
        return replace(
            record, status=Status.BUILD_FAILED, rung=fault.rung, reason=fault.reason, evidence=fault.evidence
        )
    record = replace(record, rung=Rung.TYPES)
    overlay: Overlay = {package.test: code, **dict.fromkeys(removed)}
    build = compile_test(worker, package, overlay, folder)
    record = replace(record, build_seconds=build.cpu_seconds)
    if build.binary is None:
        empty = overlay | {package.test: empty_test(package)}
        return _build_failed(record, build, worker, package, empty, folder)
    record = replace(record, rung=Rung.BUILD)
    if checked.excluded or not tests:
        reason = "excluded-by-build-constraints" if checked.excluded else "no-tests-declared"
        return replace(record, status=Status.NO_TESTS_RAN, reason=reason)
    binary = CompiledTest(worker, package, build.binary, folder, tests)
    return _run(binary, overlay, candidate, record)


def _build_failed(
    record: Execution, build: Build, worker: Worker, package: TargetPackage, empty: Overlay, folder: Path
) -> Execution:
    status, reason = Status.BUILD_FAILED, build.reason
    if reason == NO_TEST_FILES:
        status = Status.NO_TESTS_RAN
    elif build.infra:
        status = Status.INFRA_FAILURE
    # the type check predicted a build: that is rare, so it is worth a build without any candidate
    elif not builds_without_candidate(worker, package, empty, folder):
        status, reason = Status.INFRA_FAILURE, "package-broken"
    return replace(record, status=status, reason=reason, evidence=build.evidence)


def _run(binary: CompiledTest, overlay: Overlay, candidate: Candidate, record: Execution) -> Execution:
    binary, first = first_run(binary)
    source = binary.package.focal_source
    spans = focal_spans(source, candidate.focal)

    def with_coverage(record: Execution, coverage: Coverage) -> Execution:
        focal = coverage.within(source, spans)
        return replace(
            record,
            statements=coverage.statements, covered=coverage.covered, uncovered=coverage.unreached,
            focal_statements=focal.statements, focal_covered=focal.covered,
        )  # fmt: skip

    record = with_coverage(_with_run(record, first), first.coverage)
    if first.status is Status.TESTS_FAILED:
        return with_coverage(*rerun_failing(binary, first, record))
    if not first.passed:
        return record
    record = repeat_passing(binary, replace(record, rung=Rung.PASS))
    if record.status is not Status.PASSED or binary.worker.options.mutants is None:
        return record
    mutation = run_mutants(binary, overlay, first, spans)
    rung = Rung.MUTATION if mutation.score is not None else record.rung
    return replace(record, mutation=mutation, rung=rung)


def _with_run(record: Execution, result: RunResult) -> Execution:
    output = result.output
    return replace(
        record,
        status=result.status,
        rung=Rung.RUNS if output.seen & set(record.declared) else record.rung,
        reason=result.reason, evidence=result.evidence,
        passed=output.passed, failed=result.culprits, skipped=output.skipped,
        repeats=1, run_seconds=result.cpu_seconds,
    )  # fmt: skip
