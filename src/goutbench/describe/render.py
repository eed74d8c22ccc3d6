"""A description as a page and as Markdown: the same tables, the same words for their values."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from goutbench.describe.figures import Figure
from goutbench.describe.tables import Table


class Cell(NamedTuple):
    """A value as text, and the share that it is, if it is one."""

    text: str
    share: float | None


def page(
    *, title: str, lead: str, footer: str, facts: Sequence[tuple[str, str]], tables: Sequence[Table],
    figures: Sequence[Figure], drawings: Mapping[str, str],
) -> str:  # fmt: skip
    """The page's text: no network, no script; `drawings` has each figure as SVG, by its name."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    source = (files("goutbench.describe") / "page" / "page.html.j2").read_text("utf-8")
    return environment.from_string(source).render(
        title=title,
        lead=lead,
        footer=footer,
        facts=facts,
        parts=_parts(tables, figures, drawings),
        style=(files("goutbench") / "page.css").read_text("utf-8"),
    )


def markdown(title: str, tables: Sequence[Table]) -> str:
    """The tables as one Markdown text."""
    parts = [f"# {title}\n"]
    for table in tables:
        head = list(table.rows[0]) if table.rows else []
        lines = ["| " + " | ".join(map(_heading, head)) + " |", "| " + " | ".join("---" for _ in head) + " |"]
        lines += ["| " + " | ".join(_cell(key, row[key]).text for key in head) + " |" for row in table.rows]
        parts.append(f"## {table.title}\n\n{table.note}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _parts(
    tables: Sequence[Table], figures: Sequence[Figure], drawings: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Tables with their figures; the figure of a table has its name."""
    drawn = {figure.name: figure for figure in figures}
    return [
        {
            "name": table.name,
            "title": drawn[table.name].title if table.name in drawn else table.title,
            "figure": drawn.get(table.name),
            "svg": drawings.get(table.name, ""),
            "note": table.note,
            "columns": [_heading(key) for key in (table.rows[0] if table.rows else ())],
            "rows": [[_cell(key, value) for key, value in row.items()] for row in table.rows],
        }
        for table in tables
    ]


def _heading(key: str) -> str:
    return key.removesuffix(" share").removeprefix("share ") if key != "share" else key


def _cell(key: str, value: Any) -> Cell:
    if key == "share" or key.startswith("share ") or key.endswith(" share"):
        return Cell(f"{value:.1%}", float(value))
    if isinstance(value, float):
        return Cell(f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}", None)
    return Cell(f"{value:,}" if isinstance(value, int) else str(value), None)
