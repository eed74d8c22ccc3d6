"""Audit of a judge on placebo pairs, whose right verdict is known, before money is spent on real ones."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from goutbench.dataset.store import read_pairs, write_json, write_rows
from goutbench.errors import ConfigError, GoutbenchError
from goutbench.inference.models import Server
from goutbench.judge.asking import Request
from goutbench.judge.folder import Juror
from goutbench.judge.options import Options
from goutbench.judge.outcome import by_match, match_of
from goutbench.judge.placebo import RIGHT, Placebo, placebos
from goutbench.judge.results.costs import NO_PRICES, Prices, priced, total_cost
from goutbench.judge.results.figures import rate
from goutbench.judge.results.tables import rate_text, scorecard
from goutbench.judge.stage import check_jury, collect, open_journal
from goutbench.records import Match, Verdict

CARD, TABLE = "audit.json", "audit.parquet"
PAIRS, THRESHOLD = 8, 0.75
SWAPPED = "order swapped"
Card = dict[str, Any]


def audit(
    dataset: Path,
    out: Path,
    jurors: Sequence[Juror],
    options: Options,
    server: Server,
    *,
    pairs: int = PAIRS,
    threshold: float = THRESHOLD,
    reparse: bool = False,
    prices: Prices = NO_PRICES,
) -> dict[str, Card]:
    """Every judge's scorecard, by label; written to `audit.json`, with each placebo in `audit.parquet`.

    Each placebo is shown in both orders, also to a judge that is to be asked once. Raises ConfigError where
    the dataset has no test to make placebos of.
    """
    check_jury(jurors)
    made = placebos(list(read_pairs(dataset)), pairs, options.seed)
    if not made:
        raise ConfigError(
            "no test is short, sound and can fail: there is nothing to audit with", where=str(dataset)
        )
    cards, rows = {}, []
    with open_journal(out) as done:
        for juror in jurors:
            asked = requests_of(made, juror)
            found = priced(
                collect(asked, juror, out, options, server, done, reparse=reparse), prices.get(juror.model)
            )
            verdicts = by_match(found)
            matches = [match_of(each.item, juror, verdicts[_match_id(each, juror)]) for each in made]
            cards[juror.label] = {"fingerprint": juror.fingerprint, **_card(made, matches, threshold)}
            cards[juror.label]["cost"] = total_cost(found)
            rows += [_row(*each, verdicts) for each in zip(made, matches, strict=True)]
    write_rows(out / TABLE, rows)
    write_json(out / CARD, {**_read(out), **cards})
    return cards


def requests_of(made: Sequence[Placebo], juror: Juror) -> list[Request]:
    """Both orders of each placebo."""
    return [Request(each.item, juror, order) for each in made for order in ("ab", "ba")]


def _match_id(placebo: Placebo, juror: Juror) -> str:
    return Request(placebo.item, juror, "ab").match_id


def _card(made: Sequence[Placebo], matches: Sequence[Match], threshold: float) -> Card:
    """How often each kind was judged right, and how often the two orders did not contradict each other.

    An error is not right in either. The judge passes where no rate is below the threshold.
    """
    kinds = {}
    for kind in RIGHT:
        outcomes = [
            (match.outcome, match.outcome in placebo.right)
            for placebo, match in zip(made, matches, strict=True)
            if placebo.kind == kind
        ]
        counts = dict(sorted(Counter(outcome for outcome, _ in outcomes).items()))
        kinds[kind] = {"right": rate(sum(right for _, right in outcomes), len(outcomes)), "outcomes": counts}
    steady = sum(match.outcome not in ("flip", "error") for match in matches)
    kinds[SWAPPED] = {"right": rate(steady, len(matches)), "outcomes": {}}
    return {
        "threshold": threshold,
        "passed": all(found["right"]["rate"] >= threshold for found in kinds.values() if found["right"]),
        "kinds": kinds,
    }


def _row(placebo: Placebo, match: Match, verdicts: Mapping[str, Sequence[Verdict]]) -> dict[str, Any]:
    replies = {f"reply_{verdict.order}": verdict.reply for verdict in verdicts[match.id]}
    return {
        "judge": match.judge,
        "kind": placebo.kind,
        "pair_id": placebo.item.pair_id,
        "right": ", ".join(placebo.right),
        "outcome": match.outcome,
        "reason": match.reason,
        **replies,
    }


def text_of(cards: Mapping[str, Card]) -> str:
    """Scorecards for a terminal."""
    rows = [("judge", "placebo", "right", "outcomes", "")]
    for judge, card in cards.items():
        for kind, found in card["kinds"].items():
            outcomes = ", ".join(f"{name} {count}" for name, count in found["outcomes"].items())
            below = found["right"]["rate"] < card["threshold"]
            rows.append((judge, kind, rate_text(found["right"]), outcomes, "BELOW" if below else ""))
    return scorecard(rows)


def require_pass(out: Path, jurors: Sequence[Juror]) -> None:
    """Raises GoutbenchError where an audit in this folder found one of the judges below the threshold.

    A judge that was changed since is another judge, of which the audit says nothing.
    """
    cards = _read(out)
    failed = [
        juror.label
        for juror in jurors
        if (card := cards.get(juror.label))
        and card["fingerprint"] == juror.fingerprint
        and not card["passed"]
    ]
    if failed:
        raise GoutbenchError(
            f"the audit found {', '.join(failed)} below the threshold",
            where=str(out / CARD),
            hint="take another judge, or add --despite-audit",
        )


def _read(out: Path) -> dict[str, Card]:
    path = out / CARD
    try:
        return dict(json.loads(path.read_bytes())) if path.is_file() else {}
    except ValueError:
        raise ConfigError("not an audit of this version", where=str(path), hint="remove it") from None
