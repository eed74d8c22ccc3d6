"""The page: self-contained, without network, build or server; it opens from disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from goutbench.records import Rung
from goutbench.report.items.files import script_json
from goutbench.report.kinds import KINDS
from goutbench.report.opening.facts import OpeningFact
from goutbench.report.results import SampleResult
from goutbench.report.tables.cells import PageBlock
from goutbench.report.tables.ladder import reaches
from goutbench.report.taxonomy import FAILURE_CLASSES, FUNNEL, KILLS

_SUBJECTS = {Rung.COVERS.value: "coverage", KILLS: "mutants"}
"""The steps of the funnel that need a measurement of their own."""

_TEMPLATE = "page.html.j2"
_SCRIPTS = ("data", "list", "compare", "code", "item", "print", "sorting", "main")
"""In this order, in one scope: each uses what the ones before it define."""

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
    beside it, `base` the model that others are compared with, `not_measured` the models without a
    result. For the methods: what an item is and what the rates carry, in words, and the names of what was
    `measured`."""

    identity: str
    title: str
    verdict: str
    facts: Sequence[OpeningFact]
    footer: str
    blocks: Sequence[PageBlock]
    candidates: Sequence[ListedCandidate]
    files_folder: str
    base: str
    not_measured: frozenset[str]
    unit: str
    intervals: str
    measured: frozenset[str]


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def render(page: Page) -> str:
    """The page as HTML. Every value of the data is escaped; the figures are our own SVG."""
    import jinja2

    folder = files("goutbench.report") / "page"
    templates = {name: (folder / name).read_text("utf-8") for name in (_TEMPLATE, "methods.html.j2")}
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(templates), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["link"] = candidates_link
    styles = (files("goutbench") / "page.css", *(folder / name for name in ("report.css", "item.css")))
    script_data = {
        "files": page.files_folder,
        "base": page.base,
        "notMeasured": sorted(page.not_measured),
        "columns": _COLUMNS,
        "steps": [step for step in FUNNEL.items() if _SUBJECTS.get(step[0], "") in {"", *page.measured}],
        "classes": FAILURE_CLASSES,
        "order": {"group": KINDS, "class": list(FAILURE_CLASSES)},
        "rows": [candidate.values() for candidate in page.candidates],
    }
    scripts = {name: (folder / "script" / f"{name}.js").read_text("utf-8") for name in ("theme", *_SCRIPTS)}
    return environment.get_template(_TEMPLATE).render(
        page=page,
        style="".join(path.read_text("utf-8") for path in styles),
        theme_script=scripts["theme"],
        script="(() => {\n" + "".join(scripts[name] for name in _SCRIPTS) + "})();",
        script_data=script_json(script_data),
    )


def candidates_link(query: Mapping[str, str]) -> str:
    """The address, within the page, of the candidates that a number counts; first answers by default.

    A query with `show` is one of the comparison, item by item.
    """
    if "show" in query:
        return "#compare?" + urlencode(query)
    return "#items?" + urlencode({"round": "0", **query})
