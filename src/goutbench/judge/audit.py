"""Audits a judge on placebo pairs, whose right verdicts are known, before it costs money on real ones."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goutbench.dataset.store import read_pairs, write_json, write_rows
from goutbench.errors import ConfigError, GoutbenchError
from goutbench.inference.models import Server
from goutbench.judge.calls import collect_verdicts, open_journal
from goutbench.judge.config import Judge, check_judges
from goutbench.judge.options import JudgeOptions
from goutbench.judge.outcome import by_match, match_of
from goutbench.judge.placebo import RIGHT, Placebo, placebos
from goutbench.judge.requests import ORDERS, Request, match_id
from goutbench.judge.results.costs import NO_PRICES, Prices, total_cost, with_costs
from goutbench.judge.results.figures import rate
from goutbench.judge.results.tables import align_columns, format_rate
from goutbench.judge.verdict import require_answer
from goutbench.records import Match, Verdict

CARDS, TABLE = "audit.json", "audit.parquet"
PAIRS, THRESHOLD = 8, 0.75
CONSISTENT = "order swapped"
Card = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """`pairs` is the number of pairs to make placebos of, `threshold` the lowest rate of right verdicts."""

    pairs: int = PAIRS
    threshold: float = THRESHOLD


def audit(
    dataset: Path,
    out: Path,
    judges: Sequence[Judge],
    options: JudgeOptions,
    server: Server,
    *,
    audit_options: AuditOptions,
    reparse: bool = False,
    prices: Prices = NO_PRICES,
) -> dict[str, Card]:
    """The scorecard of each judge, by label; also in `audit.json`, with each placebo in `audit.parquet`.

    Each placebo is asked in both orders, even of a judge that asks once. Raises ConfigError if the dataset
    has no suitable test, GoutbenchError if a judge answered no call.
    """
    check_judges(judges)
    drawn = placebos(list(read_pairs(dataset)), audit_options.pairs, options.seed)
    if not drawn:
        raise ConfigError(
            "no test is suitable for placebo pairs",
            where=str(dataset),
            hint="use a dataset with a short test that parses and has at least two assertions",
        )
    cards: dict[str, Card] = {}
    rows: list[dict[str, Any]] = []
    with open_journal(out) as journal:
        journal.open()
        for judge in judges:
            asked = audit_requests(drawn, judge)
            answered = collect_verdicts(asked, out, options, server, journal, reparse=reparse)
            require_answer(answered, judge.model)
            verdicts = with_costs(answered, prices.get(judge.model))
            groups = by_match(verdicts)
            matches = [
                match_of(placebo.comparison, judge, groups[match_id(placebo.comparison, judge.label)])
                for placebo in drawn
            ]
            card = _scorecard(drawn, matches, audit_options.threshold)
            cards[judge.label] = {
                "fingerprint": judge.fingerprint,
                **card,
                "cost": total_cost(verdicts),
            }
            rows += [
                _row(placebo, match, groups[match.id]) for placebo, match in zip(drawn, matches, strict=True)
            ]
    write_rows(out / TABLE, rows)
    write_json(out / CARDS, {**_read_cards(out), **cards})
    return cards


def audit_requests(drawn: Sequence[Placebo], judge: Judge) -> list[Request]:
    """Both orders of each placebo."""
    return [Request(placebo.comparison, judge, order) for placebo in drawn for order in ORDERS]


def _scorecard(drawn: Sequence[Placebo], matches: Sequence[Match], threshold: float) -> Card:
    """The rate of right outcomes of each kind, and of orders that do not contradict each other.

    An error is never right. The judge passes if no rate is below the threshold.
    """
    kinds: dict[str, Any] = {}
    for kind, right in RIGHT.items():
        outcomes = [
            match.outcome for placebo, match in zip(drawn, matches, strict=True) if placebo.kind == kind
        ]
        kinds[kind] = {
            "right": rate(sum(outcome in right for outcome in outcomes), len(outcomes)),
            "outcomes": dict(sorted(Counter(outcomes).items())),
        }
    consistent = sum(match.outcome not in ("flip", "error") for match in matches)
    kinds[CONSISTENT] = {"right": rate(consistent, len(matches)), "outcomes": {}}
    return {
        "threshold": threshold,
        "passed": all(kind["right"]["rate"] >= threshold for kind in kinds.values() if kind["right"]),
        "kinds": kinds,
    }


def _row(placebo: Placebo, match: Match, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    return {
        "judge": match.judge,
        "kind": placebo.kind,
        "pair_id": placebo.comparison.pair_id,
        "right": ", ".join(placebo.right),
        "outcome": match.outcome,
        "reason": match.reason,
        **{f"reply_{verdict.order}": verdict.reply for verdict in verdicts},
    }


def format_cards(cards: Mapping[str, Card]) -> str:
    """The scorecards for a terminal."""
    rows = [("judge", "placebo", "right", "outcomes", "")]
    for judge, card in cards.items():
        for kind, result in card["kinds"].items():
            outcomes = ", ".join(f"{name} {count}" for name, count in result["outcomes"].items())
            below = "BELOW" if result["right"]["rate"] < card["threshold"] else ""
            rows.append((judge, kind, format_rate(result["right"]), outcomes, below))
    return align_columns(rows)


def require_pass(out: Path, judges: Sequence[Judge]) -> None:
    """Raises GoutbenchError if the audit in this folder has one of the judges below the threshold.

    An audit applies to one fingerprint: a judge that was changed since is another judge.
    """
    cards = _read_cards(out)
    failed = [
        judge.label
        for judge in judges
        if (card := cards.get(judge.label))
        and card["fingerprint"] == judge.fingerprint
        and not card["passed"]
    ]
    if failed:
        raise GoutbenchError(
            f"{', '.join(failed)} failed the audit: a rate is below the threshold",
            where=str(out / CARDS),
            hint="use another judge, or add --despite-audit",
        )


def _read_cards(out: Path) -> dict[str, Card]:
    path = out / CARDS
    try:
        return dict(json.loads(path.read_bytes())) if path.is_file() else {}
    except ValueError:
        raise ConfigError(
            "not an audit of this version", where=str(path), hint="remove the file, and audit again"
        ) from None
