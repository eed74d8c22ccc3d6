"""The `write` stage: a work tree, its mutants and a model in; a patch with tests that add something out."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from goutbench.chunk.tokens import token_counter
from goutbench.config import Price
from goutbench.dataset.journal import Journal
from goutbench.errors import ConfigError, GoutbenchError
from goutbench.execute.journal import open_journal as open_executions
from goutbench.execute.ladder.climb import climb
from goutbench.execute.machine import Machine, open_machine
from goutbench.execute.pool import WorkerPool
from goutbench.execute.reward.addition import Addition
from goutbench.execute.units import ExecutionJob
from goutbench.execute.worker import Worker
from goutbench.generate.complete import Completer, open_journal
from goutbench.generate.tuned import with_weights_revision
from goutbench.inference.calls import OVERFLOW, Connection
from goutbench.inference.models import Server, open_model
from goutbench.locations import workspace_folder
from goutbench.mutate.results import MutateResult
from goutbench.mutate.source.base import base_package
from goutbench.mutate.source.packages import list_packages
from goutbench.mutate.source.worktree import WorkTree, open_work_tree
from goutbench.prompts.cross_file import PackageIndex
from goutbench.records import MODEL_ERROR, Completion, Execution, short_hash
from goutbench.rounds.budget import Budget
from goutbench.write.adding import reduced
from goutbench.write.asking.request import Asking
from goutbench.write.asking.subjects import outlines_of, subject_of
from goutbench.write.course import Rounds
from goutbench.write.existing import (
    changed,
    existing_key,
    files_under_test,
    in_scope,
    measure_existing,
)
from goutbench.write.files import FileUnderTest
from goutbench.write.judge import CandidateJudge, ShowProgress, Together, nothing_shown, run_together
from goutbench.write.merge.package import AcceptedTest, MergedPackage, merged_package
from goutbench.write.merge.patch import patch_of
from goutbench.write.need import most_needed, needs_of
from goutbench.write.options import WriteOptions
from goutbench.write.reply import tests_of
from goutbench.write.results import ChangedFile, Target, WriteResult, WrittenTest
from goutbench.write.state import FileState, FunctionCourse, JudgedTest

Report = Callable[[str], None]


def write(
    folder: Path,
    patterns: Sequence[str],
    measure: Callable[[], MutateResult],
    model: str,
    options: WriteOptions,
    *,
    out: Path | None = None,
    price: Price | None = None,
    server: Server | None = None,
    workers: int = 1,
    work: Path | None = None,
    go: Path | None = None,
    unsafe: bool = False,
    sandbox: str = "",
    image: str = "",
    show: ShowProgress = nothing_shown,
    report: Report = lambda line: None,
) -> WriteResult:
    """Have a model write tests for the packages that the patterns name in `folder`.

    `measure` calls `mutate` on them, with the same execution options: its mutants are the scope, and only
    what its tests miss counts. The work tree stays as it is: `merge.patch.apply` writes the files of the
    result. `out` has the journals of calls and executions (None: a folder in the workspace): the same call
    after a kill repeats none of them. `report` gets a line as a step begins, `show` shows executions. Raises
    what `mutate` and `generate` raise; SourceError where a file changes meanwhile.
    """
    if options.max_cost and price is None:
        raise ConfigError("a limit of cost needs prices", where="--max-cost", hint="give --price FILE")
    out, server = out or run_folder(folder, model, work), server or Server()
    opened = open_model(model, server, temperature=options.generation.temperature)  # before what takes long
    connection, mutated = Connection(opened, out / "logs", server.display), measure()
    machine = open_machine(work=work, go=go, unsafe=unsafe, sandbox=sandbox, image=image)
    with ExitStack() as stack:
        work_tree = stack.enter_context(open_work_tree(folder, machine.workspace))
        executions = stack.enter_context(open_executions(out))
        executions.open()
        judging = options.judging
        listing_worker = Worker(machine.workspace, machine.sandbox, judging, 0, secrets.token_bytes(16))
        with closing(listing_worker):
            base = base_package(machine, work_tree, folder.resolve())
            listing = list_packages(listing_worker, base, patterns)
            files = files_under_test(listing_worker, base, listing, mutated)
        pool = stack.enter_context(closing(_pool(machine, options, files, max(1, workers))))
        run = _Run(
            work_tree, CandidateJudge(machine, judging, pool, executions, show), options, out, model, price,
            connection, report,
        )  # fmt: skip
        return run.result(files, mutated)


def run_folder(folder: Path, model: str, work: Path | None) -> Path:
    """The folder of a run without `out`: outside of the work tree, one for each folder and model."""
    return workspace_folder(work) / "write" / short_hash(str(folder.resolve()), model)


def _pool(
    machine: Machine, options: WriteOptions, files: Sequence[FileUnderTest], workers: int
) -> WorkerPool:
    empty = [file.empty_candidate() for file in files]
    jobs = [ExecutionJob(n, file.package, empty[n]) for n, file in enumerate(files)]
    packages = [job.package for job in sorted(jobs, key=lambda job: job.order)]
    pool = WorkerPool(machine, options.judging, workers, climb)
    pool.expect(packages)
    return pool


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of the stage."""

    work_tree: WorkTree
    judge: CandidateJudge
    options: WriteOptions
    out: Path
    model: str
    price: Price | None
    connection: Connection
    report: Report

    def result(self, files: Sequence[FileUnderTest], mutated: MutateResult) -> WriteResult:
        self.report(f"measuring what the tests of {len(files)} files miss")
        states = self._states(files)
        needs = []
        for state in states:
            file = state.file
            lacking = [n for n in needs_of(file.path, file.source, file.functions, state.before) if n.missing]
            needs += lacking  # mutants of the others need not run
            state.file = replace(file, functions=tuple(need.function for need in lacking))
        chosen, unasked = most_needed(needs, self.options.limit)
        state_of = {state.file.path: state for state in states}
        courses = [FunctionCourse(need, state_of[need.path]) for need in chosen]
        result = WriteResult(
            str(self.work_tree.root), self.model, (), (), (), b"", unasked,
            notices=mutated.notices, failures=mutated.failures,
        )  # fmt: skip
        if not courses:
            return result
        options = replace(self.options, generation=with_weights_revision(self.options.generation, self.model))
        with open_journal(self.out) as journal:
            journal.open()
            rounds = self._rounds(courses, options, journal)
            judged = rounds.run(self.options.rounds)
        self._check_answers(rounds)
        result = replace(
            result, calls=rounds.budget.calls, tokens=rounds.budget.tokens, cost=round(rounds.budget.cost, 6)
        )
        return self._merged(result, courses, judged)

    def _states(self, files: Sequence[FileUnderTest]) -> list[FileState]:
        """What today's tests miss of each file; where there are none, what initialisation misses."""
        records = [in_scope(record, file) for record, file in zip(self._measured(files), files, strict=True)]
        bare = [number for number, file in enumerate(files) if not file.names]
        jobs = [(files[number].package, files[number].empty_candidate()) for number in bare]
        for number, record in zip(bare, self.judge.execute(jobs), strict=True):
            records[number] = reduced(records[number], record)
        name = self.work_tree.root.name
        return [FileState(file, subject_of(file, name), r) for file, r in zip(files, records, strict=True)]

    def _measured(self, files: Sequence[FileUnderTest]) -> list[Execution]:
        """What the packages' own tests cover of the files, from the journal where an earlier run knows it: so
        chance does not change what a resumed run asks."""
        judge, worker = self.judge, self.judge.pool.workers[0]
        keys = [existing_key(worker, file) for file in files]
        records = {key: record for key in keys if (record := judge.journal.find(key)) is not None}
        new = [file for key, file in zip(keys, files, strict=True) if key not in records]
        for record in judge.map(measure_existing, new):
            records[record.id] = record
            if record.statements:
                judge.journal.add(record.id, record)
        return [records[key] for key in keys]

    def _rounds(
        self, courses: Sequence[FunctionCourse], options: WriteOptions, journal: Journal[Completion]
    ) -> Rounds:
        generation = options.generation
        files = {c.state.file.listed.path: c.state.file for c in courses}.values()
        name = self.work_tree.root.name
        index = PackageIndex(outline for file in files for outline in outlines_of(file, name))
        asking = Asking(
            token_counter(generation.tokenizer), index, generation.budget, generation.cross_file_tokens
        )
        return Rounds(
            courses, Completer(self.connection, generation, journal, self.price),
            Budget(options, generation.max_tokens, self.price), asking, tests_of, self.judge.execute,
            self.report,
        )  # fmt: skip

    def _check_answers(self, rounds: Rounds) -> None:
        """Raises GoutbenchError where the model answered no call."""
        failed = [reply for reply in rounds.completions if reply.error in (MODEL_ERROR, OVERFLOW)]
        if failed and len(failed) == len(rounds.completions):
            detail = next((reply.detail for reply in failed if reply.detail), failed[0].error)
            hint = "check the server, its address and the key; the same command asks again"
            raise GoutbenchError(f"the model answered no call: {detail}", where=self.model, hint=hint)

    # ── the patch ─────────────────────────────────────────────────────────────────────────────────

    def _merged(
        self, result: WriteResult, courses: Sequence[FunctionCourse], judged: Sequence[JudgedTest]
    ) -> WriteResult:
        """The result with all tests, and the test files with those that were accepted."""
        states = list({c.state.file.path: c.state for c in courses}.values())
        merged = self._merge_all(judged, states)
        tests = [_written(item) for item in judged]
        files: list[ChangedFile] = []
        for package in merged:
            files += self._changed_files(package)
            for test in package.tests:
                path = self._below(test.file, test.target)
                tests[test.number] = replace(
                    tests[test.number], name=package.names[test.number], test_path=path
                )
        for state in states:
            if state.file.package.focal_source != state.file.source:
                raise changed(state.file.path)
        return replace(
            result,
            targets=tuple(Target(c.need, c.now, c.rounds, c.reason) for c in courses),
            tests=tuple(tests), files=tuple(files), patch=patch_of(files),
            notices=(*result.notices, *(package.notice for package in merged if package.notice)),
        )  # fmt: skip

    def _merge_all(self, judged: Sequence[JudgedTest], states: Sequence[FileState]) -> list[MergedPackage]:
        """The packages with the accepted tests. Where one cannot stay, others may add what it has added."""
        finished: dict[tuple[str, tuple[int, ...]], MergedPackage] = {}
        while True:
            keys = []
            for path, group in _by_package(judged).items():
                key = path, tuple(test.number for test in group)
                if key not in finished:
                    self.report(f"running the tests of {path} with {len(group)} new ones")
                    run = partial(self._run_together, group[0].file)
                    finished[key] = merged_package(path, group, run)
                keys.append(key)
            merged = [finished[key] for key in keys]
            dropped = {number: why for package in merged for number, why in package.dropped.items()}
            if not dropped:
                return merged
            for number, (reason, detail) in dropped.items():
                judged[number].reason, judged[number].detail = reason, detail
                judged[number].adds = Addition()
            for state in states:
                state.choose()

    def _run_together(
        self, file: FileUnderTest, overlay: Mapping[str, bytes], names: tuple[str, ...], shuffled: bool
    ) -> Execution:
        package = replace(file.package, test=next(iter(overlay), ""))
        tests = Together(package, dict(overlay), names, shuffled)
        (record,) = self.judge.map(run_together, [tests])
        return record

    def _changed_files(self, merged: MergedPackage) -> list[ChangedFile]:
        tests = {test.target: test for test in merged.tests}
        return [
            ChangedFile(self._below(tests[name].file, name), tests[name].before, after)
            for name, after in merged.overlay.items()
        ]

    def _below(self, file: FileUnderTest, name: str) -> str:
        """The path below the root of a file of the package."""
        return (file.listed.folder / name).relative_to(self.work_tree.seen).as_posix()


def _by_package(judged: Sequence[JudgedTest]) -> dict[str, list[AcceptedTest]]:
    """The accepted tests by package, in the order of files and of acceptance."""
    accepted = [number for number, item in enumerate(judged) if not item.reason]
    accepted.sort(key=lambda number: (judged[number].course.state.file.path, judged[number].order))
    packages: dict[str, list[AcceptedTest]] = {}
    for number in accepted:
        item = judged[number]
        file, target = item.course.state.file, item.test.destination
        test = AcceptedTest(number, item.test.name, item.test.code, file, target.name, target.content)
        packages.setdefault(file.listed.path, []).append(test)
    return packages


def _written(item: JudgedTest) -> WrittenTest:
    course, test = item.course, item.test
    return WrittenTest(
        test.name, course.need.path, course.need.function, item.round + 1, item.reason, item.detail,
        test.code, adds=item.adds,
    )  # fmt: skip
