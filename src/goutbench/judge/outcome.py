"""From verdicts to matches: the outcome of one judge's orders, and of a panel."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from goutbench.judge.comparison import Comparison
from goutbench.judge.config import Judge
from goutbench.judge.requests import match_id
from goutbench.records import OUTCOMES, Match, Verdict

PANEL = "panel"
_OUTCOME_OF_CHOICE = {"b": "win", "a": "loss", "tie": "tie"}


def match_of(comparison: Comparison, judge: Judge, verdicts: Sequence[Verdict]) -> Match:
    """The match of a comparison before one judge, from the verdicts of its one or two orders.

    One error makes the match an error; different choices in the two orders make it a flip.
    """
    errors = sorted({verdict.error for verdict in verdicts if verdict.error})
    choices = {verdict.choice for verdict in verdicts}
    if errors or not verdicts:
        outcome, reason = "error", ", ".join(errors)
    elif len(choices) > 1:
        outcome, reason = "flip", ", ".join(f"{verdict.order}: {verdict.choice}" for verdict in verdicts)
    else:
        outcome, reason = _OUTCOME_OF_CHOICE[choices.pop()], ""
    return _match(comparison, judge.label, judge.config.mode, outcome, reason)


def panel_match(comparison: Comparison, matches: Sequence[Match]) -> Match:
    """The match of a comparison before a panel: the outcome of more than half of all its judges.

    A judge with a flip or an error abstains, and still counts as one of all. Without a majority the outcome
    is "flip"; where most judges failed it is "error".
    """
    votes = Counter(match.outcome for match in matches)
    reason = ", ".join(f"{name} {votes[name]}" for name in OUTCOMES if votes[name])
    outcome = next((name for name in OUTCOMES if 2 * votes[name] > len(matches)), "flip")
    return _match(comparison, PANEL, PANEL, outcome, reason)


def _match(comparison: Comparison, judge: str, mode: str, outcome: str, reason: str) -> Match:
    return Match(
        id=match_id(comparison, judge),
        pair_id=comparison.pair_id,
        repository=comparison.repository,
        focal=comparison.focal,
        sample=comparison.sample,
        model_a=comparison.model_a,
        model_b=comparison.model_b,
        candidate_a=comparison.candidate_a,
        candidate_b=comparison.candidate_b,
        judge=judge,
        mode=mode,
        outcome=outcome,
        reason=reason,
    )


def by_match(verdicts: Sequence[Verdict]) -> Mapping[str, Sequence[Verdict]]:
    """The verdicts by the id of their match; a match without any has an empty list."""
    groups: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        groups[verdict.match_id].append(verdict)
    return groups
