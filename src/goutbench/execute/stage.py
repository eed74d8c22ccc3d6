"""The `execute` stage on files: dataset and candidates in, records and tables out."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from goutbench.dataset.reading import read_records
from goutbench.dataset.shards import ShardPlan, claim
from goutbench.dataset.store import write_json
from goutbench.errors import ConfigError
from goutbench.execute.evaluate import ExecutionSession, evaluate, evaluate_in, open_session, prepare
from goutbench.execute.inputs import (
    PairLocation,
    read_candidates,
    read_excluded,
    read_locations,
    read_settings,
    read_sources,
    reference_candidates,
)
from goutbench.execute.journal import RUN, check_out, run_facts, shard_facts, write_references, write_table
from goutbench.execute.ladder.faults import cause_and_hint
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.progress import Progress
from goutbench.locations import CANDIDATES, EXECUTIONS
from goutbench.records import Candidate, Execution, Mutation, Status, pairs_without_coverage

_MAX_REASONS = 5
_MAX_LINE = 300  # characters


def run_stage(
    candidates: Path | None,
    dataset: Path,
    repositories: Path,
    out: Path,
    *,
    options: ExecuteOptions,
    reference: bool = False,
    limit: int = 0,
    only: Sequence[str] = (),
    workers: int = 1,
    work: Path | None = None,
    go: Path | None = None,
    unsafe: bool = False,
    sandbox: str = "",
    image: str = "",
    shard: ShardPlan | None = None,
    runner: str = "threads",
    progress: Progress | None = None,
) -> list[Execution]:
    """Execute a file of candidates, or with `reference` the dataset's own tests, and write the tables.

    With both, only the reference tests of the candidates' pairs: a baseline for that file. The run folder
    gets the journal and `executions.parquet`. A reference run of all pairs also writes `reference.parquet`
    beside the dataset's data, which later runs read: candidates of a pair whose reference test cannot run on
    this machine get an infrastructure error, not a bad result. A failing reference test is executed again at
    the end, alone, so that the load of the machine does not decide. With a shard, only its pairs count, with
    its share of the unknown ones, and `merge` writes `reference.parquet`.

    `only` are ids of pairs, `limit` is a number of candidates, drawn by the seed of the options (0: all).
    What they leave out keeps the results of earlier runs. Returns the records of what was asked for. Raises
    ConfigError where `only` has an unknown pair.
    """
    if candidates is None and not reference:
        raise ConfigError("give a file of candidates, or --reference", where="execute")
    progress = progress or Progress()
    progress.step(f"reading the pairs of {dataset}")
    pairs = read_locations(dataset)
    requested = read_candidates(candidates, may_be_empty=shard is not None) if candidates else []
    if requested and not any(candidate.pair_id in pairs for candidate in requested):
        raise ConfigError(
            f"the dataset {dataset} has the pair of none of the {len(requested)} candidates",
            where=str(candidates),
            hint="give the --dataset that they were written for",
        )
    if reference:
        tested = {candidate.pair_id for candidate in requested} if candidates else None
        requested = list(reference_candidates(dataset, tested))
    chosen = select(requested, limit, only, options.seed)
    facts = run_facts(dataset, candidates, options, reference=reference, go=go)
    if shard is not None:
        requested, chosen = (
            [candidate for candidate in some if candidate.pair_id in shard] for some in (requested, chosen)
        )
    check_out(out, dataset, facts, requested)
    part = shard_facts(facts, out) if shard else {}
    claim(out, shard, "execute", part, [candidate.id for candidate in requested])
    progress.expect(len(chosen), workers)
    records = evaluate(
        chosen,
        pairs,
        repositories=repositories,
        out=out,
        options=options,
        workers=workers,
        work=work,
        sources=read_sources(dataset),
        settings=read_settings(dataset),
        excluded={} if reference else read_excluded(dataset, cgo=options.with_cgo),
        go=go,
        unsafe=unsafe,
        sandbox=sandbox,
        image=image,
        runner=runner,
        retry_alone=reference,
        progress=progress,
    )
    _write(out, dataset, facts, requested, _with_earlier(out, requested, records))
    if reference and candidates is None and shard is None and len(chosen) == len(requested):
        write_references(dataset, records)
    return records


def select(
    candidates: Sequence[Candidate], limit: int, only: Sequence[str], seed: int
) -> Sequence[Candidate]:
    """The candidates of these pairs, or of all, and of these so many at random. Raises ConfigError."""
    unknown = set(only) - {candidate.pair_id for candidate in candidates}
    if unknown:
        hint = "give the id of a pair, as in the column pair_id"
        raise ConfigError(f"no candidate is for the pair {min(unknown)!r}", where="--only", hint=hint)
    chosen = [candidate for candidate in candidates if not only or candidate.pair_id in only]
    if not limit or len(chosen) <= limit:
        return chosen
    return [chosen[at] for at in sorted(random.Random(seed).sample(range(len(chosen)), limit))]


def _with_earlier(out: Path, requested: Sequence[Candidate], records: Sequence[Execution]) -> list[Execution]:
    """The new records, and the earlier ones of the candidates that were not executed now, in their order."""
    if len(records) == len(requested):
        return list(records)
    by_candidate = {record.candidate_id: record for record in read_records(out / EXECUTIONS, Execution)}
    by_candidate |= {record.candidate_id: record for record in records}
    return [by_candidate[candidate.id] for candidate in requested if candidate.id in by_candidate]


def _write(
    out: Path,
    dataset: Path,
    facts: Mapping[str, Any],
    requested: Sequence[Candidate],
    records: Sequence[Execution],
) -> None:
    """Write what was executed, and the table."""
    check_out(out, dataset, facts, requested)  # another run may have ended here meanwhile
    write_json(out / RUN, facts)
    write_table(out / EXECUTIONS, records)


def _nothing_shown() -> AbstractContextManager[Progress]:
    return nullcontext(Progress())


@dataclass(frozen=True)
class RunExecutor:
    """The executions of a run folder: every record is in its journal at once, and none is made twice.

    `repositories` is the folder of repositories, `show` shows the progress of one round's executions; the
    other fields are parameters of `run_stage`. Machine, trees and workers are opened at the first execution
    and serve all that follow, to the end of a `with` block.
    """

    dataset: Path
    out: Path
    repositories: Path
    options: ExecuteOptions
    workers: int = 1
    work: Path | None = None
    go: Path | None = None
    unsafe: bool = False
    sandbox: str = ""
    image: str = ""
    show: Callable[[], AbstractContextManager[Progress]] = _nothing_shown

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: Any) -> None:
        if "_session" in self.__dict__:
            self._session.__exit__(*reason)

    @cached_property
    def _pairs(self) -> Mapping[str, PairLocation]:
        return read_locations(self.dataset)

    @cached_property
    def _excluded(self) -> Mapping[str, str]:
        return read_excluded(self.dataset, cgo=self.options.with_cgo)

    @cached_property
    def _session(self) -> ExecutionSession:
        return open_session(
            self.repositories, options=self.options, workers=self.workers, work=self.work,
            sources=read_sources(self.dataset), settings=read_settings(self.dataset), go=self.go,
            unsafe=self.unsafe, sandbox=self.sandbox, image=self.image,
        )  # fmt: skip

    @property
    def _facts(self) -> dict[str, Any]:
        return run_facts(self.dataset, self.out / CANDIDATES, self.options, reference=False, go=self.go)

    def check(self) -> None:
        """Raises ConfigError where the run folder has the results of another execution."""
        check_out(self.out, self.dataset, self._facts, [])

    def execute(self, candidates: Sequence[Candidate]) -> list[Execution]:
        """One record for each candidate, in their order. Raises what `evaluate` raises."""
        if not candidates:
            return []
        with self.show() as progress:
            progress.expect(len(candidates), self.workers)
            return self._execute(candidates, progress)

    def _execute(self, candidates: Sequence[Candidate], progress: Progress) -> list[Execution]:
        progress.step("checking Go and the sandbox")
        return evaluate_in(
            self._session, candidates, self._pairs, out=self.out, excluded=self._excluded, progress=progress
        )

    def write_tables(self) -> list[Execution]:
        """Write the tables of the run folder's candidates from the journal, as `execute` does."""
        candidates, facts = read_candidates(self.out / CANDIDATES), self._facts
        check_out(self.out, self.dataset, facts, candidates)
        records = self._execute(candidates, Progress())
        _write(self.out, self.dataset, facts, candidates, records)
        return records


def run_prepare(
    dataset: Path,
    repositories: Path,
    *,
    candidates: Path | None = None,
    work: Path | None = None,
    go: Path | None = None,
    unsafe: bool = False,
    sandbox: str = "",
    image: str = "",
) -> Iterator[str]:
    """Download the modules of all pairs, or of the candidates' pairs alone; yields one line for each
    module."""
    pairs = read_locations(dataset)
    if candidates:
        requested = {candidate.pair_id for candidate in read_candidates(candidates)}
        pairs = {key: pair for key, pair in pairs.items() if key in requested}
    sources = read_sources(dataset)
    downloads = prepare(
        pairs.values(),
        repositories=repositories,
        work=work,
        sources=sources,
        go=go,
        unsafe=unsafe,
        sandbox=sandbox,
        image=image,
    )
    for download in downloads:
        yield f"{download.module}: {download.result}" + (f"\n{download.problem}" if download.problem else "")


def summary(records: Sequence[Execution]) -> dict[str, Any]:
    """Counts by status, and rates over all candidates: infrastructure errors stay in the denominator.

    A number that was not measured is None: everything if there are infrastructure errors only.
    """
    statuses = Counter(record.status for record in records)
    passed = [record for record in records if record.status is Status.PASSED]
    measured = any(record.status is not Status.INFRA_FAILURE for record in records)
    uncountable = pairs_without_coverage(records)
    countable = [record for record in records if record.pair_id not in uncountable]
    covering = sum(record.status is Status.PASSED and bool(record.coverage) for record in countable)
    mutations = [record.mutation for record in passed if record.mutation]
    scores: dict[str, Callable[[Mutation], float | None]] = {
        "mean_mutation_score": lambda mutation: mutation.score,
        "mean_mutation_score_timed_out_detected": lambda mutation: mutation.score_timed_out_detected,
        "mean_mutation_score_timed_out_excluded": lambda mutation: mutation.score_timed_out_excluded,
    }
    return {
        "candidates": len(records),
        **{status.lower(): count for status, count in statuses.most_common()},
        "pass_rate": round(len(passed) / len(records), 4) if measured else None,
        "covers_its_focal_code": covering if measured and countable else None,
        "mean_coverage_all": _mean([r.coverage or 0.0 for r in countable]) if measured else None,
        "mean_coverage_passing": _mean(_measured(record.coverage for record in passed)),
        "mean_branch_coverage_passing": _mean(_measured(record.branch_coverage for record in passed)),
        **{name: _mean(_measured(map(score, mutations))) for name, score in scores.items()},
        "go": ", ".join(sorted({f"{r.toolchain} ({r.go_source})" for r in records if r.toolchain})),
        "sandbox": ", ".join(sorted({record.sandbox for record in records if record.sandbox})),
    }


def explain_infrastructure(records: Sequence[Execution]) -> list[str]:
    """The most frequent reasons of infrastructure errors with their counts, each with an example's hint.

    The example's evidence is shortened to its first line. Nothing where there are no such errors.
    """
    failed = [record for record in records if record.status is Status.INFRA_FAILURE]
    if not failed:
        return []
    examples = {record.reason: record.evidence for record in reversed(failed)}
    lines = [f"infrastructure errors: {len(failed)} of {len(records)} candidates"]
    for reason, count in Counter(record.reason for record in failed).most_common(_MAX_REASONS):
        lines.append(f"  {count} {reason}" + _explanation(examples[reason]))
    return lines


def _explanation(evidence: str) -> str:
    """ ": what happened", shortened to one line, and the hint on a line of its own."""
    cause, hint = cause_and_hint(evidence)
    text = f": {_printable(cause)}" if cause else ""
    return text + (f"\n    hint: {_printable(hint)}" if hint else "")


def _printable(line: str) -> str:
    """A line for a terminal: the output of other people's code may hold control characters."""
    return "".join(char if char.isprintable() else "?" for char in line[:_MAX_LINE])


def _measured(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
