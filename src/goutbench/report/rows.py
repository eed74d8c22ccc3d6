"""What a report is made of: one row for each item and model, from the folders of the stages before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goutbench.dataset.store import data_files, read_table
from goutbench.errors import ConfigError, DatasetError
from goutbench.records import Match, Verdict
from goutbench.report.taxonomy import RUNGS, failure_class

REFERENCE = "reference"

_UNANSWERED = ("context-overflow", "model-error")

Key = tuple[str, tuple[str, ...], int]
"""An item: the pair's id, the focal functions (none: the whole file), the sample's number."""

_Answer = tuple[str, int, Key]  # the model's name, the round, the item
_Records = tuple[dict[str, Any] | None, dict[str, Any] | None]  # the candidate and its execution


@dataclass(frozen=True, slots=True)
class PairFacts:
    """The part of a pair that a report shows."""

    id: str
    repository: str
    domain: str
    code_path: str
    test_path: str
    code: str
    test: str
    code_lines: int


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one item under one model.

    `coverage` and `mutation` are shares of the focal statements and mutants; None where nothing was
    measured, which counts as 0 over all items. `round` is 0 for the raw answer, else that of the repair.
    """

    key: Key
    model: str
    round: int
    pair: PairFacts
    candidate: dict[str, Any] | None
    execution: dict[str, Any] | None
    failure: str

    @property
    def rung(self) -> int:
        """The rung reached, as an index into RUNGS; an infrastructure failure has reached none."""
        if self.execution is None or self.execution["status"] == "INFRA_FAILURE":
            return 0
        return RUNGS.index(self.execution["rung"])

    @property
    def built(self) -> bool:
        return self.rung >= RUNGS.index("build")

    @property
    def passed(self) -> bool:
        """Builds, runs at least one test, all pass, and stays so when repeated."""
        return self.execution is not None and self.execution["status"] == "PASSED"

    @property
    def coverage(self) -> float | None:
        found = self.execution
        if found is None:
            return None
        if self.key[1] and found.get("focal_statements"):
            return float(found["focal_covered"] / found["focal_statements"])
        return float(found["covered"] / found["statements"]) if found["statements"] else None

    @property
    def mutation(self) -> float | None:
        return self.execution["mutation_score"] if self.execution else None

    @property
    def mutants_run(self) -> bool:
        """Whether mutants were asked for, so that a missing score is a zero and not a blank."""
        return self.execution is not None and self.execution.get("mutation_total") is not None


@dataclass(frozen=True, slots=True)
class Judged:
    """One judge folder: its matches, and their verdicts by match."""

    matches: tuple[Match, ...]
    verdicts: dict[str, tuple[Verdict, ...]]


def read_facts(dataset: Path, only: Iterable[str]) -> dict[str, PairFacts]:
    """The named pairs of a dataset by id. Raises DatasetError where one is not in it."""
    wanted = set(only)
    found: dict[str, PairFacts] = {}
    names = list(PairFacts.__dataclass_fields__)
    for path in data_files(dataset):
        for row in read_table(path).select(names).to_pylist():
            if row["id"] in wanted:
                found[row["id"]] = PairFacts(**row)
    missing = wanted - found.keys()
    if missing:
        raise DatasetError(
            f"{len(missing)} of the runs' pairs are not in it, such as {min(missing)}",
            where=str(dataset),
            hint="give the dataset that the runs were made from",
        )
    return found


def read_rows(runs: Sequence[Path], dataset: Path, names: Mapping[Path, str] | None = None) -> list[Row]:
    """Every candidate of the runs, and every execution without a candidate table (a reference run).

    `names` gives a run's model another name, so that one model's runs with two prompts can be told apart.
    All models are given the union of the items: one without a candidate has a row that says so. Raises
    ConfigError for a folder that is no run, for a named one of several models, and where two runs answer the
    same item by the same name; DatasetError for a pair that is not in the dataset.
    """
    found: dict[_Answer, _Records] = {}
    for run in runs:
        mine = _answers(run, (names or {}).get(run, ""))
        if both := found.keys() & mine.keys():
            model, _, key = min(both)
            raise ConfigError(
                f"{len(both)} items have an answer of {model!r} in an earlier run too, such as pair {key[0]}",
                where=str(run),
                hint="name one of them: NAME=FOLDER",
            )
        found |= mine
    facts = read_facts(dataset, {key[0] for _, _, key in found})
    rows = [_row(model, number, key, facts[key[0]], *both) for (model, number, key), both in found.items()]
    return sorted(
        [*rows, *_absent(rows)], key=lambda row: (row.model, row.round, row.pair.repository, row.key)
    )


def _answers(run: Path, name: str) -> dict[_Answer, _Records]:
    """What a run holds, by the model's name or by `name`."""
    found: dict[_Answer, _Records] = {}
    models = set[str]()
    for candidate, execution in _read_run(run):
        source = candidate or execution or {}
        models.add(source["model"])
        key = (source["pair_id"], tuple((candidate or {}).get("focal") or ()), _number(candidate, "sample"))
        found[name or source["model"], _number(candidate, "round"), key] = (candidate, execution)
    if name and len(models) > 1:
        raise ConfigError(
            f"one name, {name!r}, for {len(models)} models",
            where=str(run),
            hint="give the folder without a name",
        )
    return found


def _number(candidate: dict[str, Any] | None, name: str) -> int:
    return int((candidate or {}).get(name) or 0)


def _row(model: str, number: int, key: Key, pair: PairFacts, candidate: Any, execution: Any) -> Row:
    failure = failure_class(execution)
    unanswered = (candidate or {}).get("unanswered")
    if unanswered and failure in ("no-code", "not-run"):
        failure = unanswered
    return Row(key, model, number, pair, candidate, execution, failure)


def _absent(rows: Sequence[Row]) -> list[Row]:
    """Rows for the items that another model was asked for and this one has no answer to."""
    raw = [row for row in rows if row.round == 0 and row.model != REFERENCE]
    items = {row.key: row.pair for row in raw}
    have = {(row.model, row.key) for row in raw}
    return [
        Row(key, model, 0, pair, None, None, "model-error")
        for model in sorted({row.model for row in raw})
        for key, pair in items.items()
        if (model, key) not in have
    ]


def _read_run(run: Path) -> Iterable[tuple[dict[str, Any] | None, dict[str, Any] | None]]:
    """Candidates with their executions; an execution without its candidate stands alone."""
    candidates, executions = run / "candidates.parquet", run / "executions.parquet"
    if not executions.is_file() and not candidates.is_file():
        raise ConfigError(
            "no run: neither candidates.parquet nor executions.parquet is there",
            where=str(run),
            hint="give the folders of `goutbench generate` and `goutbench execute`",
        )
    done = {row["candidate_id"]: row for row in _table(executions)}
    errors = {row["id"]: row["error"] for row in _table(run / "completions.parquet")}
    for row in _table(candidates):
        found = {errors.get(key) for key in row.get("completion_ids") or ()}
        row["unanswered"] = next((error for error in _UNANSWERED if error in found), "")
        yield row, done.pop(row["id"], None)
    for row in done.values():
        yield None, row


def _table(path: Path) -> list[dict[str, Any]]:
    return read_table(path).to_pylist() if path.is_file() else []


def read_texts(runs: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Completion id → its prompt's messages and its raw reply, where the runs hold them."""
    texts: dict[str, dict[str, Any]] = {}
    for run in runs:
        prompts = {row["id"]: row for row in _table(run / "prompts.parquet")}
        for row in _table(run / "completions.parquet"):
            prompt = prompts.get(row["prompt_id"], {})
            texts[row["id"]] = {"messages": prompt.get("messages") or [], "reply": row["text"]}
    return texts
