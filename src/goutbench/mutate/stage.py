"""The `mutate` stage: a work tree in; the verdicts of its mutants out."""

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from goutbench.errors import SourceError
from goutbench.execute.finder import PackageFinder
from goutbench.execute.machine import Machine, open_machine
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.execute.workspace.prepare import prepare_modules
from goutbench.golang.syntax.header import is_generated
from goutbench.golang.toolchain.mutation import Mutant
from goutbench.mutate.options import MutateOptions
from goutbench.mutate.progress import MutateProgress
from goutbench.mutate.results import MutatedFile, MutatedPackage, MutateResult
from goutbench.mutate.source.changes import Changes
from goutbench.mutate.source.fingerprint import fingerprint
from goutbench.mutate.source.packages import ListedPackage, MissingModule, list_packages
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
    progress: MutateProgress | None = None,
) -> MutateResult:
    """Mutate the packages that the patterns name in `folder`, and run their tests against every mutant.

    Raises SourceError where a pattern names no package, the revision of `changed_since` is unknown, or no
    package could be tested; ToolError when no sandbox works here (unless `unsafe`); StorageError when `work`
    cannot be written.
    """
    started, progress = time.monotonic(), progress or MutateProgress()
    progress.step("checking Go and the sandbox")
    machine = open_machine(work=work, go=go, unsafe=unsafe, sandbox=sandbox)
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
        run = _Run(machine, work_tree, folder.resolve(), options, progress, deadline, stack)
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
    packages: dict[int, MutatedPackage] = field(default_factory=dict)
    files: dict[tuple[int, int], FileUnderMutation] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def result(self, workers: Sequence[Worker], patterns: Sequence[str]) -> MutateResult:
        listing = self._list(workers[0], patterns)
        selected = [package for package in listing.values() if package.selected]
        schedule = Schedule(workers, self.deadline)
        for number, package in enumerate(selected):
            if self._sources(package):
                task = partial(self._package, schedule, number, package, listing)
                schedule.add((0, number), task)
        if self.options.cache:
            remove_old([self._folder / name for name in ("verdicts", "profiles", "plans")])
        schedule.run()
        files = [self.files[key].result() for key in sorted(self.files)]
        notices = self._notices(files, selected)
        packages = tuple(self.packages[number] for number in sorted(self.packages))
        result = MutateResult(
            str(self.work_tree.root), packages, tuple(files), self.options.redundant, notices
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
                raise SourceError(download.problem[-2000:], where=str(download.module))
        return list_packages(worker, base, patterns)

    @cached_property
    def _base(self) -> PackageUnderTest:
        """Where commands run that concern no single file."""
        tree, folder = self.work_tree.tree, self.work_tree.inside(self.folder)
        toolchain, go_work = PackageFinder(self.machine, Path(), {}).go_work(tree, folder)
        return PackageUnderTest(tree, folder, "", "", toolchain, go_work)

    @property
    def _folder(self) -> Path:
        return self.machine.workspace.root / "mutants"

    @cached_property
    def _profiles(self) -> FileStore[TestProfile]:
        return FileStore(self._folder / "profiles", TestProfile)

    @cached_property
    def _plans(self) -> FileStore[MutantList]:
        return FileStore(self._folder / "plans", MutantList)

    @cached_property
    def _changes(self) -> Changes | None:
        revision = self.options.changed_since
        return Changes(self.work_tree, revision) if revision else None

    def _sources(self, package: ListedPackage) -> dict[str, bytes]:
        """The sources that may have mutants in scope, by base name; nothing that was generated."""
        if package.error or not package.folder.is_relative_to(self.work_tree.seen):
            return {}
        sources = {name: (package.folder / name).read_bytes() for name in package.sources}
        sources = {name: text for name, text in sources.items() if not is_generated(text)}
        if self._changes is not None:
            changes, folder = self._changes, package.folder
            sources = {name: text for name, text in sources.items() if changes.lines(folder / name, text)}
        return sources

    # ── tasks ─────────────────────────────────────────────────────────────────────────────────────

    def _package(
        self,
        schedule: Schedule,
        number: int,
        package: ListedPackage,
        listing: Mapping[str, ListedPackage],
        worker: Worker,
    ) -> None:
        """Measure what the tests of a package reach, and add the tasks of its files."""
        self.progress.step(f"running the tests of {package.path}, each alone")
        tests = read_tests(package)
        template = focal_package(package, self._base, "")
        prints = fingerprint(worker, template, package, tests, listing)
        names = [test.name for test in tests.tests if self.options.test_pattern.search(test.name)]
        profile = self._profile(worker, template, prints.content, names)
        with self.lock:
            self.packages[number] = self._record(package, tests, names, profile)
        if profile.problem:
            return
        triage = Triage(profile, tests, prints, self._verdicts(package), self.options.redundant)
        for index, name in enumerate(self._sources(package)):
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
        listed, plan = list_mutants(worker, base, triage.fingerprint.shape, self._plans)
        file = FileUnderMutation(base, path, package.path, base.focal_source, listed, plan)
        triage.prepare(worker, file, self._scope(file))
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
    ) -> TestProfile:
        """What the tests reach; where nothing has changed since an earlier run, as that has measured it."""
        key = short_hash("profile", content, *names)
        stored = self._profiles.find(key) if self.options.cache else None
        if stored is not None:
            return stored
        profile = measure(worker, template, names)
        if not profile.problem and not profile.omitted:
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

    def _scope(self, file: FileUnderMutation) -> list[Mutant]:
        """The mutants that the options select."""
        mutants = [
            mutant for mutant in file.listed.mutants if self.options.function_pattern.search(mutant.function)
        ]
        if self._changes is None:
            return mutants
        lines = self._changes.lines(file.package.folder / file.package.focal, file.source)
        return [item for item in mutants if lines.intersection(range(item.line, item.end_line + 1))]

    def _notices(self, files: Sequence[MutatedFile], selected: Sequence[ListedPackage]) -> tuple[str, ...]:
        """What a reader must know about the numbers."""
        notices = [f"{package.path}: {package.error}" for package in selected if package.error]
        notices += [f"{file.path}: {file.problem}" for file in files if file.problem]
        for package in self.packages.values():
            if package.omitted:
                names = ", ".join(package.omitted)
                notices.append(
                    f"{package.path}: left out, because they fail or do not run without a mutant: {names}"
                )
            if not package.attributed:
                notices.append(f"{package.path}: some tests need the others, so all run for every mutant")
        mutants = [mutant for file in files for mutant in file.mutants]
        waiting = sum(mutant.status is None and not mutant.reason for mutant in mutants)
        skipped = len([package for package in selected if self._sources(package)]) - len(self.packages)
        if waiting or skipped:
            more = f", and {skipped} packages" if skipped else ""
            notices.append(f"not run within the budget: {waiting} mutants{more}; the same command goes on")
        for reason in dict.fromkeys(m.reason for m in mutants if m.status is None and m.reason):
            count = sum(mutant.reason == reason for mutant in mutants)
            notices.append(f"{count} mutants without a verdict: {reason}")
        cached = sum(mutant.cached for mutant in mutants)
        if cached:
            notices.append(
                f"{cached} of {len(mutants)} verdicts are those of earlier runs; --no-cache runs all again"
            )
        return tuple(notices)
