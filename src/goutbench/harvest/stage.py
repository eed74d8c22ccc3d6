"""The `harvest` stage: from executed runs to training rows, with a proof that no held-out pair is in them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from goutbench.dataset.reading import dataset_digest
from goutbench.dataset.store import (
    file_hash,
    read_pairs,
    read_table,
    to_table,
    tool_versions,
    write_json,
    write_rows,
    write_table,
)
from goutbench.dedup.near import compare_sides
from goutbench.errors import ConfigError, DatasetError
from goutbench.harvest.result import Harvest
from goutbench.harvest.samples import ExecutedRun, Sample, read_runs
from goutbench.harvest.select import HarvestOptions, HeldOut, choose
from goutbench.locations import HARVEST, HARVESTED_ROWS
from goutbench.prompts.prompt import completion_text
from goutbench.records import HarvestedRow, Overlap, Pair, short_hash
from goutbench.split.proof import broken_promises, prove
from goutbench.split.quotas import TRAIN
from goutbench.split.schemes import LEAKS, SplitRow
from goutbench.split.stage import table_name

PROOF = "proof.parquet"


def harvest(
    folders: Sequence[Path],
    dataset: Path,
    scheme: str,
    out: Path,
    options: HarvestOptions | None = None,
    *,
    workers: int = 1,
) -> Harvest:
    """Write training rows from executed runs to the folder `out`, with their proof and `harvest.json`.

    Raises ConfigError for a run without executions, runs of different datasets, an invalid expression, and
    where no row remains; DatasetError for a split that is missing or has leaks; StorageError.
    """
    options = options or HarvestOptions()
    _check_out(out)
    excluded: Counter[str] = Counter()
    held_out, splits = _read_split(dataset, scheme)
    runs = read_runs(folders, dataset, excluded)
    for run in runs:
        _check_examples(run, dataset / table_name(scheme), scheme, held_out, splits)
    samples = [sample for run in runs for sample in run.samples]
    candidates = len(samples) + excluded.total()
    chosen = choose(samples, held_out, options, excluded, workers=workers)
    reasons = {reason: count for reason, count in excluded.items() if count}
    if not chosen:
        causes = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        hint = "generate for the training split: --split SCHEME:train"
        raise ConfigError(f"no row remains of {candidates} candidates: {causes}", where="harvest", hint=hint)
    rows = tuple(map(_row, chosen))
    proof = _prove(dataset, scheme, chosen, held_out, splits, workers)
    result = Harvest(rows, tuple(proof), candidates, reasons)
    _write(out, result, _facts(runs, dataset, scheme, options))
    return result


def _check_out(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()) and not (out / HARVEST).is_file():
        raise ConfigError(
            "the folder has other files", where=f"--out {out}", hint="give a new folder, or one of a harvest"
        )


def _read_split(dataset: Path, scheme: str) -> tuple[HeldOut, dict[str, str]]:
    """What is held out, and the split of every pair by its id."""
    path = dataset / table_name(scheme)
    if not path.is_file():
        hint = f"run goutbench split {dataset} --scheme {scheme}"
        raise DatasetError(f"no split of scheme {scheme!r}", where=str(dataset), hint=hint)
    rows = read_table(path, ["pair_id", "split", "group"]).to_pylist()
    held_groups = {row["group"] for row in rows if row["split"] != TRAIN}
    splits = {row["pair_id"]: row["split"] for row in rows}
    training = frozenset(row["pair_id"] for row in rows if row["group"] not in held_groups)
    pairs = tuple(pair for pair in read_pairs(dataset) if splits.get(pair.id, TRAIN) != TRAIN)
    return HeldOut(training, pairs), splits


def _check_examples(
    run: ExecutedRun, table: Path, scheme: str, held_out: HeldOut, splits: Mapping[str, str]
) -> None:
    """Raises ConfigError for prompts whose in-context examples can be of held-out groups.

    Examples are of the training pairs of the run's own split, and stand in the rows word for word.
    """
    options = run.facts.get("options", {})
    if not options.get("examples"):
        return
    same_scheme = str(options.get("split", "")).partition(":")[0] == scheme
    same_table = run.facts.get("split_sha256") in (None, file_hash(table))
    all_training = sum(split == TRAIN for split in splits.values()) == len(held_out.training)
    if not (same_scheme and same_table and all_training):
        what = f"its in-context examples may be of pairs that {scheme!r} holds out"
        hint = f"generate with --split {scheme}:train of a leak-free scheme, or with --examples 0"
        raise ConfigError(what, where=str(run.folder), hint=hint)


def _row(sample: Sample) -> HarvestedRow:
    candidate, execution, pair = sample.candidate, sample.execution, sample.pair
    return HarvestedRow(
        id=short_hash(sample.prompt_id, candidate.code),
        pair_id=pair.id,
        repository=pair.repository,
        licence=pair.licence,
        functions=candidate.focal,
        messages=sample.messages,
        completion=completion_text(candidate.code),
        model=candidate.model,
        revision=sample.revision,
        run=sample.run,
        prompt=candidate.prompt,
        prompt_hash=candidate.prompt_hash,
        prompt_id=sample.prompt_id,
        sample=candidate.sample,
        round=candidate.round,
        completion_ids=candidate.completion_ids,
        candidate_id=candidate.id,
        execution_id=execution.id,
        status=execution.status,
        coverage=execution.coverage,
        branch_coverage=execution.branch_coverage,
        mutation_score=sample.mutation_score,
    )


def _prove(
    dataset: Path,
    scheme: str,
    samples: Sequence[Sample],
    held_out: HeldOut,
    splits: Mapping[str, str],
    workers: int,
) -> list[Overlap]:
    """What the rows have in common with the held-out pairs, from the texts alone; `train` are the rows.

    Raises DatasetError where near-duplicates are left, which the split's groups should have excluded.
    """
    pairs = [sample.pair for sample in samples]
    tests = [sample.candidate.code for sample in samples] + [pair.test for pair in held_out.pairs]
    everything = [*pairs, *held_out.pairs]
    code, test = compare_sides([pair.code for pair in everything], tests, workers=workers)
    names = [TRAIN] * len(pairs) + [splits[pair.id] for pair in held_out.pairs]
    rows = [_split_row(pair) for pair in everything]
    proof = prove(scheme, rows, names, code, test, promises=LEAKS)
    of_rows = [overlap for overlap in proof if overlap.first == TRAIN]
    if broken := broken_promises(of_rows):
        first = broken[0]
        raise DatasetError(
            f"{first.first_rows} rows have the {first.side} of a {first.second} pair ({first.measure})",
            where=str(dataset / table_name(scheme)),
            hint="the split has leaks: run `goutbench split` again",
        )
    return of_rows


def _split_row(pair: Pair) -> SplitRow:
    return SplitRow(
        pair.id, pair.repository, pair.domain, pair.code_path, pair.test_path, pair.code_first_date, 0
    )


def _facts(
    runs: Sequence[ExecutedRun], dataset: Path, scheme: str, options: HarvestOptions
) -> dict[str, Any]:
    """What `harvest.json` says of the inputs."""
    return {
        "runs": [
            {
                "folder": run.folder.name,
                "model": run.facts.get("model", ""),
                "revision": run.facts.get("options", {}).get("revision", ""),
                "settings": run.settings,
            }
            for run in runs
        ],
        "dataset": {"name": dataset.resolve().name, "pairs": dataset_digest(dataset), "split": scheme},
        "options": asdict(options),
    }


def _write(out: Path, result: Harvest, facts: Mapping[str, Any]) -> None:
    """Write the rows and their proof, and `harvest.json` last."""
    rows = [
        asdict(row) | {"messages": [{"role": role, "content": text} for role, text in row.messages]}
        for row in result.rows
    ]
    write_rows(out / HARVESTED_ROWS, rows)
    write_table(to_table(result.proof, Overlap), out / PROOF)
    content = {
        **facts,
        "candidates": result.candidates,
        "excluded": dict(result.excluded),
        "rows": len(result.rows),
        "repositories": dict(sorted(Counter(row.repository for row in result.rows).items())),
        "licences": dict(sorted(Counter(row.licence for row in result.rows).items())),
        "sha256": file_hash(out / HARVESTED_ROWS),
        "versions": tool_versions(),
    }
    write_json(out / HARVEST, content)
