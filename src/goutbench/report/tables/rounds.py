"""The results after each feedback round, with what they cost, as a table and as a curve."""

from collections.abc import Mapping

from goutbench.report.charts import PlottedRate, rates_by_step
from goutbench.report.results import ItemResult, Results, Usage
from goutbench.report.rounds import answers_after, counted_rounds
from goutbench.report.tables.cells import (
    NOTHING,
    Header,
    Mean,
    PageBlock,
    Rate,
    ReportCell,
    ReportTable,
    Scalar,
    cell_of,
    fields_of,
)
from goutbench.report.tables.measures import (
    built,
    coverage,
    mean_with_interval,
    mutation_score,
    passed,
    rate_of,
)

_TITLES = {
    "builds": "builds", "passes": "passes", "coverage": "coverage, all", "mutation": "mutation, all",
}  # fmt: skip


def round_blocks(report: Results, palette: Mapping[str, str]) -> list[PageBlock]:
    """The table and the curve; nothing where no model has a feedback round."""
    models = [model for model in report.contestants if len(counted_rounds(report, model)) > 1]
    if not models:
        return []
    table = ReportTable(
        "rounds",
        "By feedback round",
        "After each round the best candidate of each sample so far counts; round 1 are the first answers. "
        "Items that failed count as 0. Calls, tokens and cost are those of all rounds until then.",
        tuple(map(Header, ("model", "round", "items", *_TITLES.values(), "calls", "tokens", "cost"))),
    )
    plotted: list[PlottedRate] = []
    for model in models:
        for number in counted_rounds(report, model):
            items = answers_after(report, model, number)
            values = _values(report, items)
            usage = report.usage_until(model, number)
            _add_row(table, model, number, items, values, usage)
            plotted += [
                PlottedRate(_TITLES[name], model, value.value, *value.interval, number + 1)
                for name, value in values.items()
                if value is not None and value.interval is not None
            ]
    caption = "With 95% intervals. Each round gets feedback on the one before."
    svg = rates_by_step(plotted, palette, "round")
    curve = PageBlock(name="rounds-curve", title="Results after each round", svg=svg, caption=caption)
    return [PageBlock(table=table), curve]


def _values(report: Results, items: list[ItemResult]) -> dict[str, Rate | Mean | None]:
    return {
        "builds": rate_of(items, built),
        "passes": rate_of(items, passed),
        "coverage": mean_with_interval(report.with_coverage(items), coverage),
        "mutation": mean_with_interval(report.with_mutants(items), mutation_score),
    }


def _add_row(
    table: ReportTable,
    model: str,
    number: int,
    items: list[ItemResult],
    values: Mapping[str, Rate | Mean | None],
    usage: Usage,
) -> None:
    tokens = usage.input_tokens + usage.output_tokens
    cost = NOTHING if usage.cost is None else f"{usage.cost:,.4g}"
    cells = [
        ReportCell(model),
        ReportCell(str(number + 1)),
        ReportCell(f"{len(items):,}"),
        *map(cell_of, values.values()),
        ReportCell(f"{usage.calls:,}"),
        ReportCell(f"{tokens:,}", f"{usage.input_tokens:,} read, {usage.output_tokens:,} written"),
        ReportCell(cost),
    ]
    record: dict[str, Scalar] = {"model": model, "round": number + 1, "items": len(items)}
    for name, value in values.items():
        record |= fields_of(name, value)
    record |= {"calls": usage.calls, "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    table.add(cells, record | {"cost": usage.cost})
