"""Tasks of the kinds extend, repair and reproduce: proposed by rule and seed, and proven by execution."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

from goutbench.curate.git.repository import Repository, open_repository
from goutbench.dataset.store import DATA, LOCK, read_pairs, to_table, write_manifest, write_table
from goutbench.errors import ConfigError, SourceError
from goutbench.execute.evaluate import ExecutionSession, evaluate_in, open_session, prepare
from goutbench.execute.inputs import read_excluded, read_settings, read_sources
from goutbench.execute.journal import write_table as write_executions
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.progress import Progress
from goutbench.execute.reward.addition import UNNOTICED, addition, mutants_of
from goutbench.execute.workspace.trees import repository_folder
from goutbench.locations import TASK_DATASET, TASK_PROOF, find_git_dir
from goutbench.records import REFERENCE, Execution, Pair, short_hash
from goutbench.tasks.kinds.extend import Extend
from goutbench.tasks.kinds.kind import Job, Proof, TaskKind, location_of
from goutbench.tasks.kinds.repair import Repair
from goutbench.tasks.kinds.reproduce import Reproduce, options_before_fixes
from goutbench.tasks.prove import Prover
from goutbench.tasks.results import BaselineResults
from goutbench.tasks.rule import Rule
from goutbench.tasks.strata import Strata, drawn_by_strata
from goutbench.tasks.table import TaskList, leak_groups, listed, verified_task, write_tasks
from goutbench.tasks.task import VerifiedTask

KINDS = ("write", "extend", "repair", "reproduce")
MUTANTS = 60
"""The sample of mutants of each focal file where the command does not say how many."""


def _nothing_shown() -> AbstractContextManager[Progress]:
    return nullcontext(Progress())


@dataclass(frozen=True, slots=True)
class ProofSettings:
    """How proofs are executed: parameters of `evaluate`.

    With `download`, modules that are missing are downloaded first, the only step with network access.
    """

    repositories: Path
    options: ExecuteOptions = field(default_factory=lambda: ExecuteOptions(mutants=MUTANTS))
    workers: int = 1
    machine: Mapping[str, Any] = field(default_factory=dict)
    download: bool = False
    show: Callable[[], AbstractContextManager[Progress]] = _nothing_shown


def make_proven_tasks(
    dataset: Path, out: Path, kind: str, settings: ProofSettings, *, rule: Rule | None = None,
    count: int = 0, seed: int = 1,
) -> TaskList:  # fmt: skip
    """Write `count` tasks of a kind (0: all that there are), each proven by execution.

    The same command continues after a kill: the folder's journal has what was executed. Raises ConfigError
    where no item can be a task, and as `evaluate` does; DatasetError.
    """
    rule, groups, pairs = rule or Rule(), leak_groups(dataset), list(read_pairs(dataset))
    strata = dict(drawn_by_strata([(pair.id, ()) for pair in pairs], {p.id: p for p in pairs}, 0, seed))
    by_id = {pair.id: pair for pair in pairs}
    ordered = [by_id[id] for id, _ in strata]
    chosen = _kind(kind, ordered, settings.repositories, read_sources(dataset), seed)
    options = settings.options if chosen.mutants else options_before_fixes(settings.options)
    excluded: Counter[str] = Counter()
    session = open_session(
        settings.repositories, options=options, workers=settings.workers, sources=read_sources(dataset),
        settings=read_settings(dataset), **settings.machine,
    )  # fmt: skip
    unable = read_excluded(dataset, cgo=options.with_cgo)
    with session:
        prover = Prover(partial(_execute, session, out, unable, settings.show), settings.workers)
        candidates = _downloaded(chosen.pairs(), dataset, settings) if settings.download else chosen.pairs()
        proofs = list(islice(prover.proofs(chosen, candidates, rule, excluded), count or None))
    if not proofs:
        raise ConfigError("no item can be a task", where=str(dataset), hint=f"reasons: {listed(excluded)}")
    today = chosen.today() if isinstance(chosen, Reproduce) else {}
    tasks = [
        _task(
            proof, kind, strata[today.get(proof.proposal.pair.id, proof.proposal.pair.id), ()], groups, today
        )
        for proof in proofs
    ]
    write_executions(
        out / TASK_PROOF, [record for proof in proofs for record in (proof.reference, proof.start)]
    )
    if today:
        _write_dataset(dataset, out / TASK_DATASET, [proof.proposal.pair for proof in proofs])
    return write_tasks(
        dataset, out, tasks, excluded, rule=rule, count=count, seed=seed,
        proof={"mutants": options.mutants, "seed": options.seed, "repeat": options.repeat},
    )  # fmt: skip


def _execute(
    session: ExecutionSession,
    out: Path,
    excluded: Mapping[str, str],
    show: Callable[[], AbstractContextManager[Progress]],
    jobs: Sequence[Job],
) -> list[Execution]:
    """One record for each job, in their order; the folder's journal has those of earlier calls."""
    if not jobs:
        return []
    locations = {location.id: location for _, location in jobs}
    with show() as progress:
        progress.expect(len(jobs), len(session.pool.workers))
        return evaluate_in(
            session, [candidate for candidate, _ in jobs], locations, out=out, excluded=excluded,
            retry_alone=True, progress=progress,
        )  # fmt: skip


def _kind(
    name: str, pairs: Sequence[Pair], repositories: Path, sources: Mapping[str, str], seed: int
) -> TaskKind:
    """The kind of this name. Raises ConfigError for an unknown one."""

    @cache
    def opened(repository: str) -> Repository | None:
        try:
            git_dir = find_git_dir(repository_folder(repositories, repository, sources.get(repository, "")))
        except SourceError:  # its pairs get this as the reason of an infrastructure error
            return None
        return open_repository(repository, git_dir) if git_dir else None

    kinds: Mapping[str, Callable[[], TaskKind]] = {
        "extend": lambda: Extend(pairs, seed),
        "repair": lambda: Repair(pairs, opened),
        "reproduce": lambda: Reproduce(pairs, opened, seed),
    }
    if name not in kinds:
        raise ConfigError(f"unknown kind {name!r}", where="--kind", hint=f"use one of: {', '.join(KINDS)}")
    return kinds[name]()


def _downloaded(pairs: Sequence[Pair], dataset: Path, settings: ProofSettings) -> Iterator[Pair]:
    """The pairs, each after its modules were downloaded, once for each commit."""
    seen: set[tuple[str, str]] = set()
    sources = read_sources(dataset)
    for pair in pairs:
        if (pair.repository, pair.revision) not in seen:
            seen.add((pair.repository, pair.revision))
            same = [location_of(other) for other in pairs if other.revision == pair.revision]
            list(
                prepare(same, repositories=settings.repositories, sources=sources, **dict(settings.machine))
            )  # what cannot be downloaded is the reason of an infrastructure error
        yield pair


def _task(
    proof: Proof, kind: str, strata: Strata, groups: Mapping[str, tuple[str, str]], today: Mapping[str, str]
) -> VerifiedTask:
    """The row of a task. For "extend" the ceiling counts only mutants that the remaining tests miss."""
    proposal, pair = proof.proposal, proof.proposal.pair
    key, start = (pair.id, ()), proof.start
    placed = {**groups, pair.id: groups[today.get(pair.id, pair.id)]}
    task = verified_task(pair, key, strata, placed, BaselineResults({REFERENCE: {key: proof.reference}}))
    killed, tested = task.ceiling_killed, task.ceiling_tested
    if kind == "extend":
        killed = len(addition(proof.reference, start).mutants)
        tested = sum(mutant.verdict in UNNOTICED for mutant in mutants_of(start))
    return replace(
        task, id=short_hash(kind, pair.id, proposal.start), kind=kind, start=proposal.start,
        start_revision=proposal.start_revision, message=proposal.message, removed=proposal.removed,
        start_killed=start.mutation.killed if start.mutation else 0, ceiling_killed=killed,
        ceiling_tested=tested, ceiling_score=1.0 if kind == "reproduce" else killed / tested,
    )  # fmt: skip


def _write_dataset(source: Path, folder: Path, pairs: Sequence[Pair]) -> None:
    """Write the pairs of fixes as a dataset, with the lock file of the one whose repositories they are of."""
    data = folder / DATA / "fixes.parquet"
    write_table(to_table(pairs, Pair), data)
    files = [data]
    if (source / LOCK).is_file():
        shutil.copyfile(source / LOCK, folder / LOCK)
        files.append(folder / LOCK)
    write_manifest(folder, files, {"pairs": len(pairs), "repositories": {}})
