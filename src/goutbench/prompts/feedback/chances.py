"""What passing tests do not notice yet: code that they never run, and mutants that they do not kill."""

import sys
from collections.abc import Iterable, Iterator, Sequence

from goutbench.golang.measured.blocks import Position, functions_never_called, positions
from goutbench.golang.measured.mutants import diff
from goutbench.golang.syntax.file import GoFile, declaration_keys, line_and_column
from goutbench.golang.syntax.parser import parse
from goutbench.prompts.feedback.observed import Observed, fenced, numbered
from goutbench.records import MutantStatus, MutantVerdict, Status

MAX_MUTANTS = 5
_MAX_LINES = 60  # of uncovered code
_MAX_BRANCHES = 12

_Block = tuple[Position, Position]


def uncovered_code(observed: Observed) -> str:
    """The functions that passing tests never call, and in the others the lines that they never run and the
    branches that they only take in one way.

    Only of the focal functions, or of the complete file; empty if all of it is covered.
    """
    record = observed.execution
    # blocks without a statement may remain, and files without branches
    if record.status is not Status.PASSED or (record.coverage, record.branch_coverage or 1) == (1, 1):
        return ""
    source = parse(observed.pair.code.encode("utf-8", "surrogateescape"))
    focal = _focal_spans(source, observed.candidate.focal)
    blocks = [block for block in map(positions, record.uncovered) if _inside(block[0], focal)]
    never = dict(functions_never_called(source, {start for start, _ in blocks}))
    spans = [_span(source, item.node_start, item.node_end) for item in never.values()]
    called = [block for block in blocks if not _inside(block[0], spans)]
    numbers = sorted({line for (first, _), (last, _) in called for line in range(first, last + 1)})
    branches = [
        f"- line {start[0]}: `{code}`: {outcome}"
        for start, code, outcome in map(_branch, record.uncovered_branches)
        if _inside(start, focal) and not _inside(start, spans) and start[0] not in numbers
    ]
    parts = [
        "\n".join(f"- `{key}` is never called." for key in never),
        f"These lines never run:\n\n{fenced(_lines(source.source, numbers), 'go')}" if numbers else "",
        "\n".join(["These branches are never taken:\n", *branches[:_MAX_BRANCHES]]) if branches else "",
    ]
    text = "\n\n".join(part for part in parts if part)
    return f"The tests do not cover all of {observed.pair.code_path}.\n\n{text}" if text else ""


def _focal_spans(source: GoFile, focal: Sequence[str]) -> list[_Block]:
    """The spans of the focal functions; of the complete file for none."""
    if not focal:
        return [((1, 1), (sys.maxsize, 1))]
    named = zip(declaration_keys(source), source.declarations, strict=True)
    return [_span(source, item.node_start, item.node_end) for key, item in named if key in focal]


def _inside(position: Position, spans: Iterable[_Block]) -> bool:
    return any(start <= position < end for start, end in spans)


def _branch(text: str) -> tuple[Position, str, str]:
    """Position, code and outcome of "line.column code: outcome"."""
    position, _, branch = text.partition(" ")
    code, _, outcome = branch.rpartition(": ")
    line, _, column = position.partition(".")
    return (int(line), int(column)), code, outcome


def _span(source: GoFile, start: int, end: int) -> _Block:
    return line_and_column(source.source, start), line_and_column(source.source, end)


def _lines(source: bytes, numbers: Sequence[int]) -> str:
    """The lines of these numbers; a gap of a line or more is marked."""
    texts = source.decode("utf-8", "replace").split("\n")
    shown: list[str] = []
    for index, number in enumerate(numbers[:_MAX_LINES]):
        if index and number > numbers[index - 1] + 1:
            shown.append("  ...")
        shown.append(numbered(number, texts[number - 1]))
    omitted = len(numbers) - _MAX_LINES
    return "\n".join([*shown, f"  ... and {omitted} more lines"] if omitted > 0 else shown)


def surviving_mutants(observed: Observed) -> str:
    """The mutants that the tests run and do not notice, as diffs: at most MAX_MUTANTS, the most different
    ones first; empty without survivors."""
    record = observed.execution
    if record.status is not Status.PASSED or record.mutation is None:
        return ""
    survivors = [m for m in record.mutation.mutants if m.verdict is MutantStatus.SURVIVED]
    if not survivors:
        return ""
    source = observed.pair.code.encode("utf-8", "surrogateescape").split(b"\n")
    parts = [_diff_text(source, mutant) for mutant in different(survivors)[:MAX_MUTANTS]]
    lead = "No test notices any of these changes to the code under test:"
    return "\n\n".join([lead, *parts])


def different(mutants: Sequence[MutantVerdict]) -> list[MutantVerdict]:
    """The mutants, each time the one that differs most from those before it: in its function, its lines, its
    operator; the first of equals in the order of the file."""
    return list(_by_difference(mutants))


def _by_difference(mutants: Sequence[MutantVerdict]) -> Iterator[MutantVerdict]:
    seen: set[tuple[str, object]] = set()
    remaining = list(mutants)

    def features(mutant: MutantVerdict) -> list[tuple[str, object]]:
        line = positions(mutant.position)[0][0]
        return [("function", mutant.function), ("line", line), ("operator", mutant.operator)]

    while remaining:
        best = max(remaining, key=lambda mutant: [feature not in seen for feature in features(mutant)])
        remaining.remove(best)
        seen.update(features(best))
        yield best


def _diff_text(source: Sequence[bytes], mutant: MutantVerdict) -> str:
    lines = "\n".join(f"{line.sign}{line.text}" for line in diff(source, mutant))
    location = f", in `{mutant.function}`" if mutant.function else ""
    return f"Line {positions(mutant.position)[0][0]}{location}:\n\n{fenced(lines, 'diff')}"
