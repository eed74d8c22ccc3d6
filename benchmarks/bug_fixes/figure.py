"""The figure: how often suites catch the bug by the rank of their score, and how well it tells each bug."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from goutbench.plotting import PALETTE, svg

if TYPE_CHECKING:
    import altair as alt

PLACES = ("focal file", "changed functions")
KINDS = ("mutation score", "statement coverage")
_WIDTH, _HEIGHT = 300, 190


def draw(groups: Sequence[dict[str, Any]], bugs: Sequence[dict[str, Any]]) -> str:
    """`groups` have place, kind, group, rate, low and high; `bugs` have place, kind, rank and value."""
    import altair as alt

    rows = []
    for panel, data in ((_groups, groups), (_bugs, bugs)):
        rows.append(alt.hconcat(*(panel(data, place) for place in PLACES), spacing=40))
    return svg(alt.vconcat(*rows, spacing=28))


def _colour() -> "alt.Color":
    import altair as alt

    scale = alt.Scale(domain=list(KINDS), range=list(PALETTE[:2]))
    return alt.Color("kind:N", scale=scale, title=None, legend=alt.Legend(orient="top"))


def _groups(data: Sequence[dict[str, Any]], place: str) -> "alt.LayerChart":
    import altair as alt

    rows = [row for row in data if row["place"] == place]
    base = alt.Chart(alt.InlineData(values=rows), width=_WIDTH, height=_HEIGHT, title=place).encode(
        x=alt.X("group:O", title="fifths of suites of one size, lowest first", axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("kind:N", sort=list(KINDS)),
        color=_colour(),
    )
    share = alt.Y("low:Q", title="catch the bug", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    ends = base.mark_rule(strokeWidth=1.5).encode(y=share, y2="high:Q")
    chart: alt.LayerChart = ends + base.mark_point(filled=True, size=70, opacity=1).encode(y="rate:Q")
    return chart


def _bugs(data: Sequence[dict[str, Any]], place: str) -> "alt.LayerChart":
    import altair as alt

    rows = [row for row in data if row["place"] == place]
    axis = alt.Axis(labels=False, ticks=False, grid=False)
    points = alt.Chart(alt.InlineData(values=rows), width=_WIDTH, height=_HEIGHT).encode(
        x=alt.X("rank:Q", title="bugs, each measure in its own order", axis=axis),
        y=alt.Y("value:Q", title="P(higher if it catches)", scale=alt.Scale(domain=[0, 1])),
        color=_colour(),
    )
    even = alt.Chart(alt.InlineData(values=[{"value": 0.5}])).mark_rule(strokeDash=[4, 4], color="#888")
    chart: alt.LayerChart = even.encode(y="value:Q") + points.mark_point(filled=True, size=32, opacity=0.9)
    return chart
