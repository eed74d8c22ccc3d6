"""Several samples per item: build@k and pass@k for every k, and the best of all."""

from collections.abc import Callable, Sequence
from functools import partial

from goutbench.report.results import ItemResult, Results
from goutbench.report.tables.cells import (
    Header,
    ReportCell,
    ReportTable,
    Scalar,
    Value,
    cell_of,
    fields_of,
    model_column,
)
from goutbench.report.tables.measures import best_of_k, built, coverage, mutation_score, passed, rate_at_k


def samples_table(report: Results) -> ReportTable:
    """build@k and pass@k for every k, and the best of all samples, model by model."""
    models = [model for model in report.compared if len(report.first_answers(model)[0].samples) > 1]
    n = report.sample_count
    measures: dict[str, Callable[[Sequence[ItemResult]], Value]] = {
        **{f"build@{k}": partial(rate_at_k, holds=built, k=k) for k in range(1, n + 1)},
        **{f"pass@{k}": partial(rate_at_k, holds=passed, k=k) for k in range(1, n + 1)},
        f"coverage, best of {n}": partial(best_of_k, measure=coverage, k=n),
    }
    if report.mutants_run:
        measures[f"mutation, best of {n}"] = partial(best_of_k, measure=mutation_score, k=n)
    table = ReportTable(
        "samples",
        "Several samples per item",
        "pass@k is the probability that at least one of k samples passes, build@k that at least one builds: "
        "estimated without bias for each item, then averaged over items. Intervals are resampled by "
        "repository, or by pair or item if there are fewer than five.",
        (Header("measure"), *map(Header, models)),
    )
    for name, measure in measures.items():
        answers = report.executed_answers
        if name.startswith(("mutation", "coverage")):
            answers = report.mutated_answers if name.startswith("mutation") else report.covered_answers
        values = {model: measure(answers(model)) for model in models}
        record: dict[str, Scalar] = {"measure": name}
        for model, value in values.items():
            record |= fields_of(model_column(model, record), value)
        table.add([ReportCell(name), *map(cell_of, values.values())], record)
    return table
