"""What judges prefer, by repository as in the paper's Figures 4 and 5, and how it agrees with execution."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TypeVar

from goutbench.records import OUTCOMES, Match
from goutbench.report.charts import PlottedRate, rates_with_intervals
from goutbench.report.inputs import Judgement
from goutbench.report.results import FATES, ItemKey, Results, integer_if_integral
from goutbench.report.tables.cells import (
    Header,
    PageBlock,
    Query,
    Rate,
    ReportCell,
    ReportTable,
    Scalar,
    number,
    percent,
)
from goutbench.report.tables.measures import Cluster, rate_over
from goutbench.report.tables.ranks import ratings_table
from goutbench.statistics import adjusted_win_rate

_COLOURS = dict(zip(OUTCOMES, ("#3f8f5b", "#d1722a", "#5a6b7b", "#9a4f96", "#8a7033"), strict=True))
_OPINIONS = {"win": ("not preferred", "preferred"), "loss": ("preferred", "not preferred")}
Group = TypeVar("Group", bound=tuple[str, ...])
Answer = tuple[str, ItemKey, int]
"""Identifies a first answer: model, item, sample."""


def opinions(judgements: Sequence[Judgement]) -> dict[Answer, tuple[str, ...]]:
    """What judges thought of each candidate, such as "preferred" or "tie", every opinion once."""
    by_answer: dict[Answer, list[str]] = defaultdict(list)
    for match in _matches(judgements):
        for answer, opinion in _sides(match):
            by_answer[answer].append(opinion)
    return {answer: tuple(dict.fromkeys(group)) for answer, group in by_answer.items()}


def preference_blocks(report: Results, judgements: Sequence[Judgement]) -> list[PageBlock]:
    """The judges' tables and figures; without a judge, a paragraph on how to add one."""
    matches = _matches(judgements)
    if not matches:
        text = "This report rests on execution alone. To add a judge, run `goutbench judge` and give --judge."
        return [PageBlock(name="judge", title="Judge", paragraphs=(text,))]
    return [
        *([PageBlock(table=rated)] if (rated := ratings_table(matches)).rows else []),
        PageBlock(table=preference_rates(matches)),
        PageBlock(table=preferences_by_repository(matches)),
        *preference_figures(matches),
        PageBlock(table=judge_and_execution(report, matches)),
    ]


def _matches(judgements: Iterable[Judgement]) -> list[Match]:
    return [match for judgement in judgements for match in judgement.matches]


def _sides(match: Match) -> Iterator[tuple[Answer, str]]:
    """The two candidates of a match, each with the judge's opinion of it."""
    item = ItemKey(match.pair_id, match.focal)
    both = _OPINIONS.get(match.outcome, (match.outcome, match.outcome))
    for model, opinion in zip((match.model_a, match.model_b), both, strict=True):
        yield (model, item, match.sample), opinion


def _by_item(matches: Iterable[Match]) -> list[list[Match]]:
    """The matches of each item: one for every sample."""
    return list(_grouped(matches, _comparison_key).values())


def _outcome_rates(matches: Sequence[Match]) -> dict[str, Rate]:
    """The rate of every outcome over items; an item counts by the share of its samples."""
    items = _by_item(matches)
    clusters = [Cluster(item[0].repository, item[0].pair_id) for item in items]
    rates = {}
    for outcome in OUTCOMES:
        shares = [Fraction(sum(match.outcome == outcome for match in item), len(item)) for item in items]
        rate = rate_over(shares, clusters, sampled=len(items) < len(matches))
        if rate is not None:
            rates[outcome] = rate
    return rates


def preference_rates(matches: Sequence[Match]) -> ReportTable:
    table = ReportTable(
        "preferences",
        "What the judge prefers",
        "Rates of the second model over all items. Flip: the two orders contradict each other. "
        "Adjusted: (win + ½ tie) ÷ all. Bounds: the win rate if all errors were losses, or wins.",
        tuple(map(Header, ("judge", "match", "n", *OUTCOMES, "adjusted", "bounds"))),
    )
    for (judge, a, b), group in _grouped(matches, _judge_and_models).items():
        rates, items = _outcome_rates(group), _by_item(group)
        adjusted = sum(adjusted_win_rate([match.outcome for match in item]) for item in items) / len(items)
        highest = (rates["win"].count + rates["error"].count) / len(items)
        record = {"judge": judge, "a": a, "b": b, "n": len(items), **_counts(rates), "adjusted": adjusted}
        table.add(
            [
                ReportCell(judge),
                ReportCell(f"{b} against {a}"),
                ReportCell(str(len(items))),
                *(rate.cell(_query(b, outcome)) for outcome, rate in rates.items()),
                ReportCell(percent(adjusted)),
                ReportCell(f"{100 * rates['win'].value:.1f} to {percent(highest)}"),
            ],
            record,
        )
    return table


def preferences_by_repository(matches: Sequence[Match]) -> ReportTable:
    table = ReportTable(
        "preferences-by-repository",
        "Preferences by repository",
        "As in Figures 4 and 5 of the paper, with intervals.",
        tuple(map(Header, ("judge", "match", "repository", "n", *OUTCOMES))),
    )
    for (judge, a, b, repository), group in _grouped(
        matches, lambda match: (*_judge_and_models(match), match.repository)
    ).items():
        rates, count = _outcome_rates(group), len(_by_item(group))
        cells = [
            rate.cell(_query(b, outcome) | {"repository": repository}) for outcome, rate in rates.items()
        ]
        table.add(
            [*map(ReportCell, (judge, f"{b} against {a}", repository, str(count))), *cells],
            {"judge": judge, "a": a, "b": b, "repository": repository, "n": count, **_counts(rates)},
        )
    return table


def preference_figures(matches: Sequence[Match]) -> list[PageBlock]:
    """The table by repository as the paper draws it: one figure for each judge and pair of models."""
    blocks = []
    for index, ((judge, a, b), group) in enumerate(_grouped(matches, _judge_and_models).items(), 1):
        rates = [
            PlottedRate(repository, outcome, rate.value, *rate.interval)
            for (repository,), part in _grouped(group, lambda match: (match.repository,)).items()
            for outcome, rate in _outcome_rates(part).items()
        ]
        title = f"{b} against {a}, judged by {judge}"
        caption = "Figures 4 and 5 of the paper, with 95% intervals."
        svg = rates_with_intervals(rates, _COLOURS, "share of items")
        blocks.append(PageBlock(name=f"preferences-{index}", title=title, svg=svg, caption=caption))
    return blocks


def judge_and_execution(report: Results, matches: Sequence[Match]) -> ReportTable:
    """What execution says about the candidates that a judge preferred, and about those it did not."""
    fates: dict[Answer, str] = {
        (sample.model, sample.item, sample.sample): sample.fate
        for sample in report.samples
        if sample.round == 0 and sample.fate
    }
    table = ReportTable(
        "judge-and-execution",
        "Judge and execution",
        "How many of the candidates that a judge preferred pass, and how many do not even compile. "
        "Candidates without a result are left out.",
        tuple(map(Header, ("verdict", *FATES))),
    )
    samples = Counter(map(_comparison_key, matches))
    counts: dict[str, dict[str, Fraction]] = {}
    for match in matches:
        for answer, opinion in _sides(match):
            if answer not in fates:  # not executed, or an infrastructure error
                continue
            row = counts.setdefault(opinion, dict.fromkeys(FATES, Fraction()))
            row[fates[answer]] += Fraction(1, samples[_comparison_key(match)])
    for opinion in sorted(counts, key=lambda name: name != "preferred"):
        total = sum(counts[opinion].values())
        cells, record = [ReportCell(opinion)], dict[str, Scalar](verdict=opinion)
        for name, count in counts[opinion].items():
            record[name] = integer_if_integral(count)
            query = {"verdict": opinion, "fate": name}
            cells.append(
                ReportCell(number(integer_if_integral(count)), query=query, share=float(count / total))
            )
        table.add(cells, record)
    return table


def _judge_and_models(match: Match) -> tuple[str, str, str]:
    return match.judge, match.model_a, match.model_b


def _comparison_key(match: Match) -> tuple[str, ...]:
    """The same for all samples of one item, before one judge and between the same models."""
    return *_judge_and_models(match), match.pair_id, *match.focal


def _counts(rates: Mapping[str, Rate]) -> dict[str, Scalar]:
    return {outcome: rate.count for outcome, rate in rates.items()}


def _query(model: str, outcome: str) -> Query:
    """The candidates of an outcome, as the candidate list names the judge's opinion of the second model."""
    return {"model": model, "verdict": _OPINIONS.get(outcome, (outcome, outcome))[1]}


def _grouped(matches: Iterable[Match], key: Callable[[Match], Group]) -> dict[Group, list[Match]]:
    groups: dict[Group, list[Match]] = defaultdict(list)
    for match in matches:
        groups[key(match)].append(match)
    return dict(sorted(groups.items()))
