"""The finished executions of a run folder: the journal, the tables, and whose results they are."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from goutbench.dataset.journal import Journal
from goutbench.dataset.reading import dataset_digest, read_records
from goutbench.dataset.store import file_hash, read_manifest, write_rows
from goutbench.errors import ConfigError, DatasetError, ToolError
from goutbench.execute.options import ExecuteOptions
from goutbench.golang.toolchain.installation import find_toolchain, installed_toolchains
from goutbench.locations import EXECUTIONS, REFERENCE_TABLE
from goutbench.records import Candidate, Execution, Mutation, Status

JOURNAL = "executions.jsonl"
RUN = "execute.json"
"""What was executed, and how: a run of anything else does not replace its results."""

OWN_CANDIDATES = "of the folder"
"""What `shard.json` says instead of a hash for candidates that the run folder itself holds."""

MACHINE = "machine"
"""The key of the machine's Go among the facts of a shard."""

_CONVENTIONS = ("score_timed_out_detected", "score_timed_out_excluded")


def open_journal(folder: Path) -> Journal[Execution]:
    """The executions of a run folder by their id. Raises StorageError."""
    return Journal(folder / JOURNAL, Execution, key="id")


def run_facts(
    dataset: Path, candidates: Path | None, options: ExecuteOptions, *, reference: bool, go: Path | None
) -> dict[str, Any]:
    """What is executed, and how."""
    chosen = {name: str(value) for name, value in asdict(options).items()} | {"go": str(go or "")}
    return {
        "dataset": dataset_digest(dataset),
        "candidates": str(candidates.resolve()) if candidates else "",
        "reference": reference,
        "options": chosen,
    }


def shard_facts(facts: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """What the shards of one execution have in common: its facts, and the content of the candidates.

    Candidates that the run folder itself holds are those of its shard. MACHINE should be in common.
    """
    path = Path(facts["candidates"]) if facts["candidates"] else None
    own = path is not None and path.parent == out.resolve()
    digest = OWN_CANDIDATES if own else file_hash(path) if path else ""
    return {**facts, "candidates": digest, MACHINE: _go_of_machine(facts["options"]["go"])}


def _go_of_machine(named: str) -> str:
    """The Go that decides for all pairs: "PATH go1.24.1, wheel go1.25.3"; empty where there is none."""
    try:
        toolchains = [find_toolchain(Path(named))] if named else installed_toolchains()
    except ToolError:  # the execution explains it; with Ray, nodes may have what this machine lacks
        return ""
    return ", ".join(f"{toolchain.source} {toolchain.version}" for toolchain in toolchains)


def check_out(out: Path, dataset: Path, facts: Mapping[str, Any], requested: Collection[Candidate]) -> None:
    """Check that results of these candidates may be written to `out`.

    Raises ConfigError for a folder of a dataset, and for one with the results of another run. The file of
    candidates may have grown since, or be another one that has all of the executed candidates.
    """
    for folder in (out.resolve(), *out.resolve().parents):
        if folder == dataset.resolve() or _is_dataset(folder):
            hint = "give --out a folder outside of it"
            raise ConfigError(f"--out is in the dataset {folder}", where=str(out), hint=hint)
    if not (out / EXECUTIONS).is_file():
        return
    earlier = _earlier_facts(out)
    differing = ["another dataset"] if earlier.get("dataset", facts["dataset"]) != facts["dataset"] else []
    if earlier.get("reference", facts["reference"]) != facts["reference"]:
        differing.append("candidates" if facts["reference"] else "reference tests")
    for name, value in facts["options"].items():
        before = earlier.get("options", {}).get(name, value)
        if before != value:
            differing.append(f"{name} is {value or 'not given'} and was {before or 'not given'}")
    executed = {record.candidate_id for record in read_records(out / EXECUTIONS, Execution)}
    lost = executed - {candidate.id for candidate in requested}
    if lost and earlier.get("candidates") != facts["candidates"]:
        differing.append(f"{len(lost)} of its {len(executed)} candidates are not among these")
    if differing:
        raise ConfigError(
            f"the folder has the results of another run: {'; '.join(differing)}",
            where=str(out),
            hint=f"give another --out, or remove {EXECUTIONS} there",
        )


def _is_dataset(folder: Path) -> bool:
    try:
        read_manifest(folder)
    except DatasetError:
        return False
    return True


def _earlier_facts(out: Path) -> dict[str, Any]:
    """The facts of the run whose results a folder has; empty where it says nothing of them."""
    try:
        facts = json.loads((out / RUN).read_bytes())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) and isinstance(facts.get("options"), dict) else {}


def write_table(path: Path, records: Iterable[Execution]) -> None:
    """One Parquet row for each record, sorted, with the mutation's fields as `mutation_*` columns.

    `mutation_mutants` is a list of the fields of `MutantVerdict`.
    """
    rows = []
    for record in sorted(records, key=lambda record: (record.pair_id, record.model, record.candidate_id)):
        row = {field.name: getattr(record, field.name) for field in fields(record)}
        mutation = row.pop("mutation")
        for name in (*(field.name for field in fields(Mutation)), *_CONVENTIONS):
            row[f"mutation_{name}"] = getattr(mutation, name) if mutation else None
        if mutation:
            row["mutation_mutants"] = [asdict(mutant) for mutant in mutation.mutants]
        rows.append({name: list(value) if isinstance(value, tuple) else value for name, value in row.items()})
    write_rows(path, rows)


def write_references(dataset: Path, records: Iterable[Execution]) -> None:
    """Write what the dataset's own tests reached. Raises StorageError."""
    write_rows(dataset / REFERENCE_TABLE, [reference_row(record) for record in records])


def reference_row(record: Execution) -> dict[str, Any]:
    """What a repository's own test reaches: the baseline for all candidates of its pair.

    `verified`: it passes, is stable, and covers its focal file.
    """
    passed, mutation = record.status is Status.PASSED, record.mutation
    return {
        "id": record.pair_id,
        "reference_status": record.status,
        "reference_rung": record.rung,
        "reference_reason": record.reason,
        "reference_statements": record.statements,
        "reference_covered": record.covered,
        "reference_coverage": record.covered / record.statements if record.statements else None,
        "reference_branches": record.branches,
        "reference_branches_covered": record.branches_covered,
        "reference_branch_coverage": record.branch_coverage,
        **{
            f"reference_mutation_{name}": getattr(mutation, name) if mutation else None
            for name in ("score", *_CONVENTIONS)
        },
        "reference_seconds": record.run_seconds / record.repeats if record.repeats else None,
        "verified": passed and record.repeats > 1 and record.covered > 0,
    }
