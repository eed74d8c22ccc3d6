"""The verdict of a report: which model is best, by how much, and whether the data tell it from the other."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from goutbench.records import REFERENCE
from goutbench.report.contestants import baselines
from goutbench.report.results import ItemResult, Measure, Results
from goutbench.report.tables.cells import Mean, Rate, interval_text, percent
from goutbench.report.tables.compare import COVERAGE, MUTATION, PASSES, PairedDifference, signed_points
from goutbench.report.tables.measures import coverage, mean_with_interval, mutation_score, passed, rate_of


@dataclass(frozen=True, slots=True)
class _Headline:
    """A measure that models can be ranked by. `claims` are "M kills" and "they kill", with the share and
    `rest` after them."""

    name: str
    claims: tuple[str, str]
    rest: str
    answers: Callable[[Results, str], Sequence[ItemResult]]
    measure: Measure

    def value(self, report: Results, model: str) -> Rate | Mean | None:
        """The share of a model; None where it was not measured."""
        items = self.answers(report, model)
        if self.name == PASSES:
            return rate_of(items, passed)
        if not any(self.measure(s) is not None for s in report.samples if s.was_executed):
            return None
        return mean_with_interval(items, self.measure)


_HEADLINES = (
    _Headline(MUTATION, ("kills", "kill"), " of the mutants", Results.mutated_answers, mutation_score),
    _Headline(COVERAGE, ("covers", "cover"), " of the statements", Results.covered_answers, coverage),
    _Headline(
        PASSES, ("writes tests that pass for", "write tests that pass for"), " of the items",
        Results.executed_answers, passed,
    ),
)  # fmt: skip
"""The first that all models have is the one that counts."""


def verdict(report: Results, base: str, rows: Sequence[PairedDifference]) -> str:
    """The result in a sentence or two. `rows` compare the models with `base`.

    A baseline is the best model only where there is no other: it is a floor or a ceiling.
    """
    measured = [model for model in report.compared if model not in report.not_measured]
    sentences = []
    if measured:
        headline, values = _headline(report, measured)
        ranked = sorted(measured, key=lambda model: (-values[model].value, model != base, model))
        best, rival = _best_and_rival(ranked, base, baselines(report).keys())
        row = _row(rows, {best, rival}, base, headline.name)
        sentences.append(_result(headline, values, (best, rival), row))
        if headline.name == MUTATION:
            sentences += _coverage_misleads(report, {best, rival}, base, rows)
    sentences += [
        f"{model}: {len(report.first_answers(model))} items, {_why_not(report, model)}."
        for model in report.compared
        if model in report.not_measured
    ]
    return " ".join(sentences)


def _headline(report: Results, models: Sequence[str]) -> tuple[_Headline, dict[str, Rate | Mean]]:
    """The measure that counts, and its value for each model."""
    for headline in _HEADLINES:
        values = {model: value for model in models if (value := headline.value(report, model)) is not None}
        if len(values) == len(models):
            return headline, values
    raise ValueError("a measured model has a pass rate")


def _best_and_rival(ranked: Sequence[str], base: str, floor_or_ceiling: Collection[str]) -> tuple[str, str]:
    """The best model, and the one that it is compared with: the base, or the next best where it is the base
    itself; empty for a single model."""
    models = [model for model in ranked if model not in floor_or_ceiling] or list(ranked)
    best = models[0]
    if best != base:
        return best, base if base in ranked else ""
    others = [model for model in [*models, *ranked] if model != best]
    return best, others[0] if others else ""


def _result(
    headline: _Headline,
    values: dict[str, Rate | Mean],
    models: tuple[str, str],
    row: PairedDifference | None,
) -> str:
    """The best model's value, and what `row` says of its difference from the rival's."""
    (best, rival), (one, both) = models, headline.claims
    share = percent(values[best].value)
    if row is None:
        subject = f"The repositories' own tests {both}" if best == REFERENCE else f"{best} {one}"
        interval = values[best].interval
        note = f" ({interval_text(interval)})" if interval else ""
        return f"{subject} {share}{headline.rest}{note}."
    shares = f"{share}{headline.rest} and {percent(values[rival].value)}"
    if not row.distinct:
        return f"These data do not tell {best} from {rival}: they {both} {shares}, {_undecided(row, best)}."
    sign = 1 if row.model == best else -1
    more = "more" if sign * row.difference > 0 else "fewer"
    points = f"{100 * abs(row.difference):.1f} percentage points {more}"
    low, high = sorted((abs(row.low or 0.0), abs(row.high or 0.0)))
    return (
        f"{best} {one} {share}{headline.rest}, {points} than {rival} with {percent(values[rival].value)} "
        f"(95% interval {100 * low:.1f} to {100 * high:.1f})."
    )


def _undecided(row: PairedDifference, best: str) -> str:
    """What the data say of a difference that they do not show."""
    if row.low is None or row.high is None:
        same = not row.difference and not row.base_better and not row.model_better
        return "the same for every item" if same else "and the items are too few for an interval"
    sign = 1 if row.model == best else -1
    difference = signed_points(sign * row.difference)
    bounds = sorted((sign * row.low, sign * row.high))
    interval = f"{signed_points(bounds[0])} to {signed_points(bounds[1])}"
    return f"a difference of {difference} points (95% interval {interval}; adjusted p {row.p_adjusted:.2f})"


def _coverage_misleads(
    report: Results, pair: set[str], base: str, rows: Sequence[PairedDifference]
) -> list[str]:
    """A sentence on two models that coverage does not tell apart and mutants do: those of the verdict, else
    the pair with the largest difference."""
    misled = [
        row
        for row in rows
        if row.measure == MUTATION and row.distinct
        and (covered := _row(rows, {row.model, base}, base, COVERAGE)) and not covered.distinct
    ]  # fmt: skip
    if not misled:
        return []
    row = max(misled, key=lambda row: ({row.model, base} == pair, abs(row.difference)))
    shares = {
        name: [percent(value.value) for model in (row.model, base) if (value := measure.value(report, model))]
        for name, measure in ((headline.name, headline) for headline in _HEADLINES)
    }
    mine, other = shares[COVERAGE]
    if {row.model, base} == pair:
        covers = f"both cover {mine}" if mine == other else f"they cover {mine} and {other}"
        return [f"Coverage does not tell them apart: {covers} of the statements."]
    return [
        f"Coverage does not tell {row.model} from {base} ({mine} and {other}); the mutants do "
        f"({' and '.join(shares[MUTATION])})."
    ]


def _row(
    rows: Sequence[PairedDifference], pair: set[str], base: str, measure: str
) -> PairedDifference | None:
    """The comparison of two models, of which one is the base of all comparisons."""
    return next((row for row in rows if row.measure == measure and {row.model, base} == pair), None)


def _why_not(report: Results, model: str) -> str:
    executed = any(sample.execution for sample in report.samples if sample.model == model)
    return "infrastructure errors only" if executed else "not executed"
