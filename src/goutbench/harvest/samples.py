"""Reads executed runs: each candidate with its execution, its pair, and the first prompt about its item."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goutbench.dataset.reading import read_records
from goutbench.dataset.store import read_pairs, read_table
from goutbench.errors import ConfigError, DatasetError
from goutbench.execute.journal import RUN
from goutbench.generate.summary import execute_command
from goutbench.inference.models import PROMPT_OPTIONS
from goutbench.locations import CANDIDATES, COMPLETIONS, EXECUTIONS, PROMPTS
from goutbench.records import Candidate, Completion, Execution, Pair

if TYPE_CHECKING:
    import pyarrow as pa

Messages = tuple[tuple[str, str], ...]
ItemOf = tuple[str, tuple[str, ...]]
"""The id of a pair and the focal functions."""

_GENERATE = "give a run folder that `goutbench generate` wrote"
_OF_CANDIDATE = ("prompt", "prompt_hash", "sample", "round", "mode")
_OF_PAIR = ("repository", "domain", "code_path", "licence")


@dataclass(frozen=True, slots=True)
class Sample:
    """A candidate that was executed, with the first prompt about its item; `row` is its row of `--where`."""

    run: str
    revision: str
    pair: Pair
    candidate: Candidate
    execution: Execution
    prompt_id: str
    messages: Messages
    row: Mapping[str, Any]

    @property
    def item(self) -> ItemOf:
        return self.pair.id, self.candidate.focal

    @property
    def mutation_score(self) -> float | None:
        return self.execution.mutation.score if self.execution.mutation else None


@dataclass(frozen=True, slots=True)
class ExecutedRun:
    """A run folder: its samples, what `run.json` says, and a digest of the dataset it was executed with."""

    folder: Path
    samples: tuple[Sample, ...]
    facts: Mapping[str, Any]
    dataset: str

    @property
    def settings(self) -> dict[str, Any]:
        """The options of `generate` that shaped the prompts, and the prompt's hash."""
        options = self.facts.get("options", {})
        settings = {name: options[name] for name in (*PROMPT_OPTIONS, "tokenizer") if name in options}
        return settings | {"prompt_hash": self.facts.get("prompt", {}).get("hash", "")}


def read_runs(folders: Sequence[Path], dataset: Path, excluded: Counter[str]) -> list[ExecutedRun]:
    """The runs; `excluded` counts by reason the candidates that cannot become rows.

    Raises ConfigError for a folder that is no run or was not executed, and for runs of different datasets;
    DatasetError for runs of pairs that the dataset does not have.
    """
    pairs = {pair.id: pair for pair in read_pairs(dataset)}
    runs = [_read_run(folder, dataset, pairs, excluded) for folder in folders]
    digests = {run.dataset: run.folder for run in runs if run.dataset}
    if len(digests) > 1:
        what = f"the runs are of different datasets: {', '.join(str(path) for path in digests.values())}"
        raise ConfigError(what, where="harvest", hint="harvest the runs of each dataset by themselves")
    return runs


def where_table(samples: Sequence[Sample]) -> "pa.Table":
    """What `--where` selects from: the columns of the executions, and those of candidate and pair."""
    import pyarrow as pa

    names = dict.fromkeys(name for sample in samples for name in sample.row)
    return pa.table({name: [sample.row.get(name) for sample in samples] for name in names})


def _read_run(folder: Path, dataset: Path, pairs: Mapping[str, Pair], excluded: Counter[str]) -> ExecutedRun:
    execute = f"execute it first: {execute_command(folder, dataset)}"
    for name, hint in {CANDIDATES: _GENERATE, PROMPTS: _GENERATE, EXECUTIONS: execute}.items():
        if not (folder / name).is_file():
            raise ConfigError(f"{name} not found", where=str(folder), hint=hint)
    candidates = read_records(folder / CANDIDATES, Candidate)
    if unknown := sorted({candidate.pair_id for candidate in candidates} - pairs.keys()):
        what = f"{len(unknown)} pairs of the run are not in the dataset {dataset}, such as {unknown[0]}"
        raise DatasetError(what, where=str(folder), hint="give the run's dataset with --dataset")
    facts, prompts = _read_json(folder / "run.json"), _FirstPrompts(folder, candidates)
    rows = {row["candidate_id"]: row for row in read_table(folder / EXECUTIONS).to_pylist()}
    executions = {record.candidate_id: record for record in read_records(folder / EXECUTIONS, Execution)}
    revision = str(facts.get("options", {}).get("revision", ""))
    samples = []
    for candidate in candidates:
        execution, asked = executions.get(candidate.id), prompts.of(candidate)
        if execution is None or len(asked) != 1:
            how = "several prompts" if asked else "no prompt, as a baseline"
            excluded["not executed" if execution is None else f"asked about in {how}"] += 1
            continue
        (prompt_id,), pair = asked, pairs[candidate.pair_id]
        row = _where_row(folder.name, pair, candidate, execution, rows[candidate.id])
        messages = prompts.messages[prompt_id]
        samples.append(Sample(folder.name, revision, pair, candidate, execution, prompt_id, messages, row))
    return ExecutedRun(folder, tuple(samples), facts, str(_read_json(folder / RUN).get("dataset", "")))


def _where_row(
    run: str, pair: Pair, candidate: Candidate, execution: Execution, stored: Mapping[str, Any]
) -> dict[str, Any]:
    """A row of `--where`, without the verdicts of single mutants."""
    return {
        "run": run,
        "function": ", ".join(candidate.focal),
        "coverage": execution.coverage,
        "branch_coverage": execution.branch_coverage,
        **{name: value for name, value in stored.items() if name != "mutation_mutants"},
        **{name: getattr(candidate, name) for name in _OF_CANDIDATE},
        **{name: getattr(pair, name) for name in _OF_PAIR},
    }


class _FirstPrompts:
    """The prompts of a run before any feedback, by item."""

    def __init__(self, folder: Path, candidates: Sequence[Candidate]) -> None:
        self.messages: dict[str, Messages] = {
            row["id"]: tuple((part["role"], part["content"]) for part in row["messages"])
            for row in read_table(folder / PROMPTS, ["id", "messages"]).to_pylist()
        }
        prompt_of = {reply.id: reply.prompt_id for reply in read_records(folder / COMPLETIONS, Completion)}
        self._by_item: defaultdict[ItemOf, set[str]] = defaultdict(set)
        for candidate in candidates:
            if not candidate.round:
                asked = {prompt_of[reply] for reply in candidate.completion_ids if reply in prompt_of}
                self._by_item[candidate.pair_id, candidate.focal] |= asked & self.messages.keys()

    def of(self, candidate: Candidate) -> set[str]:
        """The ids of the first prompts about the candidate's item: several for a file in parts."""
        return self._by_item[candidate.pair_id, candidate.focal]


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
