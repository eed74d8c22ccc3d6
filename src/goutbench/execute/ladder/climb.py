"""The ladder: take one candidate from syntax to mutation score, and record the rung that it reaches."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from goutbench.execute.inputs import REFERENCE
from goutbench.execute.ladder.build import (
    NO_TEST_FILES,
    VET,
    Build,
    Overlay,
    builds_without_candidate,
    compile_test,
)
from goutbench.execute.ladder.cgo import CGO_OFF, focal_needs_cgo, lacks_cgo_files
from goutbench.execute.ladder.coverage import Coverage, focal_spans
from goutbench.execute.ladder.faults import NO_NETWORK, needs_network
from goutbench.execute.ladder.mutation import run_mutants
from goutbench.execute.ladder.record import blank_record
from goutbench.execute.ladder.runs import CompiledTest, run_tests
from goutbench.execute.ladder.stable import repeat_passing, rerun_failing
from goutbench.execute.ladder.syntax import refusal
from goutbench.execute.ladder.type_check import check_types, declared_tests, empty_test, type_failure
from goutbench.execute.ladder.vet import PACKAGE_FAULT, is_candidates_fault
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.records import Candidate, Execution, Rung, Status

NOT_MEASURED = "coverage-not-measured"
"""The reason of a pass that goes no further because -cover fails on the package."""


def climb(worker: Worker, package: PackageUnderTest, candidate: Candidate) -> Execution:
    """Take one candidate up the ladder. Never raises for anything the candidate does."""
    record = blank_record(candidate, package, worker.sandbox.name, worker.options)
    if focal_needs_cgo(worker, package):
        return replace(record, reason=CGO_OFF, evidence=f"{package.focal} needs cgo: run with --cgo")
    if not candidate.code.strip():
        return replace(record, status=Status.NO_CODE, reason="empty", evidence="there is no Go code")
    if refused := refusal(candidate.code):
        return replace(record, status=Status.BUILD_FAILED, reason=refused[0], evidence=refused[1])
    folder = worker.workspace.scratch_folder("run")
    try:
        return _Attempt(worker, package, candidate, folder).climb(record)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One candidate on the ladder, with its scratch folder."""

    worker: Worker
    package: PackageUnderTest
    candidate: Candidate
    folder: Path

    def climb(self, record: Execution) -> Execution:
        code = self.candidate.code.encode()
        removed, checked = check_types(self.worker, self.package, code)
        tests = declared_tests(checked, code)
        record = replace(record, gate_seconds=checked.seconds, declared=tests)
        if removed and self.worker.options.siblings == "all":
            record = replace(record, siblings=f"all but {', '.join(removed)}")
        if fault := type_failure(self.worker, self.package, checked, removed):
            if lacks_cgo_files(self.worker, self.package, fault.evidence):
                return replace(record, reason=CGO_OFF, evidence=fault.evidence)
            rung, reason, evidence = fault.rung, fault.reason, fault.evidence
            return replace(record, status=Status.BUILD_FAILED, rung=rung, reason=reason, evidence=evidence)
        record = replace(record, rung=Rung.TYPES)
        overlay: Overlay = {self.package.test: code, **dict.fromkeys(removed)}
        build = compile_test(self.worker, self.package, overlay, self.folder)
        record = replace(record, build_seconds=build.cpu_seconds)
        if build.binary is None:
            return self._build_failed(record, build, overlay)
        record = replace(record, rung=Rung.BUILD)
        if checked.excluded or not tests:
            reason = "excluded-by-build-constraints" if checked.excluded else "no-tests-declared"
            return replace(record, status=Status.NO_TESTS_RAN, reason=reason)
        test = CompiledTest(self.worker, self.package, build.binary, self.folder, tests, cover=build.cover)
        return self._run(record, test, overlay)

    def _build_failed(self, record: Execution, build: Build, overlay: Overlay) -> Execution:
        status, reason = Status.BUILD_FAILED, build.reason
        if reason == NO_TEST_FILES:
            status = Status.NO_TESTS_RAN
        elif build.infra:
            status = Status.INFRA_FAILURE
        elif lacks_cgo_files(self.worker, self.package, build.evidence):
            status, reason = Status.INFRA_FAILURE, CGO_OFF
        elif reason == VET:
            removed = tuple(name for name, content in overlay.items() if content is None)
            if is_candidates_fault(self.worker, self.package, build.evidence, removed):
                status = Status.VET_FAILED
            else:
                status, reason = Status.INFRA_FAILURE, PACKAGE_FAULT
        else:
            # the type check expected a build: a failure is rare, so it is worth a build without any candidate
            empty = overlay | {self.package.test: empty_test(self.package)}
            if not builds_without_candidate(self.worker, self.package, empty, self.folder):
                status, reason = Status.INFRA_FAILURE, "package-broken"
        return replace(record, status=status, reason=reason, evidence=build.evidence)

    def _run(self, record: Execution, test: CompiledTest, overlay: Overlay) -> Execution:
        first = run_tests(test, cover=True)
        output = first.output
        record = replace(
            record,
            status=first.status, reason=first.reason, evidence=first.evidence,
            rung=Rung.RUNS if output.seen & set(record.declared) else record.rung,
            passed=output.passed, failed=first.culprits, skipped=output.skipped,
            repeats=1, run_seconds=first.cpu_seconds,
        )  # fmt: skip
        record = self._with_coverage(record, first.coverage)
        failed, reference = first.status is Status.TESTS_FAILED, self.candidate.mode == REFERENCE
        if failed and reference and needs_network(first.evidence):
            return replace(record, status=Status.INFRA_FAILURE, reason=NO_NETWORK)
        if first.status is Status.TESTS_FAILED:
            return self._with_coverage(*rerun_failing(test, first, record))
        if not first.passed:
            return record
        if not test.cover:
            record = replace(record, reason=NOT_MEASURED)
        record = repeat_passing(test, replace(record, rung=Rung.PASS))
        if record.status is not Status.PASSED or self.worker.options.mutants is None:
            return record
        spans = focal_spans(self.package.focal_source, self.candidate.focal)
        mutation = run_mutants(test, overlay, first, spans)
        rung = Rung.MUTATION if mutation.score is not None else record.rung
        return replace(record, mutation=mutation, rung=rung)

    def _with_coverage(self, record: Execution, coverage: Coverage) -> Execution:
        source = self.package.focal_source
        focal = coverage.within(source, focal_spans(source, self.candidate.focal))
        return replace(
            record,
            statements=coverage.statements, covered=coverage.covered, uncovered=coverage.unreached,
            focal_statements=focal.statements, focal_covered=focal.covered,
        )  # fmt: skip
