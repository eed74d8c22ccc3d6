"""The `execute` stage on files: dataset and candidates in, records and tables out."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from goutbench.dataset.store import write_rows
from goutbench.errors import ConfigError
from goutbench.execute.evaluate import evaluate, prepare
from goutbench.execute.inputs import (
    REFERENCE_TABLE,
    PairPlace,
    read_barred,
    read_candidates,
    read_places,
    read_sources,
    reference_candidates,
)
from goutbench.execute.journal import TABLE, reference_row, write_table
from goutbench.execute.options import Options
from goutbench.execute.progress import showing
from goutbench.records import Execution


def run_stage(
    candidates: Path | None,
    dataset: Path,
    repositories: Path,
    out: Path,
    *,
    options: Options,
    reference: bool = False,
    workers: int = 1,
    work: Path | None = None,
    unsafe: bool = False,
) -> list[Execution]:
    """Execute a file of candidates, or with `reference` the dataset's own tests, and write the tables.

    With both, the own tests of the candidates' pairs alone: a yardstick for that file. The run folder gets
    the journal and `executions.parquet`; a whole reference run also writes `reference.parquet` beside the
    dataset's data, which later runs read: a pair whose reference cannot be run on this machine gives its
    candidates an infrastructure failure, not a bad mark.
    """
    if candidates is None and not reference:
        raise ConfigError("give a file of candidates, or --reference", where="execute")
    places = read_places(dataset)
    todo = read_candidates(candidates) if candidates else []
    if reference:
        todo = list(reference_candidates(dataset, {each.pair_id for each in todo} if candidates else None))
    with showing(len(todo)) as show:
        records = evaluate(
            todo,
            places,
            repositories=repositories,
            out=out,
            options=options,
            workers=workers,
            work=work,
            sources=read_sources(dataset),
            barred={} if reference else read_barred(dataset),
            unsafe=unsafe,
            on_result=show,
        )
    write_table(out / TABLE, records)
    if reference and candidates is None:
        write_rows(dataset / REFERENCE_TABLE, [reference_row(record) for record in records])
    return records


def run_prepare(
    dataset: Path,
    repositories: Path,
    *,
    candidates: Path | None = None,
    work: Path | None = None,
    unsafe: bool = False,
) -> Iterator[str]:
    """Download the modules of every pair, or of the candidates' pairs alone; one line for each module."""
    places: Sequence[PairPlace] = list(read_places(dataset).values())
    if candidates:
        asked = {each.pair_id for each in read_candidates(candidates)}
        places = [place for place in places if place.id in asked]
    sources = read_sources(dataset)
    for done in prepare(places, repositories=repositories, work=work, sources=sources, unsafe=unsafe):
        yield f"{done.module}: {done.what}" + (f"\n{done.problem}" if done.problem else "")


def summary(records: Sequence[Execution]) -> dict[str, Any]:
    """Counts by status and rates over all candidates; infrastructure failures stay in the denominator."""
    statuses = Counter(record.status for record in records)
    passed = [record for record in records if record.status == "PASSED"]
    scores = [
        record.mutation.score for record in passed if record.mutation and record.mutation.score is not None
    ]
    return {
        "candidates": len(records),
        **{status.lower(): count for status, count in statuses.most_common()},
        "pass_rate": round(len(passed) / len(records), 4) if records else None,
        "covers_its_focal_file": sum(record.covered > 0 for record in records),
        "mean_coverage_all": _mean([_coverage(record) for record in records]),
        "mean_coverage_passing": _mean([_coverage(record) for record in passed]),
        "mean_mutation_score": _mean(scores),
        "sandbox": ", ".join(sorted({record.sandbox for record in records if record.sandbox})),
    }


def _coverage(record: Execution) -> float:
    return record.covered / record.statements if record.statements else 0.0


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
