"""The `merge` stage: from the run folders of shards to that of one run."""

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from goutbench.dataset.reading import read_records
from goutbench.dataset.store import data_files, read_table, storage_error, write_json, write_rows
from goutbench.errors import ConfigError, DatasetError
from goutbench.execute import journal as executions
from goutbench.generate import complete as completions
from goutbench.generate.stage import unit_key
from goutbench.generate.summary import count_errors
from goutbench.judge import calls as answers
from goutbench.judge.config import Judge, JudgeConfig
from goutbench.judge.options import JudgeOptions
from goutbench.judge.requests import requests
from goutbench.judge.stage import MATCHES, VERDICTS, judge_facts, paired_runs, write_result
from goutbench.judge.verdict import Answer
from goutbench.locations import CANDIDATES, COMPLETIONS, EXECUTIONS, PROMPTS
from goutbench.merge.machines import machine_differences
from goutbench.merge.parts import Finished, Parts, check_finished, read_parts
from goutbench.merge.tables import Row, add, merge_journals, read_rows
from goutbench.records import Completion, Execution, Verdict

RUN, LOGS = "run.json", "logs"
_Merge = Callable[[Parts, Path, Path, Path], int]


def merge(
    runs: Sequence[Path], dataset: Path, out: Path, *, on_mixed: Callable[[str], None] | None = None
) -> dict[str, int]:
    """Join the run folders of all shards into `out`; returns how many units each stage has.

    The tables and `run.json` are, byte for byte, those of a run without shards that has these records;
    journals have the same lines, sorted. Raises ConfigError where the folders are not all shards of one run,
    where a unit has no record, and where two records of a unit contradict each other; DatasetError,
    StorageError. Shards that were executed with different Go or in different sandboxes are an error,
    too, unless `on_mixed` takes the text about each difference.
    """
    parts = read_parts(runs, dataset)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError("the folder is not empty", where=f"--out {out}", hint="give a new folder")
    check_finished(parts, {stage: _FINISHED[stage] for stage in parts.stages}, _candidate_ids)
    for difference in machine_differences(parts):
        if on_mixed is None:
            hint = "execute the shards of one side again, or add --mixed"
            raise ConfigError(f"shards of different machines: {difference}", where="merge", hint=hint)
        on_mixed(difference)
    if not any(part.units for record in parts.records for part in record.stages.values()):
        hint = "check the options that select items"
        raise ConfigError("no shard has a unit", where=str(runs[0]), hint=hint)
    with _complete_folder(out) as partial_folder:
        counts = {
            stage: _MERGES[stage](parts, dataset, partial_folder, out)
            for stage in _MERGES
            if stage in parts.stages
        }
        _copy_logs(parts.folders, partial_folder)
    return counts


@contextmanager
def _complete_folder(out: Path) -> Iterator[Path]:
    """A folder to write to, which gets its name at the end of the block. Raises StorageError."""
    staging = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        yield staging
        staging.replace(out)
    except OSError as error:
        raise storage_error(error, out) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _first_run(parts: Parts, name: str) -> tuple[Path, dict[str, Any]]:
    """The first folder with this JSON file, and its content. Raises DatasetError where none has it."""
    for folder in parts.folders:
        if (folder / name).is_file():
            return folder, json.loads((folder / name).read_bytes())
    hint = "run the same commands of the shards again: they resume"
    raise DatasetError(f"no shard has {name}", where=str(parts.folders[0]), hint=hint)


def _copy_logs(folders: Sequence[Path], out: Path) -> None:
    """Inspect's logs, whose names are unique."""
    for folder in folders:
        if (folder / LOGS).is_dir():
            shutil.copytree(folder / LOGS, out / LOGS, dirs_exist_ok=True)


# ── generate ───────────────────────────────────────────────────────────────────────────────────────────


def _generated(folder: Path) -> Collection[str]:
    return _keys_of(folder / CANDIDATES, _candidate_key)


def _candidate_ids(folder: Path) -> Collection[str]:
    return _keys_of(folder / CANDIDATES, _id)


def _keys_of(path: Path, key: Callable[[Row], str]) -> Collection[str]:
    return {key(row) for row in read_table(path).to_pylist()} if path.is_file() else ()


def _candidate_key(row: Row) -> str:
    return unit_key(row["pair_id"], row["focal"], row["sample"])


def _id(row: Row) -> str:
    return str(row["id"])


def _merge_generated(parts: Parts, dataset: Path, out: Path, final: Path) -> int:
    ids = (id for path in data_files(dataset) for id in read_table(path, ["id"])["id"].to_pylist())
    rank = {id: number for number, id in enumerate(ids)}
    tables: dict[str, list[Row]] = {}
    keys = {PROMPTS: _id, COMPLETIONS: _completion_key, CANDIDATES: _candidate_key}
    for name, key in keys.items():
        rows = read_rows(parts.folders, name, key).values()
        tables[name] = sorted(rows, key=lambda row: rank[row["pair_id"]])
        write_rows(out / name, tables[name])
    candidates = tables[CANDIDATES]
    items = {(row["pair_id"], *row["focal"]) for row in candidates}
    content = _first_run(parts, RUN)[1] | {
        "templates": {row["template"]: row["template_hash"] for row in tables[PROMPTS]},
        "items": len(items),
        "candidates": len(candidates),
        "errors": count_errors(row["error"] for row in tables[COMPLETIONS]),
    }
    write_json(out / RUN, content)
    merge_journals(parts.folders, out, completions.JOURNAL, Completion)
    return len(candidates)


def _completion_key(row: Row) -> str:
    return f"{row['prompt_id']} {row['sample']}"


# ── execute ────────────────────────────────────────────────────────────────────────────────────────────


def _executed(folder: Path) -> Collection[str]:
    return {record.candidate_id for record in read_records(folder / EXECUTIONS, Execution)}


def _merge_executed(parts: Parts, dataset: Path, out: Path, final: Path) -> int:
    merged: dict[str, tuple[Path, Row]] = {}
    by_identity: dict[int, Execution] = {}
    for folder in parts.folders:
        for record in read_records(folder / EXECUTIONS, Execution):
            row = asdict(record)
            by_identity[id(row)] = record
            add(merged, record.candidate_id, row, folder)
    records = [by_identity[id(row)] for _, row in merged.values()]
    executions.write_table(out / EXECUTIONS, records)
    folder, facts = _first_run(parts, executions.RUN)
    if facts["candidates"] and Path(facts["candidates"]).parent == folder.resolve():
        facts["candidates"] = str(final.resolve() / CANDIDATES)
    write_json(out / executions.RUN, facts)
    merge_journals(parts.folders, out, executions.JOURNAL, Execution, key="id")
    if facts["reference"] and not facts["candidates"]:
        executions.write_references(dataset, records)
    return len(records)


# ── judge ──────────────────────────────────────────────────────────────────────────────────────────────


def _judged(folder: Path) -> Collection[str]:
    return _keys_of(folder / MATCHES, _id)


def _merge_judged(parts: Parts, dataset: Path, out: Path, final: Path) -> int:
    _, content = _first_run(parts, RUN)
    runs = _runs_of(content)
    options = JudgeOptions(**content["options"])
    judges = [
        Judge(JudgeConfig.model_validate(config), label.partition("=")[2])
        for label, config in content["judges"].items()
    ]
    _check_unchanged(runs, parts, judges, options)
    paired = paired_runs(runs, dataset, options)
    comparisons = [comparison for one in paired for comparison in one.comparisons]
    rows = read_rows(parts.folders, VERDICTS, lambda row: f"{row['match_id']} {row['order']}")
    verdicts = [
        Verdict(**rows[f"{request.match_id} {request.order}"])
        for judge in judges
        for request in requests(comparisons, judge)
    ]
    # a relative path of the runs is that of the command, not of the folder
    named_dataset = Path(content["runs"]["dataset"])
    result = write_result(runs, named_dataset, out, judges, options, paired, verdicts)
    merge_journals(parts.folders, out, answers.JOURNAL, Answer)
    return len(result.matches)


def judged_runs(folder: Path) -> list[Path]:
    """The runs that a judge folder compares."""
    return _runs_of(json.loads((folder / RUN).read_bytes()))


def _runs_of(content: Mapping[str, Any]) -> list[Path]:
    return [Path(path) for name, path in content["runs"].items() if name != "dataset"]


def _check_unchanged(
    runs: Sequence[Path], parts: Parts, judges: Sequence[Judge], options: JudgeOptions
) -> None:
    """Raises ConfigError where a run is not the one that the shards compared."""
    hint = "restore its candidates, or judge all shards again"
    for run in runs:
        if not (run / CANDIDATES).is_file():
            raise ConfigError(f"a judged run without {CANDIDATES}", where=str(run), hint=hint)
    compared, now = parts.facts("judge")["runs"], judge_facts(runs, judges, options)["runs"]
    for run, name in zip(runs, now, strict=True):
        if compared.get(name) != now[name]:
            raise ConfigError("the run has changed since it was judged", where=str(run), hint=hint)


_FINISHED: Mapping[str, Finished] = {"generate": _generated, "execute": _executed, "judge": _judged}
_MERGES: Mapping[str, _Merge] = {
    "generate": _merge_generated,
    "execute": _merge_executed,
    "judge": _merge_judged,
}
