"""What a report counts: candidates with their executions, grouped by item and model.

The item is the unit of every statistic: the samples of one item are averaged before anything is averaged over
items.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

from goutbench.records import (
    MODEL_ERROR,
    REFERENCE,
    TRUNCATED,
    Candidate,
    Completion,
    Execution,
    Mutation,
    Pair,
    Rung,
    Status,
    pairs_without_coverage,
)

NOT_RUN = "not-run"
"""The failure class of a candidate that was never executed."""

FATES = ("passes", "builds, fails", "does not build")


class ItemKey(NamedTuple):
    """An item: a pair and the focal functions, none for the whole file."""

    pair_id: str
    focal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SampleResult:
    """What became of one sample of an item: a candidate and its execution, where they exist.

    `round` is 0 for the first answer, else the number of the feedback round. `failure` is a key of
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
    def was_executed(self) -> bool:
        """Whether there is a result, also an infrastructure error; a missing reply is a failure."""
        return self.execution is not None or self.failure != NOT_RUN

    @property
    def fate(self) -> str:
        """The result in one of three classes, FATES; empty if there is none, or an infrastructure error."""
        if not self.was_executed or self.infrastructure_error:
            return ""
        passes, builds, fails = FATES
        return passes if self.passed else builds if self.built else fails

    @property
    def infrastructure_error(self) -> bool:
        return self.execution is not None and self.execution.status == Status.INFRA_FAILURE

    @property
    def coverage(self) -> float | None:
        """The covered share of the focal statements; None where nothing was measured."""
        return self.execution.coverage if self.execution else None

    @property
    def branch_coverage(self) -> float | None:
        """The covered share of the outcomes of focal branches; None where nothing was measured."""
        return self.execution.branch_coverage if self.execution else None

    @property
    def mutation(self) -> Mutation | None:
        return self.execution.mutation if self.execution else None

    @property
    def mutation_score(self) -> float | None:
        """The killed share of the viable mutants; None where none was run."""
        return self.mutation.score if self.mutation else None

    @property
    def has_no_mutants(self) -> bool:
        """Whether mutants were requested, and there is none that a test could kill."""
        mutation = self.mutation
        return (
            mutation is not None
            and mutation.score is None
            and (not mutation.total or mutation.equivalent > 0)
        )

    @property
    def mutants_run(self) -> bool:
        """Whether mutants were requested, so that a missing score counts as 0."""
        return self.mutation is not None


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a report leaves out: reference tests of pairs that no model was asked for, and unknown pairs.

    `unknown` has an example of a pair that is not in the dataset for each run folder, and how many
    candidates have such pairs.
    """

    references: int = 0
    unknown: Mapping[Path, tuple[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """What the calls of a model took: their number, tokens of prompts and replies, and the cost in the unit
    of the price file, None without one. A call without a reply counts, too. `cut_off` is the number of
    replies that reached the token limit, and `unanswered` that of calls that the server did not answer."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    cut_off: int = 0
    unanswered: int = 0

    @classmethod
    def of(cls, completion: Completion) -> Self:
        """What one call took."""
        return cls(
            1,
            completion.input_tokens,
            completion.output_tokens,
            completion.cost,
            cut_off=int(completion.error == TRUNCATED),
            unanswered=int(completion.error == MODEL_ERROR),
        )

    def __add__(self, other: Self) -> Self:
        costs = [cost for cost in (self.cost, other.cost) if cost is not None]
        return replace(
            self,
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost=sum(costs) if costs else None,
            cut_off=self.cut_off + other.cut_off,
            unanswered=self.unanswered + other.unanswered,
        )


Measure = Callable[[SampleResult], float | None]
"""A number of one sample; None counts as 0."""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One model's samples for one item, all first answers, or all that count after one round."""

    item: ItemKey
    model: str
    pair: Pair
    samples: tuple[SampleResult, ...]

    def mean(self, measure: Measure) -> float:
        """The mean of the item's samples; a sample without a measurement counts as 0."""
        return sum(measure(sample) or 0.0 for sample in self.samples) / len(self.samples)

    def share(self, holds: Callable[[SampleResult], bool]) -> Fraction | int:
        """The share of samples for which a condition holds."""
        count = sum(map(holds, self.samples))
        return count if len(self.samples) == 1 else Fraction(count, len(self.samples))

    def values(self, measure: Measure) -> list[float]:
        """One value for every sample; a sample without a measurement counts as 0."""
        return [measure(sample) or 0.0 for sample in self.samples]


class Results:
    """All results of a report. Models are in the order of their names, the reference last."""

    def __init__(
        self,
        samples: Sequence[SampleResult],
        folders: Mapping[str, Path],
        dropped: Dropped | None = None,
        usage: Mapping[tuple[str, int], Usage] | None = None,
    ) -> None:
        """`folders` has the run folder of each model with candidates; `dropped` is not in `samples`; `usage`
        is by model and feedback round."""
        self.samples = tuple(samples)
        self._usage = usage or {}
        self.folders = folders
        self.dropped = dropped or Dropped()
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

    @cached_property
    def branches_measured(self) -> bool:
        return any(sample.branch_coverage is not None for sample in self.samples)

    @cached_property
    def not_measured(self) -> frozenset[str]:
        """The models without a result: nothing was executed, or there are infrastructure errors only."""
        measured = {sample.model for sample in self.samples if sample.execution and sample.fate}
        return frozenset(self.models) - measured

    def last_round(self, model: str) -> int:
        """The number of the last feedback round in which a model was called, also where no reply had text."""
        return max((at for name, at in self._usage if name == model), default=0)

    def usage_until(self, model: str, number: int) -> Usage:
        """What a model's calls took, from the first answers to a feedback round."""
        rounds = (used for (name, at), used in self._usage.items() if name == model and at <= number)
        return sum(rounds, start=Usage())

    def executed_answers(self, model: str) -> list[ItemResult]:
        """The first answers that were executed: what was not executed has no rates or means."""
        return self._executed.get(model, [])

    def covered_answers(self, model: str) -> list[ItemResult]:
        """The executed answers without the items whose coverage cannot be measured, for any model."""
        return self.with_coverage(self.executed_answers(model))

    def with_coverage(self, items: Iterable[ItemResult]) -> list[ItemResult]:
        """Those of the items whose coverage can be measured, for any model."""
        return [item for item in items if item.pair.id not in self._pairs_without_coverage]

    def branch_answers(self, model: str) -> list[ItemResult]:
        """The answers with coverage, without the items that have no branches, or whose branches were not
        measured for a sample of any model. None if an earlier version, which did not measure branches,
        executed them."""
        if not self.branches_measured or model in self._models_without_branches:
            return []
        return [i for i in self.covered_answers(model) if i.item not in self._items_without_branches]

    def mutated_answers(self, model: str) -> list[ItemResult]:
        """The executed answers if mutants were requested for them, else none; no items without mutants."""
        return self.with_mutants(self.executed_answers(model))

    def with_mutants(self, items: Sequence[ItemResult]) -> list[ItemResult]:
        """One model's items if mutants were requested for them, else none; no items without mutants.

        Mutants run against passing candidates only. A model without one has the score 0 beside models with
        mutants, because its candidates fail.
        """
        passing = [sample for item in items for sample in item.samples if sample.passed]
        if not self.mutants_run or not all(sample.mutants_run for sample in passing):
            return []
        return [item for item in items if item.item not in self._items_without_mutants]

    @cached_property
    def _executed(self) -> dict[str, list[ItemResult]]:
        return {
            model: items_of(s for item in items for s in item.samples if s.was_executed)
            for model, items in self._first_answers.items()
            if model not in self.not_measured
        }

    @cached_property
    def _pairs_without_coverage(self) -> frozenset[str]:
        return pairs_without_coverage(sample.execution for sample in self.samples if sample.execution)

    @cached_property
    def _items_without_branches(self) -> frozenset[ItemKey]:
        return frozenset(
            sample.item
            for sample in self.samples
            if sample.model not in self._models_without_branches
            if sample.coverage is not None and sample.branch_coverage is None
        )

    @cached_property
    def _models_without_branches(self) -> frozenset[str]:
        """The models with coverage of items with branches, and never any of these."""
        measured = [sample for sample in self.samples if sample.branch_coverage is not None]
        items = {sample.item for sample in measured}
        covered = (s for s in self.samples if s.coverage is not None and s.item in items)
        return frozenset(sample.model for sample in covered) - {sample.model for sample in measured}

    @cached_property
    def _items_without_mutants(self) -> frozenset[ItemKey]:
        scored = {sample.item for sample in self.samples if sample.mutation_score is not None}
        return frozenset(sample.item for sample in self.samples if sample.has_no_mutants) - scored

    def first_answers(self, model: str) -> list[ItemResult]:
        """A model's items with the candidates before any feedback: what every headline number counts."""
        return self._first_answers.get(model, [])

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
    total: Fraction | int = sum(item.share(holds) for item in items)
    return integer_if_integral(total)


def integer_if_integral(count: Fraction | float) -> int | float:
    """An integer where the count is whole, as it always is with one sample per item."""
    return int(count) if count == int(count) else float(count)
