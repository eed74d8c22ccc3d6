"""The results of baselines by item, from their run folders."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from goutbench.baselines.names import PREFIX
from goutbench.dataset.reading import read_records
from goutbench.errors import ConfigError
from goutbench.locations import CANDIDATES, EXECUTIONS
from goutbench.records import REFERENCE, Candidate, Execution
from goutbench.tasks.task import Key


@dataclass(slots=True)
class BaselineResults:
    """Executions of baselines: by the name of the baseline and the item."""

    by_baseline: dict[str, dict[Key, Execution]] = field(default_factory=dict)

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
        focal = {candidate.id: candidate.focal for candidate in read_records(run / CANDIDATES, Candidate)}
        records = read_records(run / EXECUTIONS, Execution)
        if not records:
            hint = "run `goutbench execute` on it first"
            raise ConfigError("a run without executions", where=str(run), hint=hint)
        for record in records:
            name = record.model.removeprefix(PREFIX)
            if record.model != REFERENCE and not record.model.startswith(PREFIX):
                hint = "give runs of baseline/… models, or of `execute --reference`"
                raise ConfigError(f"the model {record.model} is no baseline", where=str(run), hint=hint)
            if record.model != REFERENCE and record.candidate_id not in focal:
                what, hint = "the run lacks its candidates", f"execute {CANDIDATES} into its own folder"
                raise ConfigError(what, where=str(run), hint=hint)
            items = results.by_baseline.setdefault(name, {})
            key = record.pair_id, focal.get(record.candidate_id, ())
            if key in items:
                raise ConfigError(f"an earlier run has {name} for the pair {record.pair_id}", where=str(run))
            items[key] = record
    return results
