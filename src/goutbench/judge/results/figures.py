"""The numbers of a judged comparison, each with its n and its interval; rates are of `model_b`."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Any

from goutbench.judge.folder import Juror
from goutbench.judge.items import Item
from goutbench.judge.outcome import OUTCOMES
from goutbench.judge.results.costs import total_cost
from goutbench.judge.results.families import self_preference
from goutbench.records import Match, Verdict
from goutbench.statistics import (
    adjusted_win_rate,
    cluster_bootstrap,
    cohen_kappa,
    holm,
    krippendorff_alpha,
    length_controlled,
    sign_test,
    wilson,
)

_POINTS = {"win": 1.0, "tie": 0.5}
Figures = dict[str, Any]


def figures(
    items: Sequence[Item],
    verdicts: Sequence[Verdict],
    matches: Sequence[Match],
    jurors: Sequence[Juror],
    passing: Collection[str] | None = None,
) -> Figures:
    """Everything that is said of a run: by judge (the panel is one), agreement between judges, warnings.

    `passing` are the candidates that pass when executed: the rates among items where both do stand beside.
    """
    lengths = {item.candidate_a: len(item.text_a) for item in items}
    lengths |= {item.candidate_b: len(item.text_b) for item in items}
    judges = {
        judge: _of_judge(
            [match for match in matches if match.judge == judge],
            [verdict for verdict in verdicts if verdict.judge == judge],
            lengths,
            passing,
        )
        for judge in dict.fromkeys(match.judge for match in matches)
    }
    adjusted = holm([each["sign test p"] for each in judges.values()])
    for each, p in zip(judges.values(), adjusted, strict=True):
        each["sign test p, Holm over judges"] = p
    return {
        "model a": items[0].model_a,
        "model b": items[0].model_b,
        "judges": judges,
        "cost": total_cost(verdicts),
        "agreement": agreement(matches, [juror.label for juror in jurors]),
        "warnings": self_preference(jurors, (items[0].model_a, items[0].model_b)),
    }


def rate(count: int, of: int) -> Figures | None:
    """A rate with its Wilson interval; None of nothing."""
    if not of:
        return None
    low, high = wilson(count, of)
    return {"count": count, "of": of, "rate": count / of, "low": low, "high": high}


def _of_judge(
    matches: Sequence[Match],
    verdicts: Sequence[Verdict],
    lengths: Mapping[str, int],
    passing: Collection[str] | None,
) -> Figures:
    outcomes = [match.outcome for match in matches]
    counts = Counter(outcomes)
    points = [_POINTS.get(outcome, 0.0) for outcome in outcomes]
    names = [match.repository for match in matches]
    mean = cluster_bootstrap(points, names)
    alone = cluster_bootstrap(points, range(len(points)))
    gap = cluster_bootstrap([_signed(outcome) for outcome in outcomes], names)
    return {
        "mode": matches[0].mode,
        "n": len(matches),
        "repositories": len(set(names)),
        "outcomes": _rates(counts, len(matches)),
        "adjusted": {"rate": mean.value, "low": mean.low, "high": mean.high},
        "adjusted, of these repositories": {"rate": alone.value, "low": alone.low, "high": alone.high},
        "win minus loss": {"value": gap.value, "low": gap.low, "high": gap.high},
        "bounds": _bounds(counts, len(matches)),
        "sign test p": sign_test(counts["win"], counts["loss"]),
        "errors": dict(sorted(Counter(verdict.error for verdict in verdicts if verdict.error).items())),
        "position": position(verdicts),
        "length": length(matches, lengths),
        "where both pass": _where_both_pass(matches, passing),
        "tokens": {
            "input": sum(verdict.input_tokens for verdict in verdicts),
            "output": sum(verdict.output_tokens for verdict in verdicts),
        },
        "cost": total_cost(verdicts),
        "by repository": {name: _of_repository(matches, name) for name in sorted(set(names))},
    }


def _signed(outcome: str) -> float:
    return {"win": 1.0, "loss": -1.0}.get(outcome, 0.0)


def _rates(counts: Counter[str], of: int) -> Figures:
    return {outcome: rate(counts[outcome], of) for outcome in OUTCOMES}


def _where_both_pass(matches: Sequence[Match], passing: Collection[str] | None) -> Figures | None:
    """The outcomes of the items whose two candidates pass; None where nothing was executed."""
    if passing is None:
        return None
    kept = [match.outcome for match in matches if {match.candidate_a, match.candidate_b} <= set(passing)]
    return {"n": len(kept), **_rates(Counter(kept), len(kept))}


def _of_repository(matches: Sequence[Match], name: str) -> Figures:
    outcomes = [match.outcome for match in matches if match.repository == name]
    return {
        "n": len(outcomes),
        **_rates(Counter(outcomes), len(outcomes)),
        "adjusted": adjusted_win_rate(outcomes),
    }


def _bounds(counts: Counter[str], of: int) -> Figures:
    """Win and adjusted rates, had all errors been lost, and had all been won."""
    adjusted = counts["win"] + counts["tie"] / 2
    return {
        "win rate": [counts["win"] / of, (counts["win"] + counts["error"]) / of],
        "adjusted": [adjusted / of, (adjusted + counts["error"]) / of],
    }


def position(verdicts: Sequence[Verdict]) -> Figures:
    """How often the candidate shown first was preferred, of the verdicts that preferred one; ½ is no bias.

    With both orders of each item, any departure from ½ is the judge's own; p is of the exact sign test.
    """
    decided = [verdict for verdict in verdicts if verdict.choice in ("a", "b")]
    first = sum(verdict.choice == verdict.order[0] for verdict in decided)
    return {"first preferred": rate(first, len(decided)), "p": sign_test(first, len(decided) - first)}


def length(matches: Sequence[Match], lengths: Mapping[str, int]) -> Figures:
    """How often the longer candidate won, of the wins and losses of unequal length, and what that explains.

    "controlled" is the adjusted win rate at equal length, beside the raw one. A longer test file may well
    be the better one: this says how much of a preference goes with length, not that it is a fault.
    """
    sizes = [(lengths[match.candidate_a], lengths[match.candidate_b]) for match in matches]
    won = {"win": 1, "loss": 0}
    decided = [
        (won[match.outcome], a, b)
        for match, (a, b) in zip(matches, sizes, strict=True)
        if match.outcome in won and a != b
    ]
    longer = sum(b > a if win else a > b for win, a, b in decided)
    ratios = [math.log((b + 1) / (a + 1)) for a, b in sizes]
    points = [_POINTS.get(match.outcome, 0.0) for match in matches]
    return {
        "longer preferred": rate(longer, len(decided)),
        "p": sign_test(longer, len(decided) - longer),
        "raw": sum(points) / len(points),
        "controlled": length_controlled(points, ratios),
    }


def agreement(matches: Sequence[Match], judges: Sequence[str]) -> Figures | None:
    """Cohen's κ of each two judges and Krippendorff's α of all, over outcomes; None for one judge.

    An error is a missing rating: κ is over the items that both judges settled, and its n says how many.
    """
    if len(judges) < 2:
        return None
    said: dict[str, dict[tuple[Any, ...], str]] = {judge: {} for judge in judges}
    for match in matches:
        if match.judge in said and match.outcome != "error":
            said[match.judge][match.pair_id, match.focal, match.sample] = match.outcome
    pairs = {f"{one} and {two}": _kappa(said[one], said[two]) for one, two in combinations(judges, 2)}
    keys = {key for of_judge in said.values() for key in of_judge}
    ratings = [[of[key] for of in said.values() if key in of] for key in sorted(keys)]
    alpha = krippendorff_alpha(ratings) if ratings else math.nan
    return {"Cohen's κ": pairs, "Krippendorff's α": None if math.isnan(alpha) else alpha}


def _kappa(one: Mapping[Any, str], two: Mapping[Any, str]) -> Figures:
    both = sorted(one.keys() & two.keys())
    labels = [one[key] for key in both], [two[key] for key in both]
    same = sum(a == b for a, b in zip(*labels, strict=True))
    return {
        "n": len(both),
        "same": rate(same, len(both)),
        "κ": cohen_kappa(*labels) if both else None,
    }
