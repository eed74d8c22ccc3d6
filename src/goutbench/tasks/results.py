"""The results of baselines by item, from their run folders."""

import json
from ast import literal_eval
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from goutbench.baselines.names import PREFIX
from goutbench.dataset.reading import read_records
from goutbench.errors import ConfigError
from goutbench.execute.journal import RUN
from goutbench.locations import CANDIDATES, EXECUTIONS
from goutbench.records import REFERENCE, Candidate, Execution
from goutbench.tasks.task import Key

_DECIDING = ("mutants", "seed", "repeat", "siblings", "ignore_texts", "short")


@dataclass(slots=True)
class BaselineResults:
    """Executions of baselines by the name of the baseline and the item, and reference tests as candidates."""

    by_baseline: dict[str, dict[Key, Execution]] = field(default_factory=dict)
    solutions: dict[Key, Candidate] = field(default_factory=dict)

    @property
    def reference(self) -> dict[Key, Execution]:
        """The ceiling of each item."""
        return self.by_baseline.get(REFERENCE, {})

    def coverage(self, baseline: str, key: Key) -> float | None:
        """The covered share of an item's statements by a baseline."""
        record = self.by_baseline.get(baseline, {}).get(key)
        return None if record is None else record.coverage

    def score(self, baseline: str, key: Key) -> float | None:
        """The mutation score of a baseline for an item."""
        record = self.by_baseline.get(baseline, {}).get(key)
        return None if record is None or record.mutation is None else record.mutation.score


def read_baselines(runs: Iterable[Path]) -> BaselineResults:
    """Read the run folders of `generate --model baseline/…` or of `execute --reference`.

    Raises ConfigError where a run has another model, no executions, or an item that an earlier one has.
    """
    results = BaselineResults()
    for run in runs:
        candidates = {candidate.id: candidate for candidate in read_records(run / CANDIDATES, Candidate)}
        records = read_records(run / EXECUTIONS, Execution)
        if not records:
            hint = "run `goutbench execute` on it first"
            raise ConfigError("a run without executions", where=str(run), hint=hint)
        for record in records:
            name = record.model.removeprefix(PREFIX)
            if record.model != REFERENCE and not record.model.startswith(PREFIX):
                hint = "give runs of baseline/… models, or of `execute --reference`"
                raise ConfigError(f"the model {record.model} is no baseline", where=str(run), hint=hint)
            if record.model != REFERENCE and record.candidate_id not in candidates:
                what, hint = "the run lacks its candidates", f"execute {CANDIDATES} into its own folder"
                raise ConfigError(what, where=str(run), hint=hint)
            items = results.by_baseline.setdefault(name, {})
            candidate = candidates.get(record.candidate_id)
            key = record.pair_id, candidate.focal if candidate else ()
            if key in items:
                raise ConfigError(f"an earlier run has {name} for the pair {record.pair_id}", where=str(run))
            items[key] = record
            if candidate is not None and name == REFERENCE:
                results.solutions[key] = candidate
    return results


def common_options(runs: Sequence[Path]) -> dict[str, Any]:
    """The options that decide what a score is, which all runs must share; none where a run lacks its options.

    Raises ConfigError where they differ.
    """
    first: dict[str, Any] | None = None
    for run in runs:
        options = _options(run)
        if not options:
            return {}
        if first is not None and options != first:
            names = ", ".join(name for name in _DECIDING if options.get(name) != first.get(name))
            hint = "execute all of them with the same options"
            what = f"executed with other options ({names}) than {runs[0]}"
            raise ConfigError(what, where=str(run), hint=hint)
        first = options
    return first or {}


def _options(run: Path) -> dict[str, Any]:
    try:
        chosen = json.loads((run / RUN).read_bytes())["options"]
        texts = {name: chosen[name] for name in _DECIDING}
        return {name: text if name == "siblings" else literal_eval(text) for name, text in texts.items()}
    except (OSError, ValueError, KeyError, TypeError, SyntaxError):
        return {}
