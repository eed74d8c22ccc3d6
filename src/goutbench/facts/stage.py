"""The stages of facts: collect them from runs, and join them to a dataset."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from goutbench.dataset.reading import dataset_digest, read_records
from goutbench.dataset.store import read_pairs, read_table, write_rows
from goutbench.errors import ConfigError, DatasetError
from goutbench.execute.inputs import reference_candidates
from goutbench.execute.journal import RUN, reference_row
from goutbench.facts.fact import Fact, execution_of, fact_of, pair_key
from goutbench.facts.table import Facts, read_facts, this_machine, write_facts
from goutbench.locations import EXECUTIONS, FACTS, REFERENCE_TABLE
from goutbench.records import Execution, Pair, Status


@dataclass(frozen=True, slots=True)
class Joined:
    """How many pairs of a dataset have facts, and how many have none: of another revision, or unknown."""

    joined: int
    outdated: int
    unknown: int


@dataclass(frozen=True, slots=True)
class _Part:
    """Facts that were measured with the same options, and on which machines."""

    options: dict[str, Any]
    machines: list[dict[str, Any]]
    facts: Iterable[Fact]


def collect_facts(
    dataset: Path, parts: Sequence[Path], out: Path, *, rest: Path | None = None
) -> Counter[str]:
    """Write the facts of a dataset's reference runs, and return how many pairs have each status.

    Parts are run folders, and files of facts, which hold where the pair is still the same. Each pair may be
    in one of them. `rest` gets the pairs that are in none, if there are any, as candidates for
    `execute --reference`. Raises ConfigError where a run is not one of reference tests, where parts have
    different options, or two have a pair; DatasetError where a pair of the dataset was not executed and
    there is no `rest`.
    """
    pairs = {pair.id: pair for pair in read_pairs(dataset)}
    digest = dataset_digest(dataset)
    rows: dict[str, Fact] = {}
    options: dict[str, Any] = {}
    machines: list[dict[str, Any]] = []
    for path in parts:
        part = _part_of_file(path, pairs) if path.is_file() else _part_of_run(path, digest, pairs)
        # an option that one of them lacks is newer than it
        shared = options.keys() & part.options
        if differing := sorted(name for name in shared if options[name] != part.options[name]):
            what = f"runs with other options: {', '.join(differing)}"
            raise ConfigError(what, where=str(path), hint="give runs of one command")
        options |= part.options
        machines += [machine for machine in part.machines if machine not in machines]
        for fact in part.facts:
            if fact.pair_id in rows:
                raise ConfigError(f"the pair {fact.pair_id} is in two runs", where=str(path))
            rows[fact.pair_id] = fact
    missing = pairs.keys() - rows.keys()
    if missing and rest is None:
        where, hint = str(dataset), "run `goutbench execute --reference` on all of it, or give --rest"
        raise DatasetError(f"{len(missing)} of {len(pairs)} pairs were not executed", where=where, hint=hint)
    more = {"machines": machines} if len(machines) > 1 else {}
    write_facts(out, list(rows.values()), machines[0] | {"options": options} | more)
    if rest is not None:
        _write_rest(dataset, missing, rest)
    return Counter(row.status for row in rows.values())


def _part_of_run(run: Path, digest: str, pairs: Mapping[str, Pair]) -> _Part:
    options = _run_options(run, digest)
    records = read_records(run / EXECUTIONS, Execution)
    facts = (fact_of(pairs[r.pair_id], r) for r in records if r.pair_id in pairs)
    return _Part(options, [this_machine()], facts)


def _part_of_file(path: Path, pairs: Mapping[str, Pair]) -> _Part:
    """Of a file of facts those that hold for the pairs."""
    facts = read_facts(path)
    by_key = {row.key: row for row in facts.rows}
    keys = ((pair.id, pair_key(pair)) for pair in pairs.values())
    valid = [replace(by_key[key], pair_id=id) for id, key in keys if key in by_key]
    only = {name: value for name, value in facts.measured.items() if name not in ("options", "machines")}
    return _Part(dict(facts.options), facts.measured.get("machines", [only]), valid)


def _write_rest(dataset: Path, missing: Collection[str], path: Path) -> None:
    """Write the pairs without facts as candidates; no file where there are none."""
    path.unlink(missing_ok=True)
    if missing:
        candidates = reference_candidates(dataset, missing)
        write_rows(path, [{"pair_id": c.pair_id, "model": c.model, "code": c.code} for c in candidates])


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
