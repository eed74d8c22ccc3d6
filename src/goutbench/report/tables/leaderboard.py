"""The leaderboard. To add a column, add an entry to `COLUMNS`: page, CSV, Parquet and tests follow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from goutbench.records import REFERENCE, Rung, Status
from goutbench.report.results import ItemResult, Results, SampleResult, weighted_count
from goutbench.report.rounds import last_answers
from goutbench.report.tables.cells import (
    Count,
    Header,
    Query,
    Rank,
    ReportCell,
    ReportTable,
    Scalar,
    Value,
    cell_of,
    fields_of,
    model_column,
)
from goutbench.report.tables.measures import (
    best_of_k,
    branch_coverage,
    built,
    coverage,
    mean_of,
    mean_of_passing,
    mutation_score,
    passed,
    rate_at_k,
    rate_of,
    timed_out_detected,
    timed_out_excluded,
)
from goutbench.report.tables.ranks import RANK_NOTE, execution_ranks, ranked
from goutbench.report.taxonomy import status_class

_LAST_ROUND = "After the last feedback round that was executed; the table by round has all of them."
SAMPLES_NOTE = " Rates and means average the samples of an item first, and then the items."


@dataclass(frozen=True, slots=True)
class ModelResults:
    """What the columns of a model's row are computed from. `items` are the model's first answers."""

    model: str
    items: Sequence[ItemResult]
    report: Results
    rank: Rank | None = None

    @property
    def executed(self) -> Sequence[ItemResult]:
        """The items, if they were executed; else none."""
        return self.report.executed_answers(self.model)

    @property
    def mutated(self) -> Sequence[ItemResult]:
        """The items, if they were executed with mutants; else none."""
        return self.report.mutated_answers(self.model)

    @property
    def covered(self) -> Sequence[ItemResult]:
        """The executed items whose coverage can be measured."""
        return self.report.covered_answers(self.model)

    @property
    def branches(self) -> Sequence[ItemResult]:
        """The executed items whose branches were measured."""
        return self.report.branch_answers(self.model)

    @property
    def last_answers(self) -> Sequence[ItemResult]:
        """The items after the last feedback round; empty where none was executed."""
        return last_answers(self.report, self.model)

    def count(self, holds: Callable[[SampleResult], bool]) -> int | float | None:
        """The number of items for which the condition holds; None where nothing was executed."""
        return weighted_count(self.executed, holds) if self.executed else None

    def infrastructure_errors(self) -> int | float | None:
        """The number of items with an infrastructure error, also where there is nothing else."""
        if not any(sample.execution for item in self.items for sample in item.samples):
            return None
        return weighted_count(self.items, lambda sample: sample.infrastructure_error)

    @property
    def unit(self) -> str:
        """What the items are, which rows of one table may not share: "functions", "files", or both."""
        kinds = {"functions" if item.item.focal else "files" for item in self.items}
        return " and ".join(sorted(kinds))

    def item_count(self) -> Count:
        """The number of items, and what distinguishes them from those of the other rows."""
        notes = [self.unit]
        if 0 < len(self.executed) < len(self.items):
            notes.append(f"{len(self.executed)} executed")
        if self.model == REFERENCE and self.report.contestants:
            pairs = {
                item.pair.id for model in self.report.contestants for item in self.report.first_answers(model)
            }
            notes.append(f"the reference tests of the models' {len(pairs)} files")
        return Count(len(self.items), ", ".join(notes))


def always(report: Results) -> bool:
    return True


def when_in_rounds(report: Results) -> bool:
    return any(sample.round for sample in report.samples)


def with_branches(report: Results) -> bool:
    return report.branches_measured


def when_sampled(report: Results) -> bool:
    return report.sample_count > 1


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the leaderboard.

    `name` is that of the column in CSV and Parquet; a rate adds `<name>_low` and `<name>_high`. `header` is
    what the page shows, with `{n}` for the number of samples per item; empty: the column is in files only.
    `items` selects, of the model's candidates, those that a click on the cell lists; None: no link.
    """

    name: str
    header: str
    note: str
    value: Callable[[ModelResults], Value]
    items: Query | None = None
    shown: Callable[[Results], bool] = always


COLUMNS = (
    Column("model", "model", "", lambda m: m.model, {}),
    Column("rank", "rank", RANK_NOTE, lambda m: m.rank, shown=ranked),
    Column("items", "items", "Files, chunks or functions to test.", lambda m: m.item_count(), {}),
    Column("unit", "", "", lambda m: m.unit),
    Column("built", "", "", lambda m: m.count(built)),
    Column("passed", "", "", lambda m: m.count(passed)),
    Column(
        "build_rate", "builds", "The test file compiles.",
        lambda m: rate_of(m.executed, built), {"at": Rung.BUILD.value},
    ),
    Column(
        "pass_rate", "passes", "At least one test runs, and all pass in every run.",
        lambda m: rate_of(m.executed, passed), {"class": status_class(Status.PASSED)},
    ),
    Column(
        "coverage_all", "coverage, all",
        "Focal statements covered, also by tests that fail; items that do not build count as 0.",
        lambda m: mean_of(m.covered, coverage), {},
    ),
    Column(
        "coverage_passing", "coverage, passing", "Focal statements covered by candidates that pass.",
        lambda m: mean_of_passing(m.executed, coverage), {"class": status_class(Status.PASSED)},
    ),
    Column(
        "branches_all", "branches, all",
        "Outcomes of focal branches covered (if, loop, case, operand), also by tests that fail; else 0.",
        lambda m: mean_of(m.branches, branch_coverage), {}, shown=with_branches,
    ),
    Column(
        "branches_passing", "branches, passing",
        "Outcomes of focal branches covered by candidates that pass.",
        lambda m: mean_of_passing(m.branches, branch_coverage),
        {"class": status_class(Status.PASSED)}, shown=with_branches,
    ),
    Column(
        "mutation_all", "mutation, all",
        "Mutants killed, timed-out ones count as survived; items that failed count as 0.",
        lambda m: mean_of(m.mutated, mutation_score), {},
    ),
    Column(
        "mutation_passing", "mutation, passing", "Mutants killed by candidates that pass.",
        lambda m: mean_of_passing(m.executed, mutation_score), {"class": status_class(Status.PASSED)},
    ),
    Column(
        "infrastructure", "infrastructure errors", "Failures of the machine, not of the test.",
        lambda m: m.infrastructure_errors(),
        {"class": status_class(Status.INFRA_FAILURE)},
    ),
    Column(
        "build_at_n", "build@{n}", "At least one of {n} samples compiles.",
        lambda m: rate_at_k(m.executed, built, m.report.sample_count), shown=when_sampled,
    ),
    Column(
        "pass_at_n", "pass@{n}", "At least one of {n} samples passes.",
        lambda m: rate_at_k(m.executed, passed, m.report.sample_count), shown=when_sampled,
    ),
    Column(
        "coverage_best_of_n", "coverage, best of {n}", "The highest coverage among {n} samples.",
        lambda m: best_of_k(m.covered, coverage, m.report.sample_count), shown=when_sampled,
    ),
    Column(
        "mutation_best_of_n", "mutation, best of {n}", "The highest mutation score among {n} samples.",
        lambda m: best_of_k(m.mutated, mutation_score, m.report.sample_count),
        shown=when_sampled,
    ),
    Column(
        "build_rate_last", "builds, last round", _LAST_ROUND,
        lambda m: rate_of(m.last_answers, built), shown=when_in_rounds,
    ),
    Column(
        "pass_rate_last", "passes, last round", _LAST_ROUND,
        lambda m: rate_of(m.last_answers, passed), shown=when_in_rounds,
    ),
    Column(
        "passed_last", "", "",
        lambda m: weighted_count(m.last_answers, passed) if m.last_answers else None,
    ),
)  # fmt: skip


def leaderboard(report: Results) -> ReportTable:
    """The models by pass rate, the reference last."""
    ranks = execution_ranks(report)
    rows = [
        ModelResults(model, report.first_answers(model), report, ranks.get(model)) for model in report.models
    ]
    rows.sort(key=lambda m: (m.model == REFERENCE, not m.executed, -weighted_count(m.items, passed), m.model))
    columns = [column for column in COLUMNS if column.shown(report)]
    on_page = [column for column in columns if column.header]
    n = report.sample_count
    table = ReportTable(
        "leaderboard",
        "Leaderboard",
        "First answers; items that failed count as 0. A candidate passes if it builds, runs at least one "
        "test, and all its tests pass in every run." + SAMPLES_NOTE * (n > 1) + _units_note(rows),
        tuple(Header(column.header.format(n=n), column.note.format(n=n)) for column in on_page),
    )
    for row in rows:
        cells = []
        for column in on_page:
            query = None if column.items is None else {"model": row.model, **column.items}
            cells.append(cell_of(column.value(row), query))
        record: dict[str, Scalar] = {}
        for column in columns:
            record |= fields_of(column.name, column.value(row))
        table.add(cells, record)
    return table


def _units_note(rows: Sequence[ModelResults]) -> str:
    """Which rows count what, where they do not count the same."""
    units: dict[str, list[str]] = {}
    for row in rows:
        units.setdefault(row.unit, []).append(row.model)
    if len(units) < 2:
        return ""
    text = "; ".join(f"{unit}: {', '.join(models)}" for unit, models in units.items())
    return f" The rows count different units: their numbers are not comparable. {text[0].upper()}{text[1:]}."


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
