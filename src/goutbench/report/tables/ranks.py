"""Ranks of the models: by execution for the leaderboard, by ratings from what judges prefer."""

from collections.abc import Mapping, Sequence

from goutbench.ratings import mean_ranks, ratings_by_judge
from goutbench.records import Match
from goutbench.report.results import ItemKey, Results
from goutbench.report.tables.cells import Header, Rank, ReportCell, ReportTable
from goutbench.report.tables.measures import mutation_score
from goutbench.statistics import Interval

RANK_NOTE = (
    "By the mutation score of all items, or by the pass rate without mutants; over the items that all "
    "models have. The interval resamples files: models whose intervals overlap may change places."
)


def ranked(report: Results) -> bool:
    """Whether there are several models to rank."""
    return len(_executed(report)) > 1


def execution_ranks(report: Results) -> Mapping[str, Rank]:
    """The rank of each executed model by what its tests do; none where they have no item in common."""
    models = _executed(report)
    with_mutants = all(report.mutated_answers(model) for model in models)
    values: dict[str, dict[ItemKey, float]] = {}
    pairs: dict[ItemKey, str] = {}
    for model in models:
        items = report.mutated_answers(model) if with_mutants else report.executed_answers(model)
        values[model] = {
            item.item: item.mean(mutation_score) if with_mutants else float(item.share(lambda s: s.passed))
            for item in items
        }
        pairs |= {item.item: item.pair.id for item in items}
    common = [key for key in pairs if all(key in own for own in values.values())]
    if len(models) < 2 or not common:
        return {}
    table = {model: [own[key] for key in common] for model, own in values.items()}
    estimates = mean_ranks(table, [pairs[key] for key in common])
    return {model: Rank(rank.value, Interval(rank.low, rank.high)) for model, rank in estimates.items()}


def _executed(report: Results) -> list[str]:
    return [model for model in report.contestants if report.executed_answers(model)]


def ratings_table(matches: Sequence[Match]) -> ReportTable:
    """The ratings of three or more models, judge by judge; for two, preferences say it all."""
    table = ReportTable(
        "ratings",
        "Ratings by the judges",
        "Bradley-Terry, from all pairs of models: 400 points are odds of 10 to 1, the mean is 1000; ties and "
        "flips are half a win, errors are left out. Intervals resample files.",
        tuple(map(Header, ("judge", "model", "rating", "rank", "items"))),
    )
    if len({model for match in matches for model in (match.model_a, match.model_b)}) < 3:
        return table
    for judge, rated in ratings_by_judge(matches).items():
        for rating in rated:
            points = rating.points
            rank = Rank(rating.rank.value, Interval(rating.rank.low, rating.rank.high))
            note = f"95% interval {points.low:.0f} to {points.high:.0f}"
            table.add(
                [
                    ReportCell(judge), ReportCell(rating.model), ReportCell(f"{points.value:.0f}", note),
                    rank.cell(), ReportCell(f"{rating.matches:g}"),
                ],
                {
                    "judge": judge, "model": rating.model, "rating": points.value, "rating_low": points.low,
                    "rating_high": points.high, **rank.fields("rank"), "items": rating.matches,
                },
            )  # fmt: skip
    return table
