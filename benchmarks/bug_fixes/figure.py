"""The figure: how often suites catch the bug by the rank of their score, and how well it tells each bug."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bug_fixes.suites import MEASURES
from goutbench.plotting import PALETTE, svg

if TYPE_CHECKING:
    import altair as alt

_SCORE, _COVERAGE = MEASURES[0], MEASURES[2]


def draw(groups: Sequence[dict[str, Any]], bugs: Sequence[dict[str, Any]]) -> str:
    """`groups` have measure, group, rate, low and high; `bugs` have measure, rank and value."""
    import altair as alt

    left, right = _groups(groups), _bugs(bugs)
    return svg(alt.hconcat(left, right, spacing=36))


def _colour() -> "alt.Color":
    import altair as alt

    scale = alt.Scale(domain=[_SCORE, _COVERAGE], range=list(PALETTE[:2]))
    return alt.Color(
        "measure:N",
        scale=scale,
        title=None,
        legend=alt.Legend(orient="top", labelExpr="datum.label == 'score' ? 'mutation score' : datum.label"),
    )


def _groups(rows: Sequence[dict[str, Any]]) -> "alt.LayerChart":
    import altair as alt

    base = alt.Chart(alt.InlineData(values=list(rows)), width=270, height=250).encode(
        x=alt.X("group:O", title="fifth of suites of one size, by rank", axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("measure:N", sort=[_SCORE, _COVERAGE]),
        color=_colour(),
    )
    ends = base.mark_rule(strokeWidth=1.5).encode(
        y=alt.Y(
            "low:Q", title="suites that catch the bug", axis=alt.Axis(format="%"), scale=alt.Scale(zero=True)
        ),
        y2="high:Q",
    )
    return ends + base.mark_point(filled=True, size=70, opacity=1).encode(y="rate:Q")


def _bugs(rows: Sequence[dict[str, Any]]) -> "alt.LayerChart":
    import altair as alt

    data = alt.InlineData(values=list(rows))
    points = (
        alt.Chart(data, width=330, height=250)
        .mark_point(filled=True, size=32, opacity=0.9)
        .encode(
            x=alt.X(
                "rank:Q",
                title="bugs, each measure in its own order",
                axis=alt.Axis(labels=False, ticks=False),
            ),
            y=alt.Y("value:Q", title="P(higher in the suite that catches)", scale=alt.Scale(domain=[0, 1])),
            color=_colour(),
        )
    )
    even = alt.Chart(alt.InlineData(values=[{"value": 0.5}])).mark_rule(strokeDash=[4, 4], color="#888")
    return even.encode(y="value:Q") + points
