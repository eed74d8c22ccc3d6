"""The ladder as a funnel, and why candidates fail."""

from functools import partial

from goutbench.records import Rung
from goutbench.report.results import Results, SampleResult, weighted_count
from goutbench.report.tables.cells import Header, ReportCell, ReportTable, Scalar, cell_of, number
from goutbench.report.tables.measures import rate_of
from goutbench.report.taxonomy import ASKED, CODE, FAILURE_CLASSES, FUNNEL


def reaches(sample: SampleResult, step: str) -> bool:
    """Whether a sample reached a step of FUNNEL. Above "pass" only candidates that pass count."""
    if step == ASKED:
        return True
    if step == CODE:
        has_code = sample.candidate is not None and bool(sample.candidate.code.strip())
        return has_code or sample.rung != Rung.NONE
    if step == Rung.COVERS:
        return sample.passed and bool(sample.coverage)
    rung = Rung(step)
    return sample.rung.reaches(rung) and (sample.passed or Rung.PASS.reaches(rung))


def funnel(report: Results) -> ReportTable:
    """How many items of each model reach each step, beside the reference."""
    table = ReportTable(
        "ladder",
        "The ladder",
        "Where candidates fail: each bar is the share of a model's items that reach at least this step.",
        (Header("step"), *map(Header, report.models)),
    )
    for step, label in FUNNEL.items():
        cells, record = [ReportCell(label)], dict[str, Scalar](step=step)
        for model in report.models:
            answers = report.first_answers if step in (ASKED, CODE) else report.executed_answers
            rate = rate_of(answers(model), partial(reaches, step=step))
            if rate is None:  # not executed
                cells.append(cell_of(None))
                record[model] = None
                continue
            count = rate.count
            query = {"model": model} | ({} if step == ASKED else {"at": step})
            cell = cell_of(rate)
            note = f"{cell.text} · {cell.note}"
            cells.append(ReportCell(number(count), note, query, cell.share))
            record[model] = count
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
            record[model] = count
        if any(record[model] for model in report.compared):
            table.add(cells, record)
    return table
