"""The numbers of a comparison of two models; rates are those of `model_b`.

The item is the unit of every rate, interval and test. Several samples of an item are averaged first, so
that more samples make an item's value more precise, and never the number of items larger.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

from goutbench.judge.comparison import Comparison
from goutbench.judge.config import Judge
from goutbench.judge.results.costs import total_cost
from goutbench.judge.results.families import self_preference_warnings
from goutbench.records import OUTCOMES, Match, Verdict
from goutbench.statistics import (
    DIFFERENCES,
    Estimate,
    cluster_bootstrap,
    cohen_kappa,
    holm,
    krippendorff_alpha,
    length_controlled,
    sign_test,
    wilson,
)

Figures = dict[str, Any]
_POINTS = {"win": 1.0, "tie": 0.5}
_SIGNS = {"win": 1, "loss": -1}


def figures(
    comparisons: Sequence[Comparison],
    verdicts: Sequence[Verdict],
    matches: Sequence[Match],
    judges: Sequence[Judge],
    passing: Collection[str] | None = None,
) -> Figures:
    """The figures of each judge (a panel is one more), the agreement between judges, costs and warnings.

    `passing` are the ids of the candidates that passed, if they were executed; with them the figures
    include the rates among items whose two candidates pass.
    """
    lengths = {comparison.candidate_a: len(comparison.text_a) for comparison in comparisons}
    lengths |= {comparison.candidate_b: len(comparison.text_b) for comparison in comparisons}
    by_judge = {
        name: _judge_figures(
            [match for match in matches if match.judge == name],
            [verdict for verdict in verdicts if verdict.judge == name],
            lengths,
            passing,
        )
        for name in dict.fromkeys(match.judge for match in matches)
    }
    adjusted = holm([own["sign test p"] for own in by_judge.values()])
    for own, p in zip(by_judge.values(), adjusted, strict=True):
        own["sign test p, Holm over judges"] = p
    models = comparisons[0].model_a, comparisons[0].model_b
    return {
        "model a": models[0],
        "model b": models[1],
        "judges": by_judge,
        "cost": total_cost(verdicts),
        "agreement": agreement(matches, [judge.label for judge in judges]),
        "warnings": self_preference_warnings(judges, models),
    }


def rate(count: int | Fraction, of: int) -> Figures | None:
    """A rate with its Wilson interval; None of nothing. A fractional count is a sum of items' shares."""
    if not of:
        return None
    number = int(count) if count == int(count) else float(count)
    low, high = wilson(number, of)
    return {"count": number, "of": of, "rate": number / of, "low": low, "high": high}


@dataclass(frozen=True, slots=True)
class ItemGroups:
    """The matches before one judge, grouped by item: one match for each sample."""

    groups: Sequence[Sequence[Match]]

    @classmethod
    def of(cls, matches: Iterable[Match]) -> "ItemGroups":
        groups: dict[Hashable, list[Match]] = defaultdict(list)
        for match in matches:
            groups[match.pair_id, match.focal].append(match)
        return cls(list(groups.values()))

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def repositories(self) -> list[str]:
        """The repository of each item."""
        return [group[0].repository for group in self.groups]

    def of_repository(self, name: str) -> "ItemGroups":
        return ItemGroups([group for group in self.groups if group[0].repository == name])

    def means(self, value: Callable[[Match], float]) -> list[float]:
        """The mean of a value over the matches of each item."""
        return [sum(map(value, group)) / len(group) for group in self.groups]

    def points(self) -> list[float]:
        """The mean points of each item: 1 for a win, ½ for a tie."""
        return self.means(lambda match: _POINTS.get(match.outcome, 0.0))

    def count(self, outcome: str) -> Fraction:
        """The number of items with this outcome, where an item counts by the share of its samples."""
        shares = (
            Fraction(sum(match.outcome == outcome for match in group), len(group)) for group in self.groups
        )
        return sum(shares, Fraction())

    def outcome_rates(self) -> Figures:
        return {outcome: rate(self.count(outcome), len(self)) for outcome in OUTCOMES}

    def error_bounds(self) -> Figures:
        """The win rate and the adjusted rate if all errors were losses, and if all were wins."""
        win, error = self.count("win"), self.count("error")
        adjusted = win + self.count("tie") / 2
        return {
            "win rate": [float(win / len(self)), float((win + error) / len(self))],
            "adjusted": [float(adjusted / len(self)), float((adjusted + error) / len(self))],
        }


def _judge_figures(
    matches: Sequence[Match],
    verdicts: Sequence[Verdict],
    lengths: Mapping[str, int],
    passing: Collection[str] | None,
) -> Figures:
    items = ItemGroups.of(matches)
    points, differences = items.points(), items.means(lambda match: _SIGNS.get(match.outcome, 0))
    wins, losses = sum(value > 0 for value in differences), sum(value < 0 for value in differences)
    both = None
    if passing is not None:
        passed = frozenset(passing)
        both = ItemGroups.of(match for match in matches if {match.candidate_a, match.candidate_b} <= passed)
    by_repository = {name: items.of_repository(name) for name in sorted(set(items.repositories))}
    return {
        "mode": matches[0].mode,
        "n": len(items),
        "matches": len(matches),
        "repositories": len(by_repository),
        "outcomes": items.outcome_rates(),
        "adjusted": _interval("rate", cluster_bootstrap(points, items.repositories)),
        "adjusted, of these repositories": _interval("rate", cluster_bootstrap(points, range(len(items)))),
        "win minus loss": _interval(
            "value", cluster_bootstrap(differences, items.repositories, bounds=DIFFERENCES)
        ),
        "bounds": items.error_bounds(),
        "sign test p": sign_test(wins, losses),
        "errors": dict(sorted(Counter(verdict.error for verdict in verdicts if verdict.error).items())),
        "position": position_bias(verdicts, matches),
        "length": length_bias(items, lengths),
        "where both pass": None if both is None else {"n": len(both), **both.outcome_rates()},
        "tokens": {
            "input": sum(verdict.input_tokens for verdict in verdicts),
            "output": sum(verdict.output_tokens for verdict in verdicts),
        },
        "cost": total_cost(verdicts),
        "by repository": {
            name: {"n": len(own), **own.outcome_rates(), "adjusted": sum(own.points()) / len(own)}
            for name, own in by_repository.items()
        },
    }


def _interval(name: str, estimate: Estimate) -> Figures:
    return {name: estimate.value, "low": estimate.low, "high": estimate.high}


def position_bias(verdicts: Sequence[Verdict], matches: Sequence[Match]) -> Figures:
    """How often the verdicts that prefer a candidate prefer the first in the prompt; ½ is no bias.

    The unit is an item in one order. As each item is asked in both orders, any departure from ½ is due to the
    judge. p is that of the exact sign test.
    """
    item_of = {match.id: (match.pair_id, match.focal) for match in matches}
    prefers_first: dict[Hashable, list[bool]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.choice in ("a", "b"):
            unit = item_of[verdict.match_id], verdict.order
            prefers_first[unit].append(verdict.choice == verdict.order[0])
    return _preference("first preferred", prefers_first.values())


def length_bias(items: ItemGroups, lengths: Mapping[str, int]) -> Figures:
    """How often the longer candidate wins, among wins and losses of unequal length, and what that explains.

    "controlled" is the adjusted win rate at equal length, beside the raw one. A longer test file can well be
    the better one: these figures tell how much of the preference goes with length, not that it is wrong.
    """

    def log_ratio(match: Match) -> float:
        return math.log((lengths[match.candidate_b] + 1) / (lengths[match.candidate_a] + 1))

    decided = [
        [
            (log_ratio(match) > 0) == (match.outcome == "win")
            for match in group
            if match.outcome in _SIGNS and log_ratio(match) != 0
        ]
        for group in items.groups
    ]
    points = items.points()
    return {
        **_preference("longer preferred", decided),
        "raw": sum(points) / len(points),
        "controlled": length_controlled(points, items.means(log_ratio)),
    }


def _preference(name: str, units: Iterable[Sequence[bool]]) -> Figures:
    """The mean over units of the share of true values, with p of the sign test over their majorities."""
    shares = [Fraction(sum(unit), len(unit)) for unit in units if unit]
    p = sign_test(
        sum(share > Fraction(1, 2) for share in shares), sum(share < Fraction(1, 2) for share in shares)
    )
    return {name: rate(sum(shares, Fraction()), len(shares)), "p": p}


def agreement(matches: Sequence[Match], judges: Sequence[str]) -> Figures | None:
    """Cohen's κ of each two judges and Krippendorff's α of all, over outcomes; None for one judge.

    An error is a missing rating: κ covers the matches that both judges decided. n counts their items.
    """
    if len(judges) < 2:
        return None
    outcomes: dict[str, dict[tuple[Any, ...], str]] = {judge: {} for judge in judges}
    for match in matches:
        if match.judge in outcomes and match.outcome != "error":
            outcomes[match.judge][match.pair_id, match.focal, match.sample] = match.outcome
    pairs = {
        f"{one} and {two}": _pair_agreement(outcomes[one], outcomes[two])
        for one, two in combinations(judges, 2)
    }
    keys = {key for own in outcomes.values() for key in own}
    ratings = [[own[key] for own in outcomes.values() if key in own] for key in sorted(keys)]
    alpha = krippendorff_alpha(ratings) if ratings else math.nan
    return {"Cohen's κ": pairs, "Krippendorff's α": None if math.isnan(alpha) else alpha}


def _pair_agreement(one: Mapping[tuple[Any, ...], str], two: Mapping[tuple[Any, ...], str]) -> Figures:
    both = sorted(one.keys() & two.keys())
    same: dict[Hashable, list[bool]] = defaultdict(list)
    for key in both:
        same[key[:2]].append(one[key] == two[key])
    shares = [Fraction(sum(item), len(item)) for item in same.values()]
    return {
        "n": len(shares),
        "same": rate(sum(shares, Fraction()), len(shares)),
        "κ": cohen_kappa([one[key] for key in both], [two[key] for key in both]) if both else None,
    }
