"""A description as a page and as Markdown: the same tables with the same texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple

from goutbench.describe.figures import Figure
from goutbench.describe.tables import DatasetTable


class FormattedValue(NamedTuple):
    """A value as text, and as a number from 0 to 1 if it is a share."""

    text: str
    share: float | None


@dataclass(frozen=True, slots=True)
class DescriptionPage:
    """The content of the page. `identity` is that of its inputs, `facts` are names with values, `drawings`
    figures as SVG by their names.
    """

    identity: str
    title: str
    lead: str
    footer: str
    facts: Sequence[tuple[str, str]]
    tables: Sequence[DatasetTable]
    figures: Sequence[Figure]
    drawings: Mapping[str, str]


def render(page: DescriptionPage) -> str:
    """The page as HTML, without network or script. The figure of a table has the table's name."""
    import jinja2

    figures = {figure.name: figure for figure in page.figures}
    sections = [
        {
            "name": table.name,
            "title": figures[table.name].title if table.name in figures else table.title,
            "figure": figures.get(table.name),
            "svg": page.drawings.get(table.name, ""),
            "note": table.note,
            "columns": [_heading(key) for key in (table.rows[0] if table.rows else ())],
            "rows": [[_format(key, value) for key, value in row.items()] for row in table.rows],
        }
        for table in page.tables
    ]
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    source = (files("goutbench.describe") / "page" / "page.html.j2").read_text("utf-8")
    style = (files("goutbench") / "page.css").read_text("utf-8")
    return environment.from_string(source).render(page=page, sections=sections, style=style)


def markdown(title: str, tables: Sequence[DatasetTable]) -> str:
    """The tables as one Markdown text."""
    sections = [f"# {title}\n"]
    for table in tables:
        head = list(table.rows[0]) if table.rows else []
        lines = ["| " + " | ".join(map(_heading, head)) + " |", "| " + " | ".join("---" for _ in head) + " |"]
        lines += ["| " + " | ".join(_format(key, row[key]).text for key in head) + " |" for row in table.rows]
        sections.append(f"## {table.title}\n\n{table.note}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(sections)


def _heading(key: str) -> str:
    return key.removesuffix(" share").removeprefix("share ") if key != "share" else key


def _format(key: str, value: Any) -> FormattedValue:
    if key == "share" or key.startswith("share ") or key.endswith(" share"):
        return FormattedValue(f"{value:.1%}", float(value))
    if isinstance(value, float):
        return FormattedValue(f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}", None)
    return FormattedValue(f"{value:,}" if isinstance(value, int) else str(value), None)
