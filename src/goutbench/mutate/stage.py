"""The `mutate` stage: a work tree in; the verdicts of its mutants out."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from goutbench.errors import SourceError
from goutbench.execute.machine import Machine, open_machine
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.execute.workspace.prepare import prepare_modules
from goutbench.mutate.options import MutateOptions
from goutbench.mutate.progress import MutateProgress
from goutbench.mutate.results import MutatedPackage, MutateResult, failures, notices
from goutbench.mutate.source.base import base_package
from goutbench.mutate.source.fingerprint import PackageFingerprints
from goutbench.mutate.source.packages import ListedPackage, MissingModule, list_packages
from goutbench.mutate.source.scope import Scope
from goutbench.mutate.source.selected import check_inside, check_names
from goutbench.mutate.source.tests import PackageTests, read_tests
from goutbench.mutate.source.worktree import WorkTree, open_work_tree
from goutbench.mutate.store import FileStore, VerdictStore, remove_old
from goutbench.mutate.trial.order import ReachedMutant
from goutbench.mutate.trial.package import FileUnderMutation, MutantList, Triage, focal_package, list_mutants
from goutbench.mutate.trial.profile import TestProfile, measure
from goutbench.mutate.trial.schedule import Schedule
from goutbench.records import short_hash

_SALT = b"mutate"
"""Fixed: the tests are the user's own, and equal sources then are in the build cache."""


def mutate(
    folder: Path,
    patterns: Sequence[str],
    options: MutateOptions,
    *,
    workers: int = 1,
    work: Path | None = None,
    go: Path | None = None,
    unsafe: bool = False,
    sandbox: str = "",
    image: str = "",
    progress: MutateProgress | None = None,
) -> MutateResult:
    """Mutate the packages that the patterns name in `folder`, and run their tests against every mutant.

    Raises SourceError where a pattern names no package, the revision of `changed_since` is unknown, or no
    package could be tested; ToolError when no sandbox works here (unless `unsafe`); StorageError when `work`
    cannot be written.
    """
    started, progress = time.monotonic(), progress or MutateProgress()
    progress.step("checking Go and the sandbox")
    machine = open_machine(work=work, go=go, unsafe=unsafe, sandbox=sandbox, image=image)
    deadline = started + options.budget if options.budget else float("inf")
    with ExitStack() as stack:
        progress.step("reading the work tree")
        work_tree = stack.enter_context(open_work_tree(folder, machine.workspace))
        count = max(1, workers)
        threads = [
            stack.enter_context(
                closing(Worker(machine.workspace, machine.sandbox, options.execution, number, _SALT))
            )
            for number in range(count)
        ]
        scope = Scope(options, work_tree)
        run = _Run(machine, work_tree, folder.resolve(), options, progress, deadline, stack, scope)
        return run.result(threads, patterns)


@dataclass
class _Run:
    """One run of the stage. Tasks add to `packages` and `files`."""

    machine: Machine
    work_tree: WorkTree
    folder: Path
    options: MutateOptions
    progress: MutateProgress
    deadline: float
    stack: ExitStack
    scope: Scope
    packages: dict[int, MutatedPackage] = field(default_factory=dict)
    files: dict[tuple[int, int], FileUnderMutation] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def result(self, workers: Sequence[Worker], patterns: Sequence[str]) -> MutateResult:
        listing = self._list(workers[0], patterns)
        selected = [package for package in listing.values() if package.selected]
        check_inside(selected, self.work_tree.seen)
        schedule, prints = (
            Schedule(workers, self.deadline),
            PackageFingerprints(workers[0], self._base, listing),
        )
        for number, package in enumerate(selected):
            if self.scope.sources(package):
                task = partial(self._package, schedule, number, package, prints)
                schedule.add((0, number), task)
        if self.options.cache:
            remove_old([self._folder / name for name in ("verdicts", "profiles", "plans")])
        schedule.run()
        files = [self.files[key].result() for key in sorted(self.files)]
        packages = tuple(self.packages[number] for number in sorted(self.packages))
        untestable = {package.path for package in packages if package.problem}
        testable = [package for package in selected if package.path not in untestable]
        skipped = sum(len(self.scope.sources(package)) for package in testable) - len(files)
        if not skipped and not untestable:
            check_names(self.options, packages, files)
        errors = [f"{package.path}: {package.error}" for package in selected if package.error]
        result = MutateResult(
            str(self.work_tree.root),
            packages,
            tuple(files),
            self.options.redundant,
            (*self._notices(), *notices(packages, files, skipped)),
            (*errors, *failures(packages, files)),
            skipped,
        )
        if packages and all(package.problem for package in packages):
            raise SourceError(
                "no package could be tested: " + "; ".join(result.failures)[:3000],
                where=" ".join(patterns),
                hint="`go test` in the package says more",
            )
        return result

    def _list(self, worker: Worker, patterns: Sequence[str]) -> dict[str, ListedPackage]:
        """The packages, after a download of what they lack."""
        self.progress.step("listing packages")
        base = self._base
        try:
            return list_packages(worker, base, patterns)
        except MissingModule:
            if not self.options.download:
                raise
        self.progress.step("downloading modules")
        toolchain, workspace = self.machine.toolchain, self.machine.workspace
        modules = [] if base.go_work else [base.module]
        works = [base.go_work] if base.go_work else []
        for download in prepare_modules(modules, toolchain, workspace, go_works=works):
            if download.problem:
                hint = "`go mod download` in that module says more"
                raise SourceError(download.problem[-2000:], where=str(download.module), hint=hint)
        return list_packages(worker, base, patterns)

    @cached_property
    def _base(self) -> PackageUnderTest:
        """Where commands run that concern no single file."""
        return base_package(self.machine, self.work_tree, self.folder)

    def _notices(self) -> Iterator[str]:
        """What a reader must know about the work tree."""
        if self.scope.notice:
            yield self.scope.notice
        outer = self.work_tree.outer_go_work()
        if outer is not None and self._base.go_work is None:
            yield f"{outer} is not followed, since it is outside of the repository"

    @property
    def _folder(self) -> Path:
        return self.machine.workspace.root / "mutants"

    @cached_property
    def _profiles(self) -> FileStore[TestProfile]:
        return FileStore(self._folder / "profiles", TestProfile)

    @cached_property
    def _plans(self) -> FileStore[MutantList]:
        return FileStore(self._folder / "plans", MutantList)

    # ── tasks ─────────────────────────────────────────────────────────────────────────────────────

    def _package(
        self,
        schedule: Schedule,
        number: int,
        package: ListedPackage,
        prints_of: PackageFingerprints,
        worker: Worker,
    ) -> None:
        """Measure what the tests of a package reach, and add the tasks of its files."""
        self.progress.step(f"running the tests of {package.path}, each alone")
        tests = read_tests(package)
        template = focal_package(package, self._base, "")
        prints = prints_of.of(package, tests)
        names = [test.name for test in tests.tests if self.options.test_pattern.search(test.name)]
        profile = self._profile(worker, template, prints.content, names)
        if profile is None:  # its files count as those that the budget did not reach
            return
        with self.lock:
            self.packages[number] = self._record(package, tests, names, profile)
        if profile.problem:
            return
        verdicts, by_rank = self._verdicts(package), self.options.budget > 0
        triage = Triage(profile, tests, prints, verdicts, self.options.redundant, by_rank)
        for index, name in enumerate(self.scope.sources(package)):
            task = partial(self._file, schedule, (number, index), package, name, triage)
            schedule.add((0, number, index), task)

    def _file(
        self,
        schedule: Schedule,
        key: tuple[int, int],
        package: ListedPackage,
        name: str,
        triage: Triage,
        worker: Worker,
    ) -> None:
        """Find the mutants of a file, and add the tasks that run them."""
        base = focal_package(package, self._base, name)
        path = (package.folder / name).relative_to(self.work_tree.seen).as_posix()
        self.progress.step(f"finding the mutants of {path}")
        listed, plan = list_mutants(worker, base, triage.fingerprint.code, self._plans)
        file = FileUnderMutation(base, path, package.path, base.focal_source, listed, plan)
        triage.prepare(worker, file, self.scope.mutants(package, name, file.source, listed.mutants))
        with self.lock:
            self.files[key] = file
        self.progress.expect(sum(len(batch) for _, batch in file.batches))
        if file.trial is not None:
            self.stack.callback(file.trial.close)
            self._add(schedule, key, file, triage, 0)

    def _add(
        self, schedule: Schedule, key: tuple[int, int], file: FileUnderMutation, triage: Triage, at: int
    ) -> None:
        """Add the task of one batch. With a budget, those of higher ranks wait until all files had theirs."""
        rank, batch = file.batches[at]
        task = partial(self._batch, schedule, key, file, triage, at, batch)
        schedule.add((rank if self.options.budget else 0, *key, at), task)

    def _batch(
        self,
        schedule: Schedule,
        key: tuple[int, int],
        file: FileUnderMutation,
        triage: Triage,
        at: int,
        batch: Sequence[ReachedMutant],
        worker: Worker,
    ) -> None:
        self.progress.step(f"running mutants of {file.path}")
        self.progress.add(triage.run_batch(worker, file, batch, self.deadline))
        if at == 0:  # the first batch has built the binary
            for further in range(1, len(file.batches)):
                self._add(schedule, key, file, triage, further)

    # ── parts of tasks ────────────────────────────────────────────────────────────────────────────

    def _profile(
        self, worker: Worker, template: PackageUnderTest, content: str, names: Sequence[str]
    ) -> TestProfile | None:
        """What the tests reach; where nothing has changed since an earlier run, as that has measured it. None
        where the budget is spent before."""
        key = short_hash("profile", content, *names)
        stored = self._profiles.find(key) if self.options.cache else None
        if stored is not None:
            return stored
        profile = measure(worker, template, names, self.deadline)
        if profile is not None and not profile.problem and not profile.omitted:
            self._profiles.add(key, profile)
        return profile

    def _record(
        self, package: ListedPackage, tests: PackageTests, names: Sequence[str], profile: TestProfile
    ) -> MutatedPackage:
        used = tuple(test for test in tests.tests if test.name in names)
        folder = package.folder.relative_to(self.work_tree.seen).as_posix()
        omitted, attributed = profile.omitted, not profile.together
        return MutatedPackage(package.path, folder, used, omitted, attributed, profile.problem)

    def _verdicts(self, package: ListedPackage) -> VerdictStore | None:
        if not self.options.cache:
            return None
        store = VerdictStore(self._folder / "verdicts" / f"{short_hash(package.path)}.jsonl")
        self.stack.callback(store.close)
        return store
