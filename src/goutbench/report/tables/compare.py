"""Whether models differ: paired tests on the items that both were asked."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from goutbench.report.results import ItemResult, Measure, Results
from goutbench.report.tables.cells import NOTHING, Header, ReportCell, ReportTable
from goutbench.report.tables.measures import (
    bootstrap_units,
    built,
    clusters_of,
    coverage,
    mutation_score,
    passed,
)
from goutbench.statistics import (
    DIFFERENCES,
    cluster_bootstrap,
    holm,
    items_needed,
    permutation_test,
    sign_test,
)

_SIGNIFICANT = 0.05
_MIN_FLIPPED = 8
"""With fewer units to flip, a permutation test cannot give a p value below 0.01."""
PASSES, COVERAGE, MUTATION = "passes", "coverage, all", "mutation, all"
"""Measures that the verdict can be about."""

_NOTE = (
    "The same items for both models. p values are adjusted for multiple comparisons (Holm). {tests} "
    "“Needed” is how many items would show such a difference in four of five studies."
)
_TESTS = (
    "Builds and passes: exact sign test (McNemar); coverage and mutation: permutation test.",
    "Permutation tests on the items' means that flip repositories, or pairs if there are fewer than eight.",
)


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """One measure of a model against that of the base model, on the items of both.

    The interval of the difference resamples units: repositories or pairs. `base_better` and `model_better`
    count the items on which that model has the higher rate; None, like `needed`, for coverage and mutation.
    `low` and `high` are None where the items do not bound the difference. `p_adjusted` is adjusted for all
    comparisons of a report.
    """

    model: str
    measure: str
    items: int
    difference: float
    low: float | None
    high: float | None
    unit: str
    base_better: int | None
    model_better: int | None
    p: float
    needed: int | None
    p_adjusted: float = 1.0

    @property
    def distinct(self) -> bool:
        """Whether the data tell the two models apart: the interval excludes 0, and p is below 5%."""
        bounded = self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)
        return bounded and self.p_adjusted < _SIGNIFICANT

    def cells(self, base: str) -> list[ReportCell]:
        """The row of the table; the counts lead to their items in the comparison item by item."""
        address = {"against": base, "model": self.model, "by": self.measure}
        counts = (("regressions", self.base_better), ("wins", self.model_better))
        return [
            ReportCell(self.model),
            ReportCell(self.measure),
            ReportCell(str(self.items)),
            *(
                ReportCell(NOTHING)
                if items is None
                else ReportCell(str(items), query={"show": show, **address})
                for show, items in counts
            ),
            ReportCell(f"{signed_points(self.difference)} points", self._interval()),
            ReportCell("< 0.001" if self.p_adjusted < 0.001 else f"{self.p_adjusted:.3f}"),
            ReportCell(NOTHING if self.needed is None else f"{self.needed:,}"),
        ]

    def _interval(self) -> str:
        """The interval in words; where the items do not bound the difference, that."""
        if self.low is None or self.high is None:
            same = not self.difference and not self.base_better and not self.model_better
            return "the same for every item" if same else "too few items for an interval"
        return f"95% interval {signed_points(self.low)} to {signed_points(self.high)} points, by {self.unit}"


def signed_points(share: float) -> str:
    """A difference in points, with its sign; zero has none."""
    text = f"{100 * share:+.1f}"
    return text.lstrip("+-") if float(text) == 0 else text


def differences(report: Results, base: str) -> list[PairedDifference]:
    """Every model against `base`, measure by measure; none where there is nothing to compare."""
    if base in report.not_measured:
        return []
    models = [model for model in report.contestants if model not in {base, *report.not_measured}]
    rows = [row for model in models for row in _compare_model(report, base, model)]
    adjusted = holm([row.p for row in rows])
    return [replace(row, p_adjusted=p) for row, p in zip(rows, adjusted, strict=True)]


def compare(report: Results, base: str, rows: Sequence[PairedDifference]) -> list[ReportTable]:
    """The `rows` of `differences` as a table; no table without rows."""
    if not rows:
        return []
    headers = (
        "model", "measure", "items", f"{base} better", "model better", "difference", "p, adjusted", "needed",
    )  # fmt: skip
    table = ReportTable(
        "comparison",
        f"Compared with {base}",
        _NOTE.format(tests=_TESTS[report.sample_count > 1]),
        tuple(map(Header, headers)),
    )
    for row in rows:
        table.add(row.cells(base), asdict(row))
    return [table]


def _compare_model(report: Results, base: str, model: str) -> list[PairedDifference]:
    """Builds, passes, coverage and mutation score of one model against the base, where both have them."""
    measures: tuple[tuple[str, Measure, Callable[[str], Sequence[ItemResult]], bool], ...] = (
        ("builds", built, report.executed_answers, True),
        (PASSES, passed, report.executed_answers, True),
        (COVERAGE, coverage, report.covered_answers, False),
        (MUTATION, mutation_score, report.mutated_answers, False),
    )
    comparisons = []
    for name, measure, answers, is_rate in measures:
        base_items = {item.item: item for item in answers(base)}
        pairs = [(base_items[item.item], item) for item in answers(model) if item.item in base_items]
        if pairs:
            comparisons.append(_compare_measure(name, measure, pairs, is_rate=is_rate))
    return comparisons


def _compare_measure(
    name: str, measure: Measure, pairs: Sequence[tuple[ItemResult, ItemResult]], *, is_rate: bool
) -> PairedDifference:
    """`pairs` are (base, model) results of the same items."""
    changes = [new.mean(measure) - old.mean(measure) for old, new in pairs]
    better, worse = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
    clusters = clusters_of([new for _, new in pairs])
    units, unit = bootstrap_units(clusters)
    estimate = cluster_bootstrap(changes, units, bounds=DIFFERENCES)
    bounded = (estimate.low, estimate.high) != DIFFERENCES
    if any(len(item.samples) > 1 for pair in pairs for item in pair):
        units, _ = bootstrap_units(clusters, at_least=_MIN_FLIPPED)
        sums = dict.fromkeys(units, 0.0)
        for change, name_of_unit in zip(changes, units, strict=True):
            sums[name_of_unit] += change
        p = permutation_test(list(sums.values()))
    else:
        p = sign_test(better, worse) if is_rate else permutation_test(changes)
    return PairedDifference(
        pairs[0][1].model,
        name,
        len(pairs),
        estimate.value,
        estimate.low if bounded else None,
        estimate.high if bounded else None,
        unit,
        worse if is_rate else None,
        better if is_rate else None,
        p,
        _items_needed(changes) if is_rate else None,
    )


def _items_needed(changes: Sequence[float]) -> int | None:
    """Connor's number of items, with the mean square of the changes as the share of discordant items."""
    total, squares = sum(changes), sum(change * change for change in changes)
    count = len(changes)
    return items_needed((squares + total) / 2 / count, (squares - total) / 2 / count)
