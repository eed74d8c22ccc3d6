"""The stages of facts: collect them from runs, and join them to a dataset."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from goutbench.dataset.reading import read_records
from goutbench.dataset.store import read_pairs, read_table, write_rows
from goutbench.errors import ConfigError, DatasetError
from goutbench.execute.journal import RUN, dataset_digest, reference_row
from goutbench.facts.fact import Fact, execution_of, fact_of, pair_key
from goutbench.facts.table import Facts, this_machine, write_facts
from goutbench.locations import EXECUTIONS, FACTS, REFERENCE_TABLE
from goutbench.records import Execution, Status


@dataclass(frozen=True, slots=True)
class Joined:
    """How many pairs of a dataset have facts, and how many have none: of another revision, or unknown."""

    joined: int
    outdated: int
    unknown: int


def collect_facts(dataset: Path, runs: Sequence[Path], out: Path) -> Counter[str]:
    """Write the facts of a dataset's reference runs, and return how many pairs have each status.

    Several runs are parts of one: each pair may be in one of them. Raises ConfigError where a run is not one
    of reference tests, where runs have different options, or two have a pair; DatasetError where a pair of
    the dataset was not executed.
    """
    pairs = {pair.id: pair for pair in read_pairs(dataset)}
    rows: dict[str, Fact] = {}
    options: dict[str, Any] = {}
    digest = dataset_digest(dataset)
    for run in runs:
        current = _run_options(run, digest)
        if options and current != options:
            raise ConfigError("runs with other options", where=str(run), hint="give runs of one command")
        options = current
        for record in read_records(run / EXECUTIONS, Execution):
            if record.pair_id in rows:
                raise ConfigError(f"the pair {record.pair_id} is in two runs", where=str(run))
            if record.pair_id in pairs:
                rows[record.pair_id] = fact_of(pairs[record.pair_id], record)
    if missing := pairs.keys() - rows.keys():
        where, hint = str(dataset), "run `goutbench execute --reference` on all of it"
        raise DatasetError(f"{len(missing)} of {len(pairs)} pairs were not executed", where=where, hint=hint)
    write_facts(out, list(rows.values()), this_machine() | {"options": options})
    return Counter(row.status for row in rows.values())


def _run_options(run: Path, digest: str) -> dict[str, Any]:
    try:
        facts = json.loads((run / RUN).read_bytes())
    except (OSError, ValueError):
        raise ConfigError("not the folder of a run", where=str(run), hint="give --out of `execute`") from None
    if not facts.get("reference"):
        raise ConfigError("not a run of reference tests", where=str(run), hint="use `execute --reference`")
    if facts.get("dataset") != digest:
        hint = "execute the reference tests of this dataset, at its commits"
        raise ConfigError("the run is of another dataset", where=str(run), hint=hint)
    return dict(facts["options"])


def join_facts(dataset: Path, facts: Facts) -> Joined:
    """Write the dataset's tables of facts and of references from facts, without a run.

    A fact belongs to a pair with the same repository, revision, paths and hashes. Infrastructure errors of
    the machine where facts were measured say nothing of this one, and rows that were measured here stay.
    Raises DatasetError.
    """
    by_key = {row.key: row for row in facts.rows}
    without_revision = {key[:1] + key[2:] for key in by_key}
    joined, counts = [], Counter[str]()
    for pair in read_pairs(dataset):
        key = pair_key(pair)
        if key in by_key:
            joined.append(replace(by_key[key], pair_id=pair.id))
            counts["joined"] += 1
        else:
            counts["outdated" if key[:1] + key[2:] in without_revision else "unknown"] += 1
    if joined:
        write_facts(dataset / FACTS, joined, facts.measured)
        _add_references(dataset / REFERENCE_TABLE, joined)
    return Joined(counts["joined"], counts["outdated"], counts["unknown"])


def _add_references(path: Path, facts: Sequence[Fact]) -> None:
    measured = read_table(path).to_pylist() if path.is_file() else []
    here = {row["id"] for row in measured}
    usable = (f for f in facts if f.status != Status.INFRA_FAILURE and f.pair_id not in here)
    if rows := [*measured, *(reference_row(execution_of(fact)) for fact in usable)]:
        write_rows(path, rows)
