"""What a report counts: candidates with their executions, grouped by item and model.

The item is the unit of every statistic: the samples of one item are averaged before anything is averaged over
items.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from goutbench.records import Candidate, Execution, Pair, Rung, Status

REFERENCE = "reference"
FATES = ("passes", "builds, fails", "does not build")


class ItemKey(NamedTuple):
    """An item: a pair and the focal functions, none for the whole file."""

    pair_id: str
    focal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SampleResult:
    """What became of one sample of an item: a candidate and its execution, where they exist.

    `round` is 0 for the first answer, else the number of the repair round. `failure` is a key of
    `taxonomy.FAILURE_CLASSES`.
    """

    item: ItemKey
    sample: int
    round: int
    model: str
    pair: Pair
    candidate: Candidate | None
    execution: Execution | None
    failure: str

    @property
    def rung(self) -> Rung:
        """The highest rung reached; an infrastructure error reaches none."""
        if self.execution is None or self.execution.status == Status.INFRA_FAILURE:
            return Rung.NONE
        return Rung(self.execution.rung)

    @property
    def built(self) -> bool:
        return self.rung.reaches(Rung.BUILD)

    @property
    def passed(self) -> bool:
        """Builds, runs at least one test, and all its tests pass in every run."""
        return self.execution is not None and self.execution.status == Status.PASSED

    @property
    def fate(self) -> str:
        """The result in one of three classes: FATES."""
        passes, builds, fails = FATES
        return passes if self.passed else builds if self.built else fails

    @property
    def infrastructure_error(self) -> bool:
        return self.execution is not None and self.execution.status == Status.INFRA_FAILURE

    @property
    def coverage(self) -> float | None:
        """The covered share of the focal statements; None where nothing was measured."""
        run = self.execution
        if run is None:
            return None
        if self.item.focal and run.focal_statements:
            return run.focal_covered / run.focal_statements
        return run.covered / run.statements if run.statements else None

    @property
    def mutation_score(self) -> float | None:
        """The killed share of the viable mutants; None where none was run."""
        mutation = self.execution.mutation if self.execution else None
        return mutation.score if mutation else None

    @property
    def mutants_run(self) -> bool:
        """Whether mutants were requested, so that a missing score counts as 0."""
        return self.execution is not None and self.execution.mutation is not None


Measure = Callable[[SampleResult], float | None]
"""A number of one sample; None counts as 0."""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One model's samples for one item, all of the same stage: first answers, or the last repair of each."""

    item: ItemKey
    model: str
    pair: Pair
    samples: tuple[SampleResult, ...]

    def mean(self, measure: Measure) -> float:
        """The mean of the item's samples; a sample without a measurement counts as 0."""
        return sum(measure(sample) or 0.0 for sample in self.samples) / len(self.samples)

    def share(self, holds: Callable[[SampleResult], bool]) -> Fraction:
        """The share of samples for which a condition holds."""
        return Fraction(sum(map(holds, self.samples)), len(self.samples))

    def values(self, measure: Measure) -> list[float]:
        """One value for every sample; a sample without a measurement counts as 0."""
        return [measure(sample) or 0.0 for sample in self.samples]


class Results:
    """All results of a report. Models are in the order of their names, the reference last."""

    def __init__(self, samples: Sequence[SampleResult], not_executed: Mapping[str, Path]) -> None:
        """`not_executed` has the models with a run that was generated and never executed, and its folder."""
        self.samples = tuple(samples)
        self.not_executed = not_executed
        names = {sample.model for sample in self.samples}
        self.models = sorted(names, key=lambda model: (model == REFERENCE, model))

    @property
    def contestants(self) -> list[str]:
        """The models without the reference."""
        return [model for model in self.models if model != REFERENCE]

    @property
    def compared(self) -> list[str]:
        """The models without the reference, or the reference where there is nothing else."""
        return self.contestants or self.models

    @cached_property
    def sample_count(self) -> int:
        """The largest number of samples of an item."""
        return max(len(item.samples) for model in self.models for item in self.first_answers(model))

    @cached_property
    def mutants_run(self) -> bool:
        return any(sample.mutants_run for sample in self.samples)

    def executed_answers(self, model: str) -> list[ItemResult]:
        """The first answers if they were executed, else none: what was not executed has no rates or means."""
        return [] if model in self.not_executed else self.first_answers(model)

    def mutated_answers(self, model: str) -> list[ItemResult]:
        """The executed answers if mutants were requested for them, else none.

        Mutants run against passing candidates only. A model without one has the score 0 beside models with
        mutants, because its candidates fail.
        """
        items = self.executed_answers(model)
        passing = [sample for item in items for sample in item.samples if sample.passed]
        return items if self.mutants_run and all(sample.mutants_run for sample in passing) else []

    @cached_property
    def repaired_models(self) -> frozenset[str]:
        """The models with at least one repair round."""
        return frozenset(sample.model for sample in self.samples if sample.round > 0)

    def first_answers(self, model: str) -> list[ItemResult]:
        """A model's items with the candidates before any repair: what every headline number counts."""
        return self._first_answers.get(model, [])

    def last_answers(self, model: str) -> list[ItemResult]:
        """A model's items with the last repair of each sample in place of its first answer."""
        last: dict[tuple[ItemKey, int], SampleResult] = {}
        for sample in self.samples:
            key = sample.item, sample.sample
            if sample.model == model and (key not in last or sample.round > last[key].round):
                last[key] = sample
        return items_of(last.values())

    @cached_property
    def _first_answers(self) -> dict[str, list[ItemResult]]:
        first: dict[str, list[SampleResult]] = {}
        for sample in self.samples:
            if sample.round == 0:
                first.setdefault(sample.model, []).append(sample)
        return {model: items_of(samples) for model, samples in first.items()}


def items_of(samples: Iterable[SampleResult]) -> list[ItemResult]:
    """Group one model's samples by item, in the order in which the items first occur."""
    groups: dict[ItemKey, list[SampleResult]] = {}
    for sample in samples:
        groups.setdefault(sample.item, []).append(sample)
    return [ItemResult(item, group[0].model, group[0].pair, tuple(group)) for item, group in groups.items()]


def weighted_count(items: Iterable[ItemResult], holds: Callable[[SampleResult], bool]) -> int | float:
    """The number of items for which the condition holds, each by the share of its samples."""
    total = sum((item.share(holds) for item in items), start=Fraction())
    return integer_if_integral(total)


def integer_if_integral(count: Fraction | float) -> int | float:
    """An integer where the count is whole, as it always is with one sample per item."""
    return int(count) if count == int(count) else float(count)
