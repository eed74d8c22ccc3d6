"""Ratings of the models that judges compared, as text and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from goutbench.ratings import Rating


def rating_rows(rated: Sequence[Rating]) -> list[dict[str, Any]]:
    """Ratings as JSON."""
    return [
        asdict(rating) | {"points": rating.points._asdict(), "rank": rating.rank._asdict()}
        for rating in rated
    ]


def format_ratings(by_judge: Mapping[str, Sequence[Rating]]) -> str:
    """Ratings as text for a terminal."""
    lines = []
    for judge, rated in by_judge.items():
        lines += ["", f"{judge}: ratings (Bradley-Terry; 400 points are odds of 10 to 1), clustered by file"]
        if not rated:
            lines.append("  none: the comparisons do not connect all models")
        width = max((len(rating.model) for rating in rated), default=0)
        for rating in rated:
            points, rank = rating.points, rating.rank
            lines.append(
                f"  {rating.model:<{width}}  {points.value:6.0f} ({points.low:.0f} to {points.high:.0f})"
                f"  rank {rank.value:g} ({rank.low:g} to {rank.high:g})  {rating.matches:g} items"
            )
    return "\n".join(lines)
