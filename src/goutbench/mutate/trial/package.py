"""The tasks of one package: what its tests reach, the mutants of its files, and their runs in batches."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from goutbench.execute.ladder.mutants.score import mutation_plan
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.syntax.file import Declaration, GoFile
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.mutation import Mutant, MutationPlan
from goutbench.mutate.results import MutatedFile, TestedMutant
from goutbench.mutate.source.fingerprint import Fingerprint
from goutbench.mutate.source.packages import ListedPackage
from goutbench.mutate.source.tests import PackageTests
from goutbench.mutate.store import FileStore, VerdictStore, verdict_key
from goutbench.mutate.trial.order import Killers, ReachedMutant, informative_first
from goutbench.mutate.trial.profile import TestProfile, reach_of
from goutbench.mutate.trial.runs import MutantTrial
from goutbench.records import MutantStatus, short_hash

_FIRST_BATCH, _BATCH = 8, 64


@dataclass(frozen=True, slots=True)
class MutantList:
    """The mutants of a file without the code that holds them, as they are stored; `problem` as in a plan."""

    mutants: tuple[Mutant, ...]
    not_viable: int
    problem: str


@dataclass(slots=True)
class FileUnderMutation:
    """A file whose mutants are tested. `results` grows with every batch, by the mutants' ids."""

    package: PackageUnderTest
    path: str
    import_path: str
    source: bytes
    listed: MutantList
    plan: MutationPlan | None
    results: dict[int, TestedMutant] = field(default_factory=dict)
    batches: list[tuple[int, list[ReachedMutant]]] = field(default_factory=list)
    keys: dict[int, str] = field(default_factory=dict)
    trial: MutantTrial | None = None
    waiting: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def result(self) -> MutatedFile:
        """The record, with the mutants in source order; those without a result were not run."""
        mutants = tuple(self.results[number] for number in sorted(self.results))
        problem = self.listed.problem or (self.trial.problem if self.trial else "")
        return MutatedFile(self.path, self.import_path, self.source, mutants, self.listed.not_viable, problem)


def list_mutants(
    worker: Worker, package: PackageUnderTest, code: str, store: FileStore[MutantList]
) -> tuple[MutantList, MutationPlan | None]:
    """The mutants of the focal file, from the store if they are there, else with their plan. They depend on
    all `code` of the package: whether the call of a function matters is in its body."""
    source = package.focal_source
    key = short_hash("plan", code, package.focal, source.decode("utf-8", "surrogateescape"))
    listed = store.find(key)
    if listed is not None:
        return listed, None
    plan = mutation_plan(worker, package, worker.options.ignore_texts)
    if plan.infra:
        return MutantList((), 0, plan.infra), plan
    listed = MutantList(plan.mutants, len(plan.not_viable), plan.reason or "")
    store.add(key, listed)
    return listed, plan


def declaration_of(file: GoFile, mutant: Mutant) -> Declaration | None:
    """The declaration that a mutant changes."""
    inside = (item for item in file.declarations if item.node_start <= mutant.start < item.node_end)
    return next(inside, None)


@dataclass(frozen=True, slots=True)
class Triage:
    """Decides which mutants of a package's files run: those in scope and reached, without a verdict that
    still holds. `by_rank`: there may not be time for all, so batches begin with the most informative ones."""

    profile: TestProfile
    tests: PackageTests
    fingerprint: Fingerprint
    verdicts: VerdictStore | None
    redundant: bool
    by_rank: bool

    def prepare(self, worker: Worker, file: FileUnderMutation, scope: Sequence[Mutant]) -> None:
        """Give each mutant in scope a result or a place in a batch."""
        reach, syntax = reach_of(worker, file.package, self.profile), parse(file.source)
        hashes = self.tests.hashes()
        killers = Killers(self.profile.breadth())
        pending: list[ReachedMutant] = []
        for mutant in scope:
            tests = reach.of(mutant.line, mutant.column)
            if not tests:
                file.results[mutant.id] = TestedMutant(mutant, MutantStatus.NO_COVERAGE)
                continue
            key = verdict_key(self.fingerprint.shape, syntax, declaration_of(syntax, mutant), mutant)
            file.keys[mutant.id] = key
            reaching = {name: hashes[name] for name in tests}
            stored = self.verdicts and self.verdicts.find(key, reaching, complete=self.redundant)
            if stored:
                result = TestedMutant(
                    mutant,
                    MutantStatus(stored.status),
                    tests,
                    stored.killers,
                    cached=True,
                    seconds=stored.seconds,
                )
                file.results[mutant.id] = result
                killers.add(mutant.function, stored.killers)
            else:
                file.results[mutant.id] = TestedMutant(mutant, None, tests)
                pending.append(ReachedMutant(mutant, tests))
        file.batches = list(_batches(informative_first(pending), by_rank=self.by_rank))
        file.waiting = len(file.batches)
        if pending and file.plan is None:
            file.plan = mutation_plan(worker, file.package, worker.options.ignore_texts)
        if pending and file.plan is not None:
            reached = {name for item in pending for name in item.tests}
            used = tuple(name for name in self.profile.tests if name in reached)
            file.trial = MutantTrial(file.package, file.plan, self.profile, killers, self.redundant, used)

    def run_batch(
        self, worker: Worker, file: FileUnderMutation, batch: Sequence[ReachedMutant], deadline: float
    ) -> list[TestedMutant]:
        """Run mutants, and store their verdicts."""
        assert file.trial is not None
        results = file.trial.run(worker, batch, deadline)
        if file.package.focal_source != file.source:
            reason = "the file was changed while its mutants ran"
            results = [replace(result, status=None, reason=reason) for result in results]
        hashes = self.tests.hashes()
        with file.lock:
            for result in results:
                file.results[result.mutant.id] = result
                if self.verdicts is not None:
                    key = file.keys[result.mutant.id]
                    self.verdicts.add(key, result, hashes, complete=self.redundant)
            file.waiting -= 1
            if not file.waiting:
                file.trial.close()
        return results


def _batches(
    ordered: Sequence[tuple[int, ReachedMutant]], *, by_rank: bool
) -> Iterator[tuple[int, list[ReachedMutant]]]:
    """The mutants in batches, each with the rank of its first mutant: a small batch first, which shows
    something soon. With `by_rank`, no batch has both a mutant and one of at least twice its rank and one."""
    start, size = 0, _FIRST_BATCH
    while start < len(ordered):
        rank = ordered[start][0]
        part = ordered[start : start + size]
        if by_rank:
            part = [entry for entry in part if entry[0] <= 2 * rank]
        yield rank, [reached for _, reached in part]
        start, size = start + len(part), _BATCH


def focal_package(package: ListedPackage, template: PackageUnderTest, name: str) -> PackageUnderTest:
    """A package with one of its files as the focal one."""
    return replace(template, folder=Path(package.folder), focal=name)
