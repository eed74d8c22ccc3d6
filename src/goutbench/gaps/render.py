"""The page: self-contained, without network or script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from goutbench.gaps.finding import Finding, Kind, PackageGaps
from goutbench.gaps.links import SourceLinks

_LISTED = 200  # findings of a kind, or packages; the tables have all
_NOTES = {
    Kind.NO_TEST: "Source files that no test file is paired with. First those with most functions "
    "that no test of their package names.",
    Kind.UNCOVERED: "Functions that their file's own tests never call, the longest first. Tests of other "
    "files may call them.",
    Kind.SURVIVOR: "Small changes to covered code that no test noticed: each is a bug that the tests would "
    "miss. Functions with most survivors come first.",
    Kind.ASSERTION_FREE: "Test files in which only a panic can make a test fail.",
    Kind.FAILING: "The repositories' own tests that did not pass here, in every run.",
}


@dataclass(frozen=True, slots=True)
class GapsPage:
    """The content of the page. `identity` is that of its inputs, `files_folder` the name of the folder
    beside it."""

    identity: str
    title: str
    notices: Sequence[str]
    findings: Sequence[Finding]
    packages: Sequence[PackageGaps]
    counts: Mapping[Kind, int | None]
    pairs: int
    files_folder: str


@dataclass(frozen=True, slots=True)
class _Section:
    """The findings of one kind, the listed ones in groups of one function."""

    kind: Kind
    note: str
    count: int
    groups: Sequence[Sequence[Finding]]
    omitted: int


def render(page: GapsPage, links: SourceLinks) -> str:
    """The page as HTML. Every value is escaped; characters that hide or reorder text are shown as codes."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["shown"] = shown
    environment.filters["percent"] = lambda share: "–" if share is None else f"{100 * share:.1f}%"
    source = (files("goutbench.gaps") / "page" / "page.html.j2").read_text("utf-8")
    return environment.from_string(source).render(
        page=page,
        kinds=list(Kind),
        sections=[_section(page, kind) for kind in Kind],
        packages=page.packages[:_LISTED],
        link=links.link,
        several=len({finding.repository for finding in page.findings}) > 1,
        style=(files("goutbench") / "page.css").read_text("utf-8"),
    )


def _section(page: GapsPage, kind: Kind) -> _Section:
    findings = [finding for finding in page.findings if finding.kind is kind]
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings[:_LISTED]:
        groups.setdefault((finding.repository, finding.path, finding.function), []).append(finding)
    listed = list(groups.values())
    return _Section(kind, _NOTES[kind], len(findings), listed, len(findings) - sum(map(len, listed)))


def shown(text: str) -> str:
    """A text as readers see it: a right-to-left override or a zero-width space would hide what it is."""
    return "".join(c if c.isprintable() or c == "\t" else f"\\u{ord(c):04x}" for c in text)
