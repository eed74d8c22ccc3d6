"""What is run for one candidate: the ladder from syntax to mutation score, and the rung it fell from."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from goutbench.execute.ladder.admission import build_failed, declared_tests, gate, refuse, refused_by_gate
from goutbench.execute.ladder.build import compile_test
from goutbench.execute.ladder.coverage import Coverage, Position, merge
from goutbench.execute.ladder.focus import Span, focal_spans, positions
from goutbench.execute.ladder.mutants import mutate
from goutbench.execute.ladder.run import Target, Verdict, run_tests
from goutbench.execute.options import Options, identity
from goutbench.execute.sandbox.command import Sandbox
from goutbench.execute.worker import Bench
from goutbench.execute.workspace.subject import Subject
from goutbench.golang.toolchain.mutation import mutants
from goutbench.records import Candidate, Execution

_RERUNS = 3


def execute(bench: Bench, subject: Subject, candidate: Candidate) -> Execution:
    """Take one candidate up the ladder. Never raises for anything the candidate does."""
    record = blank(candidate, subject, bench.sandbox, bench.options)
    if not candidate.code.strip():
        return replace(record, status="NO_CODE", reason="empty", evidence="there is no Go code")
    refusal = refuse(candidate.code)
    if refusal:
        return replace(record, status="BUILD_FAILED", reason=refusal[0], evidence=refusal[1])
    folder = bench.place.scratch_folder("run")
    try:
        return _climb(bench, subject, candidate, record, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def blank(candidate: Candidate, subject: Subject, sandbox: Sandbox, options: Options) -> Execution:
    """The record before anything is known; its id is final."""
    focal = (subject.package / subject.focal).read_bytes().decode("utf-8", "surrogateescape")
    places = (
        subject.tree.repository,
        str(subject.package.relative_to(subject.tree.root.resolve())),
        subject.test,
    )
    key = identity(
        candidate.code, focal, subject.tree.revision, (candidate.id, *places, *candidate.focal),
        subject.toolchain.version,
        sandbox.name, options,
    )  # fmt: skip
    return empty_record(candidate, key, options, subject.toolchain.version, sandbox.name)


def empty_record(
    candidate: Candidate, key: str, options: Options, toolchain: str = "", sandbox: str = ""
) -> Execution:
    """A record that has reached nothing yet: an infrastructure failure until something better is known."""
    return Execution(
        id=key, candidate_id=candidate.id, pair_id=candidate.pair_id, model=candidate.model,
        status="INFRA_FAILURE", rung="none", reason="", evidence="", declared=(), passed=(), failed=(),
        skipped=(), flaky=(), statements=0, covered=0, mutation=None, repeats=0, gate_seconds=0.0,
        build_seconds=0.0, run_seconds=0.0, siblings=options.siblings, toolchain=toolchain, sandbox=sandbox,
    )  # fmt: skip


def _climb(
    bench: Bench, subject: Subject, candidate: Candidate, record: Execution, folder: Path
) -> Execution:
    code = candidate.code.encode()
    removed, checked = gate(bench, subject, code)
    tests = declared_tests(checked, code)
    record = replace(record, gate_seconds=checked.seconds, declared=tests)
    if removed and bench.options.siblings == "all":
        record = replace(record, siblings=f"all but {', '.join(removed)}")
    refused = refused_by_gate(bench, subject, checked, record, removed)
    if refused is not None:
        return refused
    record = replace(record, rung="types")
    files: dict[str, bytes | None] = {subject.test: code, **dict.fromkeys(removed)}
    build = compile_test(
        subject, files, folder, sandbox=bench.sandbox, place=bench.place, options=bench.options, cover=True
    )
    record = replace(record, build_seconds=build.cpu_seconds)
    if build.binary is None:
        return build_failed(bench, subject, build, record, removed, folder)
    record = replace(record, rung="build")
    if checked.excluded or not tests:
        reason = "excluded-by-build-constraints" if checked.excluded else "no-tests-declared"
        return replace(record, status="NO_TESTS_RAN", reason=reason)
    target = Target(subject, build.binary, folder, bench.worker)
    target, first = _first_run(bench, target, tests)
    source = (subject.package / subject.focal).read_bytes()
    spans = focal_spans(source, candidate.focal)
    record = _with_coverage(_with_run(record, first), first.coverage, positions(source, spans))
    if first.status != "PASSED":
        fallen, coverage = _fallen(bench, target, tests, first, record)
        return _with_coverage(fallen, coverage, positions(source, spans))
    record = _repeat(bench, target, tests, replace(record, status="PASSED", rung="pass"))
    if record.status != "PASSED" or bench.options.mutants is None:
        return record
    return _mutation(bench, target, files, tests, first, record, spans)


def _first_run(bench: Bench, target: Target, tests: Sequence[str]) -> tuple[Target, Verdict]:
    """The covered run; a test that needed to write to its own folder gets a private copy of it."""
    first = _run(bench, target, tests, cover=True)
    if first.status != "PASSED" and "read-only file system" in first.evidence.lower():
        target = replace(target, private=True)
        first = _run(bench, target, tests, cover=True)
    return target, first


def _run(
    bench: Bench, target: Target, tests: Sequence[str], *, cover: bool, shuffle: int = 0, processors: int = 0
) -> Verdict:
    return run_tests(
        target, tests, place=bench.place, sandbox=bench.sandbox, options=bench.options,
        cover=cover, shuffle=shuffle, processors=processors,
    )  # fmt: skip


def _with_run(record: Execution, verdict: Verdict) -> Execution:
    output = verdict.output
    rung = "runs" if output.seen & set(record.declared) else record.rung
    return replace(
        record,
        status=verdict.status, rung=rung, reason=verdict.reason, evidence=verdict.evidence,
        passed=output.passed, failed=(*output.failed, *output.unfinished), skipped=output.skipped,
        repeats=1, run_seconds=verdict.cpu_seconds,
    )  # fmt: skip


def _with_coverage(
    record: Execution, coverage: Coverage, focus: Iterable[tuple[Position, Position]]
) -> Execution:
    focal = coverage.within(focus)
    return replace(
        record,
        statements=coverage.statements, covered=coverage.covered, uncovered=coverage.unreached,
        focal_statements=focal.statements, focal_covered=focal.covered,
    )  # fmt: skip


def _fallen(
    bench: Bench, target: Target, tests: Sequence[str], first: Verdict, record: Execution
) -> tuple[Execution, Coverage]:
    """A failing run: see whether it fails again, and save the coverage that a crash has lost."""
    if first.status != "TESTS_FAILED":
        return record, first.coverage
    seconds, parts = record.run_seconds, [first.coverage]
    if bench.options.repeat > 1 and first.reason in ("assertion", "panic", "data-race", "exit-status"):
        again = _run(bench, target, tests, cover=False)
        seconds += again.cpu_seconds
        record = replace(record, repeats=2, run_seconds=seconds)
        if again.status == "PASSED":
            flaky = replace(record, status="FLAKY", reason="passed-when-run-again", flaky=record.failed)
            return flaky, first.coverage
    passed, left, crash = set(record.passed), list(tests), first
    for _ in range(_RERUNS):
        culprits = {*crash.output.failed, *crash.output.unfinished}
        left = [name for name in left if name not in culprits]
        if crash.coverage.statements or not culprits or not left:
            break
        crash = _run(bench, target, left, cover=True)
        seconds += crash.cpu_seconds
        parts.append(crash.coverage)
        passed |= set(crash.output.passed)
    record = replace(record, run_seconds=seconds, passed=tuple(name for name in tests if name in passed))
    return record, merge(parts)


def _repeat(bench: Bench, target: Target, tests: Sequence[str], record: Execution) -> Execution:
    """Run a passing candidate again: shuffled, and with one and with several processors in turn."""
    for number in range(1, bench.options.repeat):
        again = _run(
            bench,
            target,
            tests,
            cover=False,
            shuffle=bench.options.seed + number,
            processors=1 + number % 2 * 3,
        )
        record = replace(record, repeats=1 + number, run_seconds=record.run_seconds + again.cpu_seconds)
        if again.status == "INFRA_FAILURE":
            return replace(record, status=again.status, reason=again.reason, evidence=again.evidence)
        if again.status != "PASSED":
            culprits = (*again.output.failed, *again.output.unfinished)
            return replace(
                record, status="FLAKY", reason=again.reason, evidence=again.evidence, flaky=culprits
            )
    rung = "pass" if bench.options.repeat == 1 else "stable"
    return replace(record, rung="covers" if record.covered and rung == "stable" else rung)


def _mutation(
    bench: Bench,
    target: Target,
    files: dict[str, bytes | None],
    tests: Sequence[str],
    first: Verdict,
    record: Execution,
    spans: Sequence[Span],
) -> Execution:
    subject = target.subject
    focal = subject.package / subject.focal
    if focal not in bench.plans:
        bench.plans[focal] = mutants(bench.helper(subject), subject.package, focal, salt=bench.salt)
    result = mutate(
        target,
        bench.plans[focal],
        files,
        tests,
        first,
        spans,
        place=bench.place,
        sandbox=bench.sandbox,
        options=bench.options,
    )
    return replace(record, mutation=result, rung="mutation" if result.score is not None else record.rung)
