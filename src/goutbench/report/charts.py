"""The figures of a report, by Altair, as SVG that stands in the page and follows its colours."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from goutbench.plotting import PALETTE, svg

if TYPE_CHECKING:
    import altair as alt

_GREY = "#8a8f98"


def colours(models: Sequence[str], reference: str) -> dict[str, str]:
    """Model → colour, the same in every figure and table."""
    others = [model for model in models if model != reference]
    chosen = {model: PALETTE[index % len(PALETTE)] for index, model in enumerate(others)}
    return chosen | ({reference: _GREY} if reference in models else {})


def reach(values: dict[str, list[float]], paint: dict[str, str], axis: str) -> str:
    """For each model the share of its items that reach at least x: a step down for each item. SVG text."""
    import altair as alt

    data = [
        {"model": model, "x": point, "share": share}
        for model, found in values.items()
        for point, share in _steps(found)
    ]
    chart = (
        alt.Chart(alt.InlineData(values=data))
        .mark_line(interpolate="step-before", strokeWidth=2.2)
        .encode(
            x=alt.X("x:Q", title=axis, axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            y=alt.Y(
                "share:Q",
                title="share of items that reach it",
                axis=alt.Axis(format="%"),
                scale=alt.Scale(domain=[0, 1]),
            ),
            color=_colour("model", paint),
        )
    )
    return svg(chart.properties(width=420, height=240))


def rates_by_group(rows: Sequence[dict[str, Any]], paint: dict[str, str], axis: str) -> str:
    """A dot with its 95% interval for each group and series: rows of group, series, rate, low, high."""
    import altair as alt

    base = alt.Chart(alt.InlineData(values=list(rows))).encode(
        y=alt.Y("series:N", title=None, axis=None, sort=list(paint)), color=_colour("series", paint)
    )
    bars = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=axis, axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(x="rate:Q")
    chart = (
        alt.layer(bars, dots)
        .properties(width=420, height=14 * max(len(paint), 1) + 8)
        .facet(
            row=alt.Row(
                "group:N",
                title=None,
                header=alt.Header(labelAngle=0, labelAlign="left", labelLimit=220),
                sort=[row["group"] for row in rows],
            ),
            spacing=4,
        )
    )
    return svg(chart)


def _steps(values: Sequence[float]) -> list[tuple[float, float]]:
    """Points of the survival function of the values, from (0, 1) to (1, share at 1)."""
    count = len(values)
    if not count:
        return []
    points = sorted({0.0, 1.0, *values})
    return [(point, sum(value >= point for value in values) / count) for point in points]


def _colour(column: str, paint: dict[str, str]) -> "alt.Color":
    import altair as alt

    scale = alt.Scale(domain=list(paint), range=list(paint.values()))
    legend = alt.Legend(orient="top", labelLimit=400)
    return alt.Color(f"{column}:N", title=None, scale=scale, legend=legend)
