"""The page: every mutated file with the mutants inside its source; without network or script."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from goutbench.dataset.pages import page_identity
from goutbench.mutate.output.diff import MutantDiff, mutant_diff
from goutbench.mutate.results import (
    MutatedFile,
    MutateResult,
    SourceTest,
    TestedMutant,
    redundant_tests,
    score_of,
    shortened,
)
from goutbench.records import MutantStatus

COMMAND = "mutate"
_NAMES = 6  # of tests beside a mutant
_LABELS = {
    MutantStatus.KILLED: "killed",
    MutantStatus.SURVIVED: "survived",
    MutantStatus.NO_COVERAGE: "not covered",
    MutantStatus.TIMED_OUT: "timed out",
    None: "not run",
}
_WORST = (MutantStatus.SURVIVED, MutantStatus.NO_COVERAGE, MutantStatus.TIMED_OUT, None, MutantStatus.KILLED)


@dataclass(frozen=True, slots=True)
class PageMutant:
    """A mutant below its line."""

    label: str
    operator: str
    tests: str
    diff: MutantDiff


@dataclass(frozen=True, slots=True)
class PageLine:
    """A line of a source file with the mutants that begin in it. `kind` is the worst fate of one of them."""

    number: int
    text: str
    kind: str
    summary: str
    mutants: Sequence[PageMutant]


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file with its counts by label, its score and its lines."""

    anchor: str
    path: str
    counts: dict[str, int]
    score: float | None
    lines: Sequence[PageLine]


def render(result: MutateResult) -> str:
    """The page as HTML. Every value is escaped; characters that hide or reorder text are shown as codes."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["shown"] = _shown
    environment.filters["percent"] = lambda share: "–" if share is None else f"{100 * share:.1f}%"
    source = (files("goutbench.mutate.output") / "page.html.j2").read_text("utf-8")
    mutated = [file for file in result.files if file.mutants]
    return environment.from_string(source).render(
        identity=page_identity(COMMAND, result.root),
        root=result.root.rpartition("/")[2],
        labels=list(_LABELS.values()),
        files=[_page_file(number, file) for number, file in enumerate(mutated)],
        total=_counts(result.mutants),
        mutants=len(result.mutants),
        score=result.score,
        notices=[*result.notices, *result.failures],
        redundant=_redundant(result),
        style=(files("goutbench") / "page.css").read_text("utf-8"),
    )


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else f"\\u{ord(c):04x}" for c in text)


def _counts(mutants: Sequence[TestedMutant]) -> dict[str, int]:
    return {label: sum(mutant.status is status for mutant in mutants) for status, label in _LABELS.items()}


def _redundant(result: MutateResult) -> list[tuple[str, list[SourceTest]]]:
    """The redundant tests by package, where all killers are known."""
    if not result.complete:
        return []
    tests = [(package.path, redundant_tests(package, result.files)) for package in result.packages]
    return [(path, listed) for path, listed in tests if listed]


def _page_file(number: int, file: MutatedFile) -> PageFile:
    by_line: dict[int, list[TestedMutant]] = defaultdict(list)
    for tested in file.mutants:
        by_line[tested.mutant.line].append(tested)
    text = file.source.decode("utf-8", "replace").removesuffix("\n").split("\n")
    lines = [_line(file, at, line, by_line.get(at, [])) for at, line in enumerate(text, 1)]
    return PageFile(f"file-{number}", file.path, _counts(file.mutants), score_of(file.mutants), lines)


def _line(file: MutatedFile, number: int, text: str, mutants: Sequence[TestedMutant]) -> PageLine:
    if not mutants:
        return PageLine(number, text, "", "", ())
    ordered = sorted(mutants, key=lambda tested: _WORST.index(tested.status))
    counts = {label: count for label, count in _counts(mutants).items() if count}
    summary = ", ".join(f"{count} {label}" for label, count in counts.items())
    kind = _LABELS[ordered[0].status].replace(" ", "-")
    return PageLine(number, text, kind, summary, [_page_mutant(file, tested) for tested in ordered])


def _page_mutant(file: MutatedFile, tested: TestedMutant) -> PageMutant:
    if tested.killers:
        tests = f"by {shortened(tested.killers, _NAMES)}"
    elif tested.reached_by:
        tests = f"reached by {shortened(tested.reached_by, _NAMES)}"
    else:
        tests = "reached by no test"
    return PageMutant(
        _LABELS[tested.status], tested.mutant.operator, tests, mutant_diff(file.source, tested.mutant)
    )
