"""The leaderboard. To add a column, add an entry to `COLUMNS`: page, CSV, Parquet and tests follow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from goutbench.records import REFERENCE, Rung, Status
from goutbench.report.contestants import baselines
from goutbench.report.results import ItemResult, Results, SampleResult, weighted_count
from goutbench.report.rounds import last_answers
from goutbench.report.tables.cells import (
    NOTHING,
    Count,
    Header,
    Mean,
    Query,
    Rank,
    Rate,
    ReportCell,
    ReportTable,
    Scalar,
    Value,
    cell_of,
    fields_of,
)
from goutbench.report.tables.measures import (
    best_of_k,
    branch_coverage,
    built,
    coverage,
    mean_of_passing,
    mean_with_interval,
    mutation_score,
    passed,
    rate_at_k,
    rate_of,
)
from goutbench.report.tables.ranks import RANK_NOTE, execution_ranks, ranked
from goutbench.report.taxonomy import status_class

_PASSED: Query = {"class": status_class(Status.PASSED)}
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
    `items` selects, of the model's candidates, those that a click on the cell lists; None: no link. With
    `detail_of` the page shows the value in small print in the cell of that column, unless it is the same.
    """

    name: str
    header: str
    note: str
    value: Callable[[ModelResults], Value]
    items: Query | None = None
    shown: Callable[[Results], bool] = always
    detail_of: str = ""

    def query(self, model: str) -> Query | None:
        """What a click on a model's cell lists."""
        return None if self.items is None else {"model": model, **self.items}


COLUMNS = (
    Column("model", "model", "", lambda m: m.model, {}),
    Column("rank", "rank", RANK_NOTE, lambda m: m.rank, shown=ranked, detail_of="model"),
    Column(
        "mutation_all", "mutation, all",
        "Mutants killed, timed-out ones count as survived; items that failed count as 0.",
        lambda m: mean_with_interval(m.mutated, mutation_score), {},
    ),
    Column(
        "mutation_passing", "passing", "Mutants killed by candidates that pass.",
        lambda m: mean_of_passing(m.executed, mutation_score), _PASSED, detail_of="mutation_all",
    ),
    Column(
        "mutation_best_of_n", "best of {n}", "The highest mutation score among {n} samples.",
        lambda m: best_of_k(m.mutated, mutation_score, m.report.sample_count),
        shown=when_sampled, detail_of="mutation_all",
    ),
    Column(
        "coverage_all", "coverage, all",
        "Focal statements covered, also by tests that fail; items that do not build count as 0.",
        lambda m: mean_with_interval(m.covered, coverage), {},
    ),
    Column(
        "coverage_passing", "passing", "Focal statements covered by candidates that pass.",
        lambda m: mean_of_passing(m.executed, coverage), _PASSED, detail_of="coverage_all",
    ),
    Column(
        "coverage_best_of_n", "best of {n}", "The highest coverage among {n} samples.",
        lambda m: best_of_k(m.covered, coverage, m.report.sample_count),
        shown=when_sampled, detail_of="coverage_all",
    ),
    Column(
        "branches_all", "branches, all",
        "Outcomes of focal branches covered (if, loop, case, operand), also by tests that fail; else 0.",
        lambda m: mean_with_interval(m.branches, branch_coverage), {}, shown=with_branches,
    ),
    Column(
        "branches_passing", "passing",
        "Outcomes of focal branches covered by candidates that pass.",
        lambda m: mean_of_passing(m.branches, branch_coverage),
        _PASSED, shown=with_branches, detail_of="branches_all",
    ),
    Column(
        "pass_rate", "passes", "At least one test runs, and all pass in every run.",
        lambda m: rate_of(m.executed, passed), _PASSED,
    ),
    Column(
        "pass_at_n", "pass@{n}", "At least one of {n} samples passes.",
        lambda m: rate_at_k(m.executed, passed, m.report.sample_count),
        shown=when_sampled, detail_of="pass_rate",
    ),
    Column(
        "pass_rate_last", "last round", _LAST_ROUND,
        lambda m: rate_of(m.last_answers, passed), shown=when_in_rounds, detail_of="pass_rate",
    ),
    Column(
        "build_rate", "builds", "The test file compiles.",
        lambda m: rate_of(m.executed, built), {"at": Rung.BUILD.value},
    ),
    Column(
        "build_at_n", "build@{n}", "At least one of {n} samples compiles.",
        lambda m: rate_at_k(m.executed, built, m.report.sample_count),
        shown=when_sampled, detail_of="build_rate",
    ),
    Column(
        "build_rate_last", "last round", _LAST_ROUND,
        lambda m: rate_of(m.last_answers, built), shown=when_in_rounds, detail_of="build_rate",
    ),
    Column("items", "items", "Files, chunks or functions to test.", lambda m: m.item_count(), {}),
    Column(
        "infrastructure", "infrastructure errors", "Failures of the machine, not of the test.",
        lambda m: m.infrastructure_errors(),
        {"class": status_class(Status.INFRA_FAILURE)}, detail_of="items",
    ),
    Column("unit", "", "", lambda m: m.unit),
    Column("built", "", "", lambda m: m.count(built)),
    Column("passed", "", "", lambda m: m.count(passed)),
    Column(
        "passed_last", "", "",
        lambda m: weighted_count(m.last_answers, passed) if m.last_answers else None,
    ),
)  # fmt: skip


_ROLES = {
    "reference": ("ceiling", "the reference tests"),
    "no-assertions": ("floor", "the reference tests without their assertions"),
    "smoke": ("floor", "calls without assertions"),
    "empty": ("floor", "a test that does nothing"),
}
"""What each baseline is for the models beside it, and what it writes."""


def leaderboard(report: Results) -> ReportTable:
    """The models by mutation score, then coverage, pass and build rate; the reference last."""
    ranks = execution_ranks(report)
    rows = [
        ModelResults(model, report.first_answers(model), report, ranks.get(model)) for model in report.models
    ]
    values = {row.model: {column.name: column.value(row) for column in COLUMNS} for row in rows}
    rows.sort(key=lambda row: _rank(row, values[row.model]))
    columns = [column for column in COLUMNS if column.shown(report)]
    on_page = [column for column in columns if column.header and not column.detail_of]
    n = report.sample_count
    table = ReportTable(
        "leaderboard",
        "Results",
        "First answers, the most mutants killed first; items that failed count as 0. A candidate passes if "
        "it builds, runs at least one test, and all its tests pass in every run. Bars are on one scale, 0 to "
        "100%, with the 95% interval as a line, where the items bound it; “passing” counts only candidates "
        "that pass, where that differs."
        + SAMPLES_NOTE * (n > 1) + _units_note(rows),
        tuple(Header(column.header.format(n=n), column.note.format(n=n)) for column in on_page),
    )  # fmt: skip
    roles = baselines(report)
    for row in rows:
        own = values[row.model]
        cells = [_cell(column, columns, row, own) for column in on_page]
        role, what = _ROLES.get(roles.get(row.model, ""), ("", ""))
        cells[0] = replace(cells[0], role=role, note=what)
        record: dict[str, Scalar] = {}
        for column in columns:
            record |= fields_of(column.name, own[column.name])
        table.add(cells, record)
    return table


def _rank(row: ModelResults, values: Mapping[str, Value]) -> tuple[bool, bool, list[float], str]:
    """Sorts rows; what was not measured is after all that was."""
    means = [values[name] for name in ("mutation_all", "coverage_all", "pass_rate", "build_rate")]
    shares = [-value.value if isinstance(value, Mean | Rate) else 1.0 for value in means]
    return row.model == REFERENCE, not row.executed, shares, row.model


def _cell(
    column: Column, columns: Sequence[Column], row: ModelResults, values: Mapping[str, Value]
) -> ReportCell:
    """A column's cell, with the details that have something to add to it."""
    cell = cell_of(values[column.name], column.query(row.model))
    details = []
    for detail in columns:
        if detail.detail_of != column.name:
            continue
        text = cell_of(values[detail.name]).text
        if text not in (NOTHING, "0", cell.text):
            title = detail.header.format(n=row.report.sample_count)
            details.append(ReportCell(f"{title}: {text}", query=detail.query(row.model)))
    return replace(cell, details=tuple(details))


def _units_note(rows: Sequence[ModelResults]) -> str:
    """Which rows count what, where they do not count the same."""
    units: dict[str, list[str]] = {}
    for row in rows:
        units.setdefault(row.unit, []).append(row.model)
    if len(units) < 2:
        return ""
    text = "; ".join(f"{unit}: {', '.join(models)}" for unit, models in units.items())
    return f" The rows count different units: their numbers are not comparable. {text[0].upper()}{text[1:]}."
