"""The ladder as a funnel, and why candidates fail."""

from collections.abc import Sequence
from functools import partial

from goutbench.records import Rung
from goutbench.report.results import ItemResult, Results, SampleResult, weighted_count
from goutbench.report.tables.cells import (
    Header,
    ReportCell,
    ReportTable,
    Scalar,
    cell_of,
    model_column,
    number,
)
from goutbench.report.tables.measures import rate_of
from goutbench.report.taxonomy import ASKED, CODE, FAILURE_CLASSES, FUNNEL


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
    items = report.covered_answers(model) if step == Rung.COVERS else report.executed_answers(model)
    passing = [sample for item in items for sample in item.samples if sample.passed]
    return [] if step == Rung.STABLE and not all(map(is_repeated, passing)) else items


def funnel(report: Results) -> ReportTable:
    """How many items of each model reach each step, beside the reference."""
    table = ReportTable(
        "ladder",
        "The ladder",
        "Where candidates fail: each bar is the share of a model's items that reach at least this step. "
        "A dash: not measured, as stability is with one run of each candidate.",
        (Header("step"), *map(Header, report.models)),
    )
    for step, label in FUNNEL.items():
        cells, record = [ReportCell(label)], dict[str, Scalar](step=step)
        for model in report.models:
            rate = rate_of(_answers(report, model, step), partial(reaches, step=step))
            if rate is None:  # not measured
                cells.append(cell_of(None))
                record[model_column(model, ("step",))] = None
                continue
            count = rate.count
            query = {"model": model} | ({} if step == ASKED else {"at": step})
            cell = cell_of(rate)
            note = f"{cell.text} · {cell.note}"
            cells.append(ReportCell(number(count), note, query, cell.share))
            record[model_column(model, ("step",))] = count
        table.add(cells, record)
    return table


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
