"""The figures of a report, drawn with Altair as SVG that follows the colours of the page."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from goutbench.plotting import PALETTE, svg

if TYPE_CHECKING:
    import altair as alt

_GREY = "#8a8f98"


class PlottedRate(NamedTuple):
    """A dot with its interval: one series in one group, at a step where there are several."""

    group: str
    series: str
    rate: float
    low: float
    high: float
    step: int = 0


def colours(models: Sequence[str], reference: str) -> dict[str, str]:
    """Model → colour, the same in every figure."""
    contestants = [model for model in models if model != reference]
    palette = {model: PALETTE[index % len(PALETTE)] for index, model in enumerate(contestants)}
    return palette | ({reference: _GREY} if reference in models else {})


def survival_curves(values: Mapping[str, Sequence[float]], palette: Mapping[str, str], axis: str) -> str:
    """For each model the share of its values that are at least x, as SVG."""
    import altair as alt

    data = [
        {"model": model, "x": point, "share": share}
        for model, shares in values.items()
        for point, share in _survival(shares)
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
            color=_colour("model", palette),
        )
    )
    return svg(chart.properties(width=420, height=240))


def rates_with_intervals(rates: Iterable[PlottedRate], palette: Mapping[str, str], axis: str) -> str:
    """A dot with its 95% interval for each group and series, as SVG."""
    import altair as alt

    rows = [rate._asdict() for rate in rates]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("series:N", title=None, axis=None, sort=list(palette)), color=_colour("series", palette)
    )
    bars = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=axis, axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(x="rate:Q")
    chart = (
        alt.layer(bars, dots)
        .properties(width=420, height=14 * max(len(palette), 1) + 8)
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


def rates_by_step(rates: Iterable[PlottedRate], palette: Mapping[str, str], axis: str) -> str:
    """For each group a curve of each series over the steps, with 95% intervals, as SVG."""
    import altair as alt

    rows = [rate._asdict() for rate in rates]
    groups = list(dict.fromkeys(row["group"] for row in rows))
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("step:O", title=axis, axis=alt.Axis(labelAngle=0)), color=_colour("series", palette)
    )
    shares = alt.Scale(domain=[0, 1])
    lines = base.mark_line(point=True, strokeWidth=2.2).encode(
        y=alt.Y("rate:Q", title=None, axis=alt.Axis(format="%"), scale=shares)
    )
    bars = base.mark_rule(strokeWidth=1.2).encode(y=alt.Y("low:Q", scale=shares), y2="high:Q")
    chart = alt.layer(bars, lines).properties(width=130, height=180)
    return svg(chart.facet(column=alt.Column("group:N", title=None, sort=groups), spacing=14))


def _survival(values: Sequence[float]) -> list[tuple[float, float]]:
    """Points of the survival function of the values, from (0, 1) to (1, share at 1)."""
    count = len(values)
    if not count:
        return []
    points = sorted({0.0, 1.0, *values})
    return [(point, sum(value >= point for value in values) / count) for point in points]


def _colour(column: str, palette: Mapping[str, str]) -> "alt.Color":
    import altair as alt

    scale = alt.Scale(domain=list(palette), range=list(palette.values()))
    legend = alt.Legend(orient="top", labelLimit=400)
    return alt.Color(f"{column}:N", title=None, scale=scale, legend=legend)
