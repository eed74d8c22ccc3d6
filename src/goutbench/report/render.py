"""One page of it all: no network, no build, no server; it opens from disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from goutbench.report.items import script_json
from goutbench.report.rows import Row
from goutbench.report.tables import STEPS, Table, at_step
from goutbench.report.taxonomy import CLASSES

COLUMNS = (
    "pair", "focal", "sample", "round", "model", "repository", "path", "class", "steps", "fate", "coverage",
    "mutation", "verdict", "group",
)  # fmt: skip
"""Columns of the item list, as the page's filters name them."""


@dataclass(frozen=True, slots=True)
class Block:
    """One part of the page: a table, a figure (SVG text with a caption), or words under a title."""

    name: str = ""
    title: str = ""
    table: Table | None = None
    svg: str = ""
    caption: str = ""
    words: tuple[str, ...] = ()


def fate(row: Row) -> str:
    """What became of a candidate, in three: the columns of the judge's cross-table."""
    return "passes" if row.passed else "builds, fails" if row.built else "does not build"


def item_row(row: Row, verdicts: Sequence[str], groups: Sequence[str]) -> list[Any]:
    """A row as the page's list holds it, in the order of COLUMNS."""
    steps = [name for name, _, _ in STEPS if at_step(row, name)]
    return [
        row.pair.id, ", ".join(row.key[1]), row.key[2], row.round, row.model, row.pair.repository,
        row.pair.code_path, row.failure, steps, fate(row), _rounded(row.coverage), _rounded(row.mutation),
        list(verdicts), list(groups),
    ]  # fmt: skip


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def render(
    *,
    title: str,
    lead: str,
    footer: str,
    blocks: Sequence[Block],
    rows: Sequence[Sequence[Any]],
    files_folder: str,
) -> str:
    """The page's text. Every value of the data is escaped; the figures are our own SVG."""
    import jinja2

    folder = files("goutbench.report") / "page"
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False)
    environment.filters["link"] = item_link
    template = environment.from_string((folder / "page.html.j2").read_text("utf-8"))
    return template.render(
        title=title,
        lead=lead,
        footer=footer,
        blocks=blocks,
        contents=[(block.table.name, block.table.title) for block in blocks if block.table],
        files=files_folder,
        style=(files("goutbench") / "page.css").read_text("utf-8"),
        script=(folder / "app.js").read_text("utf-8"),
        rows=script_json(
            {"files": files_folder, "columns": COLUMNS, "steps": STEPS, "classes": CLASSES, "rows": rows}
        ),
    )


def item_link(query: Mapping[str, str]) -> str:
    """The address, within the page, of the items that a number counts; first answers unless it says more."""
    return "#items?" + urlencode({"round": "0", **query})
