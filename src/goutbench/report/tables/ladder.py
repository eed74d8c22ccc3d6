"""The ladder as a funnel, and why candidates fail."""

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from functools import partial

from goutbench.records import Rung
from goutbench.report.results import (
    ItemResult,
    Results,
    SampleResult,
    integer_if_integral,
    weighted_count,
)
from goutbench.report.tables.cells import (
    Header,
    ReportCell,
    ReportTable,
    Scalar,
    cell_of,
    model_column,
    number,
)
from goutbench.report.tables.measures import mean_with_interval, mutation_score, rate_of
from goutbench.report.taxonomy import ASKED, CODE, FAILURE_CLASSES, FUNNEL, KILLS


def reaches(sample: SampleResult, step: str) -> bool:
    """Whether a sample reached a step of FUNNEL. Above "pass" only candidates that pass count.

    A single run shows nothing about stability.
    """
    if step == ASKED:
        return True
    if step == CODE:
        has_code = sample.candidate is not None and bool(sample.candidate.code.strip())
        return has_code or sample.rung != Rung.NONE
    if step == Rung.COVERS:
        return sample.passed and bool(sample.coverage)
    if step == KILLS:
        return sample.passed and sample.mutation is not None and sample.mutation.killed > 0
    if step == Rung.STABLE and not is_repeated(sample):
        return False
    rung = Rung(step)
    return sample.rung.reaches(rung) and (sample.passed or Rung.PASS.reaches(rung))


def is_repeated(sample: SampleResult) -> bool:
    """Whether the candidate ran more than once."""
    return sample.execution is not None and sample.execution.repeats > 1


def _answers(report: Results, model: str, step: str) -> Sequence[ItemResult]:
    """The items that a step counts; none where it was not measured."""
    if step in (ASKED, CODE):
        return report.first_answers(model)
    if step == KILLS:
        return report.mutated_answers(model)
    items = report.covered_answers(model) if step == Rung.COVERS else report.executed_answers(model)
    passing = [sample for item in items for sample in item.samples if sample.passed]
    return [] if step == Rung.STABLE and not all(map(is_repeated, passing)) else items


def funnel(report: Results, models: Sequence[str]) -> ReportTable:
    """How many items of each model reach each step, what is lost between two, and the mutation score.

    The columns are in the order of `models`.
    """
    table = ReportTable(
        "ladder",
        "From prompt to mutation score",
        "Each bar is the share of a model's items that reach at least this step; small print says what was "
        "lost since the step before. A dash: not measured, as stability is with one run of each candidate.",
        (Header("step"), *map(Header, models)),
    )
    reached: dict[str, str] = {}  # model → the last step that was measured
    for step, label in FUNNEL.items():
        cells, record = [ReportCell(label)], dict[str, Scalar](step=step)
        for model in models:
            items = _answers(report, model, step)
            rate = rate_of(items, partial(reaches, step=step))
            record[model_column(model, ("step",))] = rate.count if rate else None
            if rate is None:
                cells.append(cell_of(None))
                continue
            query = {"model": model} | ({} if step == ASKED else {"at": step})
            lost = _lost(report, model, reached.get(model, ASKED), step)
            cells.append(ReportCell(number(rate.count), "", query, rate.value, details=lost))
            reached[model] = step
        table.add(cells, record)
    if report.mutants_run:
        scores = [mean_with_interval(report.mutated_answers(model), mutation_score) for model in models]
        table.rows.append([ReportCell("mutants killed, mean"), *map(cell_of, scores)])
    return table


def _lost(report: Results, model: str, before: str, step: str) -> tuple[ReportCell, ...]:
    """Why items that reached a step did not reach the next: the failure classes, the most frequent first.

    Each leads to its candidates; what passes has no failure class to list.
    """
    counted = {item.item for item in _answers(report, model, step)}
    causes: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for item in report.first_answers(model):
        share = Fraction(1, len(item.samples))
        for sample in item.samples:
            if reaches(sample, before) and (item.item not in counted or not reaches(sample, step)):
                failure = "" if sample.passed else sample.failure
                causes[failure, _cause(sample, step, counted=item.item in counted)] += share
    address = {"model": model, "below": step} | ({} if before == ASKED else {"at": before})
    return tuple(
        ReportCell(
            f"lost {number(integer_if_integral(lost))}: {label}",
            query={**address, "class": failure} if failure else None,
        )
        for (failure, label), lost in sorted(causes.items(), key=lambda cause: -cause[1])
    )


def _cause(sample: SampleResult, step: str, *, counted: bool) -> str:
    """Why a sample did not reach a step; one that passes has no failure class."""
    if not sample.passed:
        return FAILURE_CLASSES[sample.failure]
    if step == KILLS:
        return "no mutant killed" if counted else "no mutants to kill"
    return "nothing covered" if counted else "coverage not measured"


def failures(report: Results) -> ReportTable:
    """Why candidates fail, by the first error."""
    table = ReportTable(
        "failures",
        "Why candidates fail",
        "One class for each candidate, by its first error. Click a count to list its candidates."
        + " With several samples per item, a count is a number of items on average."
        * (report.sample_count > 1),
        (Header("result"), *map(Header, report.compared)),
    )
    for failure, label in FAILURE_CLASSES.items():
        cells, record = [ReportCell(label)], dict[str, Scalar]({"class": failure})
        for model in report.compared:
            items = report.first_answers(model)
            count = weighted_count(items, lambda sample: sample.failure == failure)  # noqa: B023
            share = count / len(items) if items else 0.0
            cells.append(ReportCell(number(count), query={"model": model, "class": failure}, share=share))
            record[model_column(model, ("class",))] = count
        if any(record[name] for name in record if name != "class"):
            table.add(cells, record)
    return table
