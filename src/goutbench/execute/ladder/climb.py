"""The ladder: take one candidate from syntax to mutation score, and record the rung that it reaches."""

import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from goutbench.execute.ladder.build import Build, branch_plan, build_without_candidate, compile_test
from goutbench.execute.ladder.coverage import Coverage, focal_spans, merge
from goutbench.execute.ladder.entry.plan import EntryPlan, plan_entry
from goutbench.execute.ladder.entry.run import run_entry
from goutbench.execute.ladder.faults import (
    CGO_OFF,
    COMPILE_ERROR,
    COMPILE_LIMIT,
    ELSEWHERE,
    EXCLUDED,
    LINKER,
    NO_NETWORK,
    NO_TEST_FILES,
    NOT_GENERATED,
    NOT_MEASURED,
    NOT_REQUIRED,
    NOTHING_ADDED,
    PACKAGE_BROKEN,
    PACKAGE_FAULT,
    TOO_MANY_NAMES,
    VET,
    candidate_may_cause,
    explained,
    is_absent,
    needs_network,
    unlinked,
)
from goutbench.execute.ladder.in_build import file_exclusion, focal_exclusion, lacks_cgo_files
from goutbench.execute.ladder.mutants.score import run_mutants
from goutbench.execute.ladder.record import blank_record
from goutbench.execute.ladder.runs import CompiledTest, RunResult, all_of, hidden, run_tests
from goutbench.execute.ladder.stable import repeat_passing, rerun_failing
from goutbench.execute.ladder.syntax import refusal
from goutbench.execute.ladder.type_check import check_types, declared_tests, type_failure
from goutbench.execute.ladder.vet import is_candidates_fault
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import Overlay, PackageUnderTest, empty_test
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.branches import count_branches
from goutbench.records import REFERENCE, Candidate, Execution, Rung, Status

_GENERATE = re.compile(rb"^//go:generate ", re.MULTILINE)
_LONGEST_PATTERN = 100_000  # bytes; Linux gives one argument of a command 128 KiB


def climb(worker: Worker, package: PackageUnderTest, candidate: Candidate) -> Execution:
    """Take one candidate up the ladder. Never raises for anything the candidate does."""
    return explained(_climb(worker, package, candidate))


def _climb(worker: Worker, package: PackageUnderTest, candidate: Candidate) -> Execution:
    worker = worker.for_repository(package)
    record = blank_record(candidate, package, worker.sandbox.name, worker.options)
    exclusion = worker.once(focal_exclusion, package)
    if exclusion is None and candidate.mode == REFERENCE:
        code = candidate.code.encode("utf-8", "surrogateescape")
        exclusion = file_exclusion(worker, package, package.unbuilt_test or package.test, code)
    if exclusion is not None:
        return replace(record, reason=exclusion[0], evidence=exclusion[1])
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
        plan = None if checked.excluded else plan_entry(self.package, code, has_tests=bool(tests))
        if plan is not None and removed:
            if self.worker.options.siblings != "all" and not tests:
                removed, checked = check_types(self.worker, self.package, code, needed=plan.files)
                added = ", ".join(sorted(plan.files))
                record = replace(record, siblings=f"{record.siblings} and {added}")
            plan = plan.without(removed)
            plan = None if tests and not plan.files else plan
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
        if self.package.unbuilt_test:  # no build uses it, and no candidate may embed it
            overlay[self.package.unbuilt_test] = empty_test(self.package)
        by_entry = plan is not None and not tests
        build = self._build(overlay, removed, counting=by_entry)
        record = replace(record, build_seconds=build.cpu_seconds)
        if build.binary is None:
            return self._build_failed(record, build, removed)
        record = replace(record, rung=Rung.BUILD)
        if checked.excluded or not (tests or plan):
            reason = "excluded-by-build-constraints" if checked.excluded else NOTHING_ADDED
            return replace(record, status=Status.NO_TESTS_RAN, reason=reason)
        if plan is not None and not plan.files:
            missing = ", ".join(removed)
            text = f"only {missing} may run it, which does not build without the reference test"
            return replace(record, status=Status.INFRA_FAILURE, reason=ELSEWHERE, evidence=text)
        result = self._run(record, self._compiled(build, build.binary, tests), overlay, plan)
        # what both passes and fails with counters is flaky, and gets no second chance to pass
        decided = result.status in (Status.PASSED, Status.FLAKY)
        if decided or not (build.branches and result.repeats):
            return result
        plain = compile_test(
            self.worker, self.package, overlay, self.folder, counting=by_entry, branches=False
        )
        if plain.binary is None:
            return result
        record = replace(record, build_seconds=record.build_seconds + plain.cpu_seconds)
        return self._run_again(record, result, self._compiled(plain, plain.binary, tests), overlay, plan)

    def _compiled(self, build: Build, binary: Path, tests: tuple[str, ...]) -> CompiledTest:
        """The candidate's binary, which a candidate cannot read."""
        test = CompiledTest(
            self.worker, self.package, binary, self.folder, tests, build.cover, build.branches
        )
        return hidden(replace(test, reference=self.candidate.mode == REFERENCE))

    def _run_again(
        self, record: Execution, counted: Execution, plain: CompiledTest, overlay: Overlay,
        plan: EntryPlan | None,
    ) -> Execution:  # fmt: skip
        """The result of a candidate that does not pass with counters of branches, which take time and keep
        functions from being inlined: `counted`, if the same tests fail without them, else that without
        them."""
        seconds = counted.run_seconds
        if plan is None or plain.tests:
            again = run_tests(plain, cover=False)
            seconds += again.cpu_seconds
            if (again.status, again.culprits) == (counted.status, counted.failed):
                return replace(counted, build_seconds=record.build_seconds, run_seconds=seconds)
        result = self._run(record, plain, overlay, plan)
        return replace(result, run_seconds=seconds + result.run_seconds)

    def _build(self, overlay: Overlay, removed: tuple[str, ...], *, counting: bool) -> Build:
        """Compile the candidate; once more if the compilation of what it imports took all the time."""
        build = compile_test(self.worker, self.package, overlay, self.folder, counting=counting)
        if build.stopped and self.worker.once(build_without_candidate, self.package, removed).accepted:
            again = compile_test(self.worker, self.package, overlay, self.folder, counting=counting)
            build = replace(again, cpu_seconds=build.cpu_seconds + again.cpu_seconds)
        return build

    def _build_failed(self, record: Execution, build: Build, removed: tuple[str, ...]) -> Execution:
        status, reason, evidence = Status.BUILD_FAILED, build.reason, build.evidence
        if reason == NO_TEST_FILES:
            status = Status.NO_TESTS_RAN
        elif build.infra:
            status = Status.INFRA_FAILURE
            if reason == CGO_OFF and self.worker.options.with_cgo:
                reason = EXCLUDED
        elif lacks_cgo_files(self.worker, self.package, build.evidence):
            status, reason = Status.INFRA_FAILURE, CGO_OFF
        elif reason == VET:
            if is_candidates_fault(self.worker, self.package, build.evidence, removed):
                status = Status.VET_FAILED
            else:
                status, reason = Status.INFRA_FAILURE, PACKAGE_FAULT
        else:
            # the type check expected a build: a failure is rare, so it is worth a build without any candidate
            bare = self.worker.once(build_without_candidate, self.package, removed)
            if reason == LINKER and self._only_uses(unlinked(build.evidence)):
                status = Status.INFRA_FAILURE
            elif not bare.accepted:
                status, reason, evidence = Status.INFRA_FAILURE, self._package_fault(bare), bare.evidence
            elif build.stopped:
                reason = COMPILE_LIMIT
            elif candidate_may_cause(reason):
                reason = COMPILE_ERROR if reason == LINKER else NOT_REQUIRED
        return replace(record, status=status, reason=reason, evidence=evidence)

    def _only_uses(self, names: frozenset[str]) -> bool:
        """Whether the candidate neither declares one of these functions nor links to one by its symbol."""
        code = self.candidate.code.encode()
        declared = (name for item in parse(code).declarations for name in item.names)
        return bool(names) and b"//go:linkname" not in code and names.isdisjoint(declared)

    def _package_fault(self, bare: Build) -> str:
        """The reason why the package does not build without the candidate."""
        if bare.infra or bare.stopped or candidate_may_cause(bare.reason):
            return bare.reason
        sources = (path.read_bytes() for path in self.package.go_files())
        generates = is_absent(bare.evidence) and any(map(_GENERATE.search, sources))
        return NOT_GENERATED if generates else PACKAGE_BROKEN

    def _run(
        self, record: Execution, test: CompiledTest, overlay: Overlay, plan: EntryPlan | None
    ) -> Execution:
        if len(all_of(test.tests).encode()) > _LONGEST_PATTERN:
            text = f"{len(test.tests)} tests, whose names are too long together for one command"
            return replace(record, status=Status.TESTS_FAILED, reason=TOO_MANY_NAMES, evidence=text)
        code, baseline = self.candidate.code.encode(), None
        if plan is None or test.tests:
            first = run_tests(test, cover=True)
        else:
            run = run_entry(test, plan, overlay, code)
            test, first, baseline = run.test, run.result, run.baseline
            record = replace(record, declared=run.declared, entry=run.entry)
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
        if failed and not record.entry:
            return self._with_coverage(*rerun_failing(test, first, record))
        if not first.passed:
            return record
        if plan is not None and not record.entry:
            record, merged = self._beside_tests(record, first, overlay, plan, branches=test.branches)
            record = self._with_coverage(record, merged)
            if record.status is not Status.PASSED:
                return record
        if not test.cover:
            record = replace(record, reason=NOT_MEASURED)
        without = baseline.test if baseline is not None and baseline.result.passed else None
        record = repeat_passing(test, replace(record, rung=Rung.PASS), without)
        if record.status is not Status.PASSED or self.worker.options.mutants is None:
            return record
        spans = focal_spans(self.package.focal_source, self.candidate.focal)
        mutation = run_mutants(test, overlay, first, spans, baseline)
        rung = Rung.MUTATION if mutation.score is not None else record.rung
        return replace(record, mutation=mutation, rung=rung)

    def _beside_tests(
        self, record: Execution, own: RunResult, overlay: Overlay, plan: EntryPlan, *, branches: bool
    ) -> tuple[Execution, Coverage]:
        """Add what tests of other files run of a candidate that passes its own tests: a failure there is one
        under `go test`, too."""
        worker, package = self.worker, self.package
        build = compile_test(worker, package, overlay, self.folder, counting=True, branches=branches)
        if build.binary is None:
            return record, own.coverage
        test = self._compiled(build, build.binary, ())
        run = run_entry(test, plan, overlay, self.candidate.code.encode())
        result, output = run.result, run.result.output
        if result.status in (Status.INFRA_FAILURE, Status.NO_TESTS_RAN):
            return record, own.coverage
        record = replace(
            record,
            status=result.status, reason=result.reason, evidence=result.evidence, entry=run.entry,
            declared=(*record.declared, *run.declared), passed=(*record.passed, *output.passed),
            failed=result.culprits, skipped=(*record.skipped, *output.skipped),
            run_seconds=record.run_seconds + result.cpu_seconds,
        )  # fmt: skip
        return record, merge([own.coverage, result.coverage])

    def _with_coverage(self, record: Execution, coverage: Coverage) -> Execution:
        source = self.package.focal_source
        spans = focal_spans(source, self.candidate.focal)
        focal = coverage.within(source, spans)
        record = replace(
            record,
            statements=coverage.statements, covered=coverage.covered, uncovered=coverage.unreached,
            focal_statements=focal.statements, focal_covered=focal.covered,
        )  # fmt: skip
        plan = branch_plan(self.worker, self.package)
        in_file = count_branches(plan, coverage.outcomes)
        if in_file is None:
            return record
        record = replace(
            record,
            branches=in_file.total, branches_covered=in_file.covered, uncovered_branches=in_file.missed,
        )  # fmt: skip
        if not spans or (in_focal := count_branches(plan, coverage.outcomes, spans)) is None:
            return record
        return replace(record, focal_branches=in_focal.total, focal_branches_covered=in_focal.covered)
