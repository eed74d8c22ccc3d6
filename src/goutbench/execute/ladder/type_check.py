"""The second step: parse and type-check the candidate in its package, without a build."""

from collections.abc import Collection
from dataclasses import dataclass

from goutbench.execute.ladder.faults import environment_fault
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, empty_test
from goutbench.golang.analysis.test_entries import is_run
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.typecheck import TypecheckRequest, TypecheckResult, typecheck
from goutbench.records import Rung


@dataclass(frozen=True, slots=True)
class TypeFailure:
    """Why a candidate does not type-check: reason and evidence, and the rung that it still reached."""

    rung: Rung
    reason: str
    evidence: str


def check_types(
    worker: Worker, package: PackageUnderTest, code: bytes, needed: Collection[str] = ()
) -> tuple[tuple[str, ...], TypecheckResult]:
    """Type-check the candidate; returns the sibling test files to leave out, and the result.

    The mode `all` leaves out none but those that do not compile without the test file that the candidate
    replaces, because they use its helpers. The mode `needed` starts without siblings, and adds those that
    define what is undefined, and what these need, but none that needs the replaced file. In both modes that
    leave files out, those in `needed` stay, with what they need.
    """
    siblings, mode = package.sibling_tests(), "needed" if needed else worker.options.siblings
    orphans: tuple[str, ...] = ()
    removed = () if mode == "all" else tuple(name for name in siblings if name not in needed)
    while True:
        result = _check(worker, package, code, removed)
        outside = any(fault.file != package.test for fault in result.errors)
        if mode == "all" and not removed and outside and (removed := worker.once(_orphans, package)):
            continue
        if mode != "needed" or result.ok:
            return removed, result
        # messages: "undefined: x", "undefined: pkg.X", "v.m undefined (type T has no field or method m)"
        messages = [fault.message for fault in result.errors if fault.kind == "undefined"]
        names = {message.rstrip(")").rpartition(" ")[2].rpartition(".")[2] for message in messages}
        added = {
            file
            for file in removed
            if file not in orphans
            for declaration in parse((package.folder / file).read_bytes()).declarations
            if names & set(declaration.names)
        }
        if not added and outside and not orphans and (orphans := worker.once(_orphans, package)):
            removed = tuple(name for name in siblings if name not in needed or name in orphans)
            continue
        if not added:
            return removed, result
        removed = tuple(name for name in removed if name not in added)


def declared_tests(result: TypecheckResult, code: bytes) -> tuple[str, ...]:
    """The candidate's tests, fuzz targets and examples with output; by the syntax alone if the type check had
    no result."""
    if result.infra is None:
        return result.tests
    file = parse(code)
    return tuple(test.name for test in file.tests if is_run(file, test))


def type_failure(
    worker: Worker, package: PackageUnderTest, result: TypecheckResult, removed: tuple[str, ...]
) -> TypeFailure | None:
    """The failure if the candidate is certainly at fault, else None: then the build decides, because its
    errors describe a fault of the environment best."""
    if result.ok or result.infra or not result.errors:
        return None
    first = result.errors[0]
    messages = [f"{fault.file}:{fault.line}:{fault.column}: {fault.message}" for fault in result.errors[:20]]
    evidence = "\n".join(messages)
    if environment_fault(evidence, package.test):
        return None
    lines = [line for line in evidence.splitlines() if line.strip() and not line.startswith("#")]
    own = all(f"{package.test}:" in line for line in lines)
    # an error outside of the candidate is the only sign that the package fails without any candidate, too
    if not own and worker.once(_broken, package, removed):
        return None
    rung = Rung.NONE if first.rung == Rung.SYNTAX else Rung.SYNTAX
    return TypeFailure(rung, first.kind, evidence)


def type_checks(worker: Worker, package: PackageUnderTest, code: bytes, removed: tuple[str, ...]) -> bool:
    """Whether the package may build with this test file; the build decides where the type check cannot."""
    return not _check(worker, package, code, removed).errors


def _check(
    worker: Worker, package: PackageUnderTest, code: bytes, removed: tuple[str, ...]
) -> TypecheckResult:
    flags = worker.options.build_flags
    request = TypecheckRequest(package.folder, package.test, code, removed, flags, package.go_work)
    return typecheck(worker.helper(package), request)


def _broken(worker: Worker, package: PackageUnderTest, removed: tuple[str, ...]) -> bool:
    """Whether the package has errors without any candidate."""
    return bool(_check(worker, package, empty_test(package), removed).errors)


def _orphans(worker: Worker, package: PackageUnderTest) -> tuple[str, ...]:
    """The sibling test files that compile with the reference test and not without it; none where there are
    further errors."""

    def faulty(code: bytes, removed: set[str]) -> set[str]:
        return {fault.file for fault in _check(worker, package, code, tuple(sorted(removed))).errors}

    reference = package.folder / package.test
    if not reference.is_file() or faulty(reference.read_bytes(), set()):
        return ()
    siblings, removed = set(package.sibling_tests()), set[str]()
    while files := faulty(empty_test(package), removed):
        if not files & siblings - removed:
            return ()
        removed |= files & siblings
    return tuple(sorted(removed))
