"""The files of a work tree with what their package's own tests miss, as records like those of candidates."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from goutbench.errors import SourceError
from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.build import branch_plan, compile_without
from goutbench.execute.ladder.coverage import EMPTY, Coverage, merge
from goutbench.execute.ladder.mutants.score import MutantResult
from goutbench.execute.ladder.record import empty_record
from goutbench.execute.ladder.runs import CompiledTest, run_tests
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import Overlay, PackageUnderTest
from goutbench.golang.toolchain.branches import count_branches
from goutbench.mutate.results import MutatedPackage, MutateResult
from goutbench.mutate.source.fingerprint import PackageFingerprints
from goutbench.mutate.source.packages import ListedPackage, imported_by
from goutbench.mutate.source.tests import read_tests
from goutbench.records import REFERENCE, Execution, Mutation, Status, short_hash
from goutbench.write.adding import within
from goutbench.write.files import EMPTY_TEST, FileUnderTest, empty_test
from goutbench.write.need import functions_in_scope, lines_of

_EMPTY_FILE = "goutbench_empty_test.go"


def files_under_test(
    worker: Worker, base: PackageUnderTest, listing: Mapping[str, ListedPackage], mutated: MutateResult
) -> list[FileUnderTest]:
    """The files that have mutants in scope. Raises SourceError where a file has changed since."""
    prints = PackageFingerprints(worker, base, listing)
    packages = {package.path: package for package in mutated.packages}
    files, versions = [], dict[str, str]()
    for file in mutated.files:
        functions = functions_in_scope(file.source, (tested.mutant for tested in file.mutants))
        if file.problem or not functions:
            continue
        if file.package not in listing:
            raise SourceError("the package is gone", where=file.package, hint="run the command again")
        listed = listing[file.package]
        if file.package not in versions:
            versions[file.package] = _version(prints, listed, listing)
        name = Path(file.path).name
        tree = replace(base.tree, revision=versions[file.package])
        package = replace(base, tree=tree, folder=listed.folder, focal=name, test=_free_name(listed, name))
        if package.focal_source != file.source:
            raise changed(file.path)
        names = _passing(packages[file.package])
        files.append(FileUnderTest(file.path, package, listed, file, names, functions))
    return files


def changed(path: str) -> SourceError:
    """The error for a file that somebody changes during a run."""
    what = "the file was changed since its tests were measured"
    return SourceError(what, where=path, hint="run the command again")


def _passing(package: MutatedPackage) -> tuple[str, ...]:
    return tuple(test.name for test in package.tests if test.name not in package.omitted)


def _free_name(listed: ListedPackage, focal: str) -> str:
    name = f"{focal.removesuffix('.go')}_goutbench_test.go"
    while (listed.folder / name).exists():
        name = f"{name.removesuffix('_test.go')}_new_test.go"
    return name


def _version(prints: PackageFingerprints, listed: ListedPackage, listing: Mapping[str, ListedPackage]) -> str:
    """What results of the package's tests depend on, with all code of the work tree that they import."""
    own = prints.of(listed, read_tests(listed)).content
    imported = (package for package in imported_by(listed, listing) if not package.module[1])
    files = [package.folder / name for package in imported for name in (*package.sources, *package.further)]
    return short_hash(own, *(hashlib.sha256(path.read_bytes()).hexdigest() for path in files))


# ── what they miss ────────────────────────────────────────────────────────────────────────────────


def existing_key(worker: Worker, file: FileUnderTest) -> str:
    """The identity of what the package's own tests cover of a file."""
    package, options = file.package, worker.options
    parts = (file.path, *file.names, package.toolchain.version, worker.sandbox.name, repr(options))
    return short_hash(REFERENCE, package.tree.revision, *parts)


def measure_existing(worker: Worker, file: FileUnderTest) -> Execution:
    """The statements and branches of a file that the package's own tests miss."""
    key, worker = existing_key(worker, file), worker.for_repository(file.package)
    coverage = _coverage(worker, file)
    counted = count_branches(branch_plan(worker, file.package), coverage.outcomes)
    return replace(
        empty_record(text_candidate(file.path, REFERENCE, ""), key, worker.options),
        status=Status.PASSED, statements=coverage.statements, covered=coverage.covered,
        uncovered=coverage.unreached,
        branches=counted.total if counted else None,
        branches_covered=counted.covered if counted else None,
        uncovered_branches=counted.missed if counted else (),
    )  # fmt: skip


def in_scope(record: Execution, file: FileUnderTest) -> Execution:
    """What was measured of a file, in its functions in scope and with the verdicts of their mutants."""
    verdicts = tuple(
        MutantResult(tested.mutant, tested.status).verdict()
        for tested in file.mutated.mutants
        if tested.status is not None
    )
    mutation = Mutation(len(verdicts), 0, 0, 0, 0, 0, None, None, None, mutants=verdicts)
    return within(replace(record, mutation=mutation), lines_of(file.source, file.functions))


def _coverage(worker: Worker, file: FileUnderTest) -> Coverage:
    """What the package's own tests cover, in one run and one in shuffled order together, with an empty test
    beside them: what initialisation reaches is covered without any test, too."""
    package, folder = replace(file.package, test=""), worker.workspace.scratch_folder("run")
    try:
        overlay: Overlay = {_EMPTY_FILE: empty_test(file.source).encode()}
        build = compile_without(worker, package, overlay, folder, branches=True)
        if build.binary is None or not build.cover:
            return EMPTY
        names = (*file.names, EMPTY_TEST)
        test = CompiledTest(
            worker, package, build.binary, folder, names, build.cover, build.branches, reference=True
        )
        return merge(run_tests(test, cover=True, shuffle=seed).coverage for seed in range(2))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
