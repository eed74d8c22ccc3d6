"""The page: self-contained, without network, build or server; it opens from disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from goutbench.report.items import script_json
from goutbench.report.kinds import KINDS
from goutbench.report.opening.facts import OpeningFact
from goutbench.report.results import SampleResult
from goutbench.report.tables.cells import PageBlock
from goutbench.report.tables.ladder import reaches
from goutbench.report.taxonomy import FAILURE_CLASSES, FUNNEL

_COLUMNS = (
    "pair", "focal", "sample", "round", "model", "repository", "path", "class", "steps", "fate", "coverage",
    "mutation", "verdict", "group",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ListedCandidate:
    """A candidate in the page's list, with what the filters select by."""

    sample: SampleResult
    opinions: tuple[str, ...]
    groups: tuple[str, ...]

    def values(self) -> list[Any]:
        """The row as the page's script reads it, in the order of _COLUMNS."""
        sample, pair = self.sample, self.sample.pair
        return [
            pair.id, ", ".join(sample.item.focal), sample.sample, sample.round, sample.model, pair.repository,
            pair.code_path, sample.failure, [step for step in FUNNEL if reaches(sample, step)], sample.fate,
            _rounded(sample.coverage), _rounded(sample.mutation_score), self.opinions, self.groups,
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """The content of the page. `identity` is that of its inputs, `files_folder` the name of the folder
    beside it."""

    identity: str
    title: str
    verdict: str
    facts: Sequence[OpeningFact]
    footer: str
    blocks: Sequence[PageBlock]
    candidates: Sequence[ListedCandidate]
    files_folder: str


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def render(page: Page) -> str:
    """The page as HTML. Every value of the data is escaped; the figures are our own SVG."""
    import jinja2

    folder = files("goutbench.report") / "page"
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False)
    environment.filters["link"] = candidates_link
    styles = (files("goutbench") / "page.css", folder / "report.css")
    script_data = {
        "files": page.files_folder,
        "columns": _COLUMNS,
        "steps": list(FUNNEL.items()),
        "classes": FAILURE_CLASSES,
        "order": {"group": KINDS, "class": list(FAILURE_CLASSES)},
        "rows": [candidate.values() for candidate in page.candidates],
    }
    return environment.from_string((folder / "page.html.j2").read_text("utf-8")).render(
        page=page,
        style="".join(path.read_text("utf-8") for path in styles),
        script=(folder / "app.js").read_text("utf-8"),
        script_data=script_json(script_data),
    )


def candidates_link(query: Mapping[str, str]) -> str:
    """The address, within the page, of the candidates that a number counts; first answers by default."""
    return "#items?" + urlencode({"round": "0", **query})
