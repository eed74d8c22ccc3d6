"""Mutants that time out: what tools count them as, and the scores that follow."""

from goutbench.report.results import Results
from goutbench.report.tables.cells import (
    Header,
    ReportCell,
    ReportTable,
    Scalar,
    cell_of,
    fields_of,
)
from goutbench.report.tables.measures import (
    mean_of,
    mean_of_passing,
    mutation_score,
    timed_out_detected,
    timed_out_excluded,
)

_CONVENTIONS = {
    "survived": (mutation_score, "timed out = survived (headline)"),
    "detected": (timed_out_detected, "timed out = detected"),
    "excluded": (timed_out_excluded, "timed out excluded"),
}
"""How tools count mutants that time out: measure, and header."""


def mutation_scores(report: Results) -> ReportTable:
    """The mutation score in the three conventions for mutants that time out."""
    table = ReportTable(
        "mutation-scores",
        "Mutation score, by what a time-out means",
        "Some tools count a mutant that times out as survived, some as detected, some leave it out. The "
        "headline, in the leaderboard and everywhere else, is the first. “All”: items that failed are 0.",
        tuple(map(Header, ("model", "mutants", "timed out")))
        + tuple(
            Header(f"{title}, {items}") for _, title in _CONVENTIONS.values() for items in ("all", "passing")
        ),
    )
    for model in report.models:
        items = report.mutated_answers(model)
        tested = [s.mutation for item in items for s in item.samples if s.mutation]
        if not tested:
            continue
        counts = sum(m.tested for m in tested), sum(m.timed_out for m in tested)
        cells = [ReportCell(model), *(ReportCell(f"{count:,}") for count in counts)]
        record: dict[str, Scalar] = {"model": model, "mutants": counts[0], "timed_out": counts[1]}
        for name, (measure, _) in _CONVENTIONS.items():
            values = {"all": mean_of(items, measure), "passing": mean_of_passing(items, measure)}
            cells += map(cell_of, values.values())
            for which, value in values.items():
                record |= fields_of(f"{name}_{which}", value)
        table.add(cells, record)
    return table
