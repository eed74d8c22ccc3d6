"""The figures of a dataset's description, drawn with Altair, with captions that explain them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from goutbench.dataset.store import atomic_file, write_text
from goutbench.describe.components import Components
from goutbench.describe.content import DatasetContent
from goutbench.describe.tables import ALL, WINDOWS, DatasetTable
from goutbench.plotting import PALETTE, png, svg

if TYPE_CHECKING:
    import altair as alt

_LARGE_PALETTE = (*PALETTE, "#c74f6b", "#4aa3a2", "#8f8fd1", "#b0a030")
_CODE, _TEST, _BOTH = PALETTE[0], PALETTE[1], PALETTE[5]
_PERCENT = "%"


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its title and caption. `name` is the name of its files and of the table that it shows."""

    name: str
    title: str
    caption: str
    chart: "alt.TopLevelMixin"

    def write(self, folder: Path) -> str:
        """Write the figure as SVG and PNG. Returns the SVG."""
        text = svg(self.chart)
        write_text(folder / f"{self.name}.svg", text)
        with atomic_file(folder / f"{self.name}.png") as partial:
            partial.write_bytes(png(self.chart))
        return text


def dataset_figures(
    data: DatasetContent, tables: Sequence[DatasetTable], components: Components | None
) -> list[Figure]:
    """Every figure, in the order of the page; that of the components only where there are some."""
    by_name = {table.name: table for table in tables}
    return [
        funnel_figure(by_name["funnel"]),
        *([components_figure(data, components)] if components else []),
        lines_figure(data),
        *(split_figure(table) for table in tables if table.name.startswith("split-")),
        tokens_figure(data),
        style_figure(by_name["style"]),
    ]


def components_figure(data: DatasetContent, components: Components) -> Figure:
    import altair as alt

    rows = [
        {"x": round(float(x), 4), "y": round(float(y), 4), "repository": pair.repository}
        for (x, y), pair in zip(components.points, data.pairs, strict=True)
    ]
    names = data.repositories
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_circle(size=16, opacity=0.55)
        .encode(
            x=alt.X("x:Q", title=f"first component, {components.explained[0]:.1%} of the variance"),
            y=alt.Y("y:Q", title=f"second component, {components.explained[1]:.1%}"),
            color=alt.Color(
                "repository:N",
                title=None,
                scale=alt.Scale(
                    domain=names,
                    range=[_LARGE_PALETTE[index % len(_LARGE_PALETTE)] for index in range(len(names))],
                ),
                legend=alt.Legend(symbolOpacity=1, symbolSize=80, labelLimit=240),
            ),
        )
        .properties(width=520, height=380)
    )
    caption = (
        "Figure 1 of the paper: embeddings of the code, one dot per pair. Rank correlation with the lines of "
        f"code: {components.lines[0]:.2f} for the first component, {components.lines[1]:.2f} for the second."
    )
    return Figure("components", "Embeddings of the code", caption, chart)


def lines_figure(data: DatasetContent) -> Figure:
    import altair as alt

    rows = []
    for name in data.repositories:
        for side, lines in (("code", "code_lines"), ("test", "test_lines")):
            values = [max(1, getattr(p, lines)) for p in data.pairs if p.repository == name]
            percentiles = {"low": 5, "q1": 25, "mid": 50, "q3": 75, "high": 95}
            values_at = {key: float(np.percentile(values, q)) for key, q in percentiles.items()}
            rows.append({"repository": name, "side": side, **values_at})
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=_repositories(data.repositories),
        yOffset=alt.YOffset("side:N", sort=["code", "test"]),
        color=alt.Color(
            "side:N",
            title=None,
            scale=alt.Scale(domain=["code", "test"], range=[_CODE, _TEST]),
            legend=alt.Legend(orient="top"),
        ),
    )
    log = alt.Scale(type="log")
    whisker = base.mark_rule().encode(x=alt.X("low:Q", scale=log, title="lines, logarithmic"), x2="high:Q")
    box = base.mark_bar(size=8).encode(x=alt.X("q1:Q", scale=log), x2="q3:Q")
    middle_mark = base.mark_tick(size=10, thickness=2, color="white").encode(
        x=alt.X("mid:Q", scale=log), color=alt.value("white")
    )
    chart = alt.layer(whisker, box, middle_mark).properties(width=470, height=alt.Step(14))
    caption = (
        "Figure 2 of the paper: lines of code and of tests. The box is the middle half of the files, "
        "the line 90% of them, the mark the median."
    )
    return Figure("lines", "Lines of code and of tests", caption, chart)


def split_figure(table: DatasetTable) -> Figure:
    import altair as alt

    scheme = table.name.removeprefix("split-")
    splits = [key.removesuffix(" share") for key in table.rows[0] if key.endswith(" share")]
    rows = [
        {
            "repository": row["repository"],
            "split": split,
            "share": row[f"{split} share"],
            "count": f"{row[split]:,}",
        }
        for row in table.rows
        for split in splits
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=_repositories([row["repository"] for row in table.rows])
    )
    axis = alt.Axis(format=_PERCENT, tickCount=4)
    bars = base.mark_bar(color=_CODE, height=12).encode(
        x=alt.X("share:Q", title="share of the split", axis=axis)
    )
    counts = base.mark_text(align="left", dx=3, fontSize=10).encode(x="share:Q", text="count:N")
    chart = (
        alt.layer(bars, counts)
        .properties(width=150, height=alt.Step(18))
        .facet(column=alt.Column("split:N", title=None, sort=splits), spacing=14)
    )
    caption = f"Figures 8 to 10 of the paper: pairs by repository and split, for the scheme {scheme}."
    return Figure(table.name, f"Repositories by split: {scheme}", caption, chart)


def tokens_figure(data: DatasetContent) -> Figure:
    import altair as alt

    tokenizer, counts = next(iter(data.tokens.items()))
    sides: dict[str, Callable[[tuple[int, int]], int]] = {
        "code": itemgetter(0),
        "test": itemgetter(1),
        "code + test": sum,
    }
    rows = [
        {"side": side, "tokens": point, "share": share}
        for side, size in sides.items()
        for point, share in _survival([max(1, size(count)) for count in counts])
    ]
    scale = alt.Scale(type="log", nice=False)
    curves = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(interpolate="step-before", strokeWidth=2.2)
        .encode(
            x=alt.X("tokens:Q", scale=scale, title=f"tokens ({tokenizer}), logarithmic"),
            y=alt.Y("share:Q", title="share of pairs with at least x", axis=alt.Axis(format=_PERCENT)),
            color=alt.Color(
                "side:N",
                title=None,
                scale=alt.Scale(domain=list(sides), range=[_CODE, _TEST, _BOTH]),
                legend=alt.Legend(orient="top"),
            ),
        )
    )
    windows = alt.Chart(alt.InlineData(values=[{"at": size, "label": f"{size:,}"} for size in WINDOWS]))
    rules = windows.mark_rule(strokeDash=[4, 4], color="#888").encode(x=alt.X("at:Q", scale=scale))
    labels = windows.mark_text(align="left", dx=4, dy=10, fontSize=10).encode(
        x=alt.X("at:Q", scale=scale), y=alt.value(0), text="label:N"
    )
    chart = alt.layer(curves, rules, labels).properties(width=520, height=260)
    caption = "The share of pairs that a limit cuts off: the height of the curve at the limit's dashed line."
    return Figure("tokens", "Tokens and context windows", caption, chart)


def style_figure(table: DatasetTable) -> Figure:
    import altair as alt

    columns = [key for key in table.rows[0] if key.endswith(" share")]
    rows = [
        {
            "repository": row["repository"],
            "style": column.removesuffix(" share"),
            "share": row[column],
            "text": f"{row[column]:.0%}",
        }
        for row in table.rows
        for column in columns
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X(
            "style:N",
            title=None,
            sort=[column.removesuffix(" share") for column in columns],
            axis=alt.Axis(orient="top", labelAngle=-35, domain=False, ticks=False),
        ),
        y=_repositories([row["repository"] for row in table.rows], domain=False, ticks=False),
    )
    cells = base.mark_rect(cornerRadius=2, color=_CODE).encode(
        opacity=alt.Opacity("share:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=[0.04, 0.75]))
    )
    texts = base.mark_text(fontSize=10).encode(text="text:N")
    chart = alt.layer(cells, texts).properties(width=alt.Step(52), height=alt.Step(24))
    caption = "The share of test files with at least one of each, by repository."
    return Figure("style", "Styles of the tests", caption, chart)


def funnel_figure(table: DatasetTable) -> Figure:
    import altair as alt

    names = [row["repository"] for row in table.rows if row["repository"] != ALL]
    rows = []
    for row in table.rows:
        if row["repository"] == ALL:
            continue
        paired_tests = round(row["tests paired share"] * row["tests"])
        paired_sources = row["sources"] - row.get("no_test", 0)
        for kind, total, paired in (
            ("sources", row["sources"], paired_sources),
            ("tests", row["tests"], paired_tests),
        ):
            rows.append({"repository": row["repository"], "kind": kind, "state": "in a pair", "n": paired})
            rows.append(
                {"repository": row["repository"], "kind": kind, "state": "not paired", "n": total - paired}
            )
    colour = alt.Scale(domain=["in a pair", "not paired"], range=[_CODE, "#8a8f98"])
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(height=12)
        .encode(
            x=alt.X("n:Q", title="files", axis=alt.Axis(tickCount=4)),
            y=_repositories(names),
            color=alt.Color("state:N", title=None, scale=colour, legend=alt.Legend(orient="top")),
            order=alt.Order("state:N"),
        )
        .properties(width=230, height=alt.Step(18))
        .facet(column=alt.Column("kind:N", title=None), spacing=16)
        .resolve_scale(x="independent")
    )
    caption = "Go files that are in pairs, and those that are not. Every rejection has a reason."
    return Figure("funnel", "From files to pairs", caption, chart)


def _repositories(names: Sequence[str], **axis: Any) -> "alt.Y":
    """The vertical axis of repositories, in the given order."""
    import altair as alt

    return alt.Y("repository:N", title=None, sort=list(names), axis=alt.Axis(labelLimit=220, **axis))


def _survival(values: Sequence[int]) -> list[tuple[int, float]]:
    """Points of the share of values that are at least x, at most 200 of them."""
    ordered = np.sort(np.asarray(values))
    points: list[Any] = sorted({int(np.percentile(ordered, q)) for q in np.linspace(0, 100, 201)})
    return [(point, float((ordered >= point).mean())) for point in points]
