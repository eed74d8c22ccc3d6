"""Before anything runs: is this a file that could build here, and if not, whose fault is it?"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from goutbench.execute.ladder.build import Build, compile_test, environment_fault
from goutbench.execute.worker import Bench
from goutbench.execute.workspace.subject import Subject
from goutbench.golang.syntax.file import package_name, parse
from goutbench.golang.toolchain.typecheck import GateRequest, GateResult, check
from goutbench.records import Execution

MAX_BYTES = 2 << 20
"""A longer candidate is refused: no hand-written test file of the ten repositories comes near."""


def refuse(code: str) -> tuple[str, str] | None:
    """The reason and evidence against a candidate that no Go tool should be bothered with, else None."""
    try:
        size = len(code.encode("utf-8"))
    except UnicodeEncodeError:
        return "not-unicode", "the candidate is not valid UTF-8"
    if size > MAX_BYTES:
        return "too-large", f"{size} bytes; the limit is {MAX_BYTES}"
    if "\0" in code:
        return "syntax", "the candidate holds a NUL byte"
    return None


def gate(bench: Bench, subject: Subject, code: bytes) -> tuple[tuple[str, ...], GateResult]:
    """Type-check the candidate; returns the sibling test files to remove, and the gate's word.

    The mode `all` removes none but those that do not compile without the file that the candidate replaces,
    as they use its helpers. The mode `needed` starts without siblings and adds those that define what is
    missing.
    """
    siblings = subject.test_files()
    removed = () if bench.options.siblings == "all" else siblings
    while True:
        request = GateRequest(subject.package, subject.test, code, removed)
        result = check(bench.helper(subject), request)
        if bench.options.siblings == "all" and not removed and _elsewhere(result, subject.test):
            removed = _orphaned(bench, subject)
            if removed:
                continue
        if bench.options.siblings != "needed" or result.ok or not removed:
            return removed, result
        found = _defining(subject.package, removed, _undefined(result))
        if not found:
            return removed, result
        removed = tuple(name for name in removed if name not in found)


def _elsewhere(result: GateResult, candidate: str) -> bool:
    return any(fault.file != candidate for fault in result.errors)


def _orphaned(bench: Bench, subject: Subject) -> tuple[str, ...]:
    """The sibling test files that compile with the reference test and not without it; none where more is
    wrong than that."""
    reference = subject.package / subject.test
    if reference not in bench.orphans:
        bench.orphans[reference] = _find_orphans(bench, subject, reference)
    return bench.orphans[reference]


def _find_orphans(bench: Bench, subject: Subject, reference: Path) -> tuple[str, ...]:
    def faults(code: bytes, removed: set[str]) -> set[str]:
        request = GateRequest(subject.package, subject.test, code, tuple(sorted(removed)))
        return {fault.file for fault in check(bench.helper(subject), request).errors}

    if not reference.is_file() or faults(reference.read_bytes(), set()):
        return ()
    siblings, removed = set(subject.test_files()), set[str]()
    while found := faults(_empty(subject), removed):
        if not found & siblings - removed:
            return ()
        removed |= found & siblings
    return tuple(sorted(removed))


def declared_tests(result: GateResult, code: bytes) -> tuple[str, ...]:
    """The candidate's top-level tests; when the gate could not decide, the syntax tree says."""
    if result.infra is None:
        return result.tests
    return tuple(test.name for test in parse(code).tests if test.kind in ("test", "fuzz"))


def refused_by_gate(
    bench: Bench, subject: Subject, result: GateResult, record: Execution, removed: tuple[str, ...]
) -> Execution | None:
    """The record when the gate is sure that the candidate is at fault, else None: then the build is asked,
    whose words say best what is wrong with the environment."""
    if result.ok or result.infra or not result.errors:
        return None
    first = result.errors[0]
    words = "\n".join(
        f"{fault.file}:{fault.line}:{fault.column}: {fault.message}" for fault in result.errors[:20]
    )
    if environment_fault(words, subject.test) or _broken_without(bench, subject, removed, words):
        return None
    rung = "none" if first.rung == "syntax" else "syntax"
    return replace(record, status="BUILD_FAILED", rung=rung, reason=first.kind, evidence=words)


def build_failed(
    bench: Bench, subject: Subject, build: Build, record: Execution, removed: tuple[str, ...], folder: Path
) -> Execution:
    """The record of a candidate that the gate let through and that has no binary all the same.

    That is rare, so it is worth a build without any candidate: when it fails too, this machine is at fault.
    """
    if build.reason == "no-test-files":
        return replace(record, status="NO_TESTS_RAN", reason=build.reason, evidence=build.evidence)
    reason = build.reason
    if not build.infra:
        files = {subject.test: _empty(subject), **dict.fromkeys(removed)}
        empty = compile_test(
            subject,
            files,
            folder,
            sandbox=bench.sandbox,
            place=bench.place,
            options=bench.options,
            cover=True,
        )
        if empty.binary is not None or empty.reason == "no-test-files":
            return replace(record, status="BUILD_FAILED", reason=reason, evidence=build.evidence)
        reason = "package-broken"
    return replace(record, status="INFRA_FAILURE", reason=reason, evidence=build.evidence)


def _broken_without(bench: Bench, subject: Subject, removed: tuple[str, ...], words: str) -> bool:
    """Whether the package fails without any candidate too: then the failure says nothing of the candidate.

    Asked only when an error stands outside the candidate's file, since that is the only hint of it.
    """
    lines = [line for line in words.splitlines() if line.strip() and not line.startswith("#")]
    if all(f"{subject.test}:" in line for line in lines):
        return False
    key = (subject.package / subject.test, ",".join(removed))
    if key not in bench.baselines:
        request = GateRequest(subject.package, subject.test, _empty(subject), removed)
        bench.baselines[key] = bool(check(bench.helper(subject), request).errors)
    return bench.baselines[key]


def _empty(subject: Subject) -> bytes:
    """A test file of the focal file's package with nothing in it."""
    name = package_name((subject.package / subject.focal).read_bytes()) or "main"
    return f"package {name}\n".encode()


def _undefined(result: GateResult) -> set[str]:
    """The names that "undefined: x", "undefined: pkg.X" and "v.m undefined (... method m)" speak of."""
    messages = [fault.message for fault in result.errors if fault.kind == "undefined"]
    return {message.rstrip(")").rpartition(" ")[2].rpartition(".")[2] for message in messages}


def _defining(package: Path, files: Sequence[str], names: set[str]) -> set[str]:
    """Those files that declare one of the names."""
    return {
        file
        for file in files
        if any(names & set(found.names) for found in parse((package / file).read_bytes()).declarations)
    }
