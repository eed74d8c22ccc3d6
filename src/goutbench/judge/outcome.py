"""From verdicts to matches: what the orders of one judge, and what several judges, come to."""

from collections import Counter
from collections.abc import Mapping, Sequence

from goutbench.judge.asking import match_id
from goutbench.judge.folder import Juror
from goutbench.judge.items import Item
from goutbench.records import Match, Verdict

PANEL = "panel"
OUTCOMES = ("win", "loss", "tie", "flip", "error")
_OF_CHOICE = {"b": "win", "a": "loss", "tie": "tie"}


def match_of(item: Item, juror: Juror, verdicts: Sequence[Verdict]) -> Match:
    """The match of an item before one judge, from the verdicts of its one or two orders."""
    outcome, reason = _settle(verdicts)
    return _match(item, juror.label, juror.judge.mode, outcome, reason)


def _settle(verdicts: Sequence[Verdict]) -> tuple[str, str]:
    """One error makes an error; orders that do not say the same are a flip, a tie and a choice too."""
    errors = sorted({verdict.error for verdict in verdicts if verdict.error})
    if errors or not verdicts:
        return "error", ", ".join(errors)
    choices = {verdict.choice for verdict in verdicts}
    if len(choices) > 1:
        return "flip", ", ".join(f"{verdict.order}: {verdict.choice}" for verdict in verdicts)
    return _OF_CHOICE[choices.pop()], ""


def panel_match(item: Item, matches: Sequence[Match]) -> Match:
    """The match of an item before several judges: what more than half of all of them say.

    A judge with a flip or an error abstains, and still counts as one of all. Without a majority the outcome
    is "error" where most judges erred, else "flip": the judges contradict each other, or one judge itself.
    """
    votes = Counter(match.outcome for match in matches)
    said = ", ".join(f"{name} {votes[name]}" for name in OUTCOMES if votes[name])
    outcome = next((name for name in OUTCOMES if 2 * votes[name] > len(matches)), "flip")
    return _match(item, PANEL, PANEL, outcome, said)


def _match(item: Item, judge: str, mode: str, outcome: str, reason: str) -> Match:
    return Match(
        id=match_id(item, judge),
        pair_id=item.pair_id,
        repository=item.repository,
        focal=item.focal,
        sample=item.sample,
        model_a=item.model_a,
        model_b=item.model_b,
        candidate_a=item.candidate_a,
        candidate_b=item.candidate_b,
        judge=judge,
        mode=mode,
        outcome=outcome,
        reason=reason,
    )


def by_match(verdicts: Sequence[Verdict]) -> Mapping[str, list[Verdict]]:
    """Verdicts by their match."""
    found: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        found.setdefault(verdict.match_id, []).append(verdict)
    return found
