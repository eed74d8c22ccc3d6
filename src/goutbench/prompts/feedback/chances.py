"""What passing tests do not notice yet: code that they never run, and mutants that they do not kill."""

from collections.abc import Iterable, Iterator, Sequence

from goutbench.golang.measured.blocks import Position, functions_never_called, positions
from goutbench.golang.measured.mutants import diff
from goutbench.golang.syntax.file import GoFile, declaration_keys, line_and_column
from goutbench.golang.syntax.parser import parse
from goutbench.prompts.feedback.observed import Observed, fenced, numbered
from goutbench.records import MutantStatus, MutantVerdict, Status

MAX_MUTANTS = 5
_MAX_LINES = 60  # of uncovered code


def uncovered_code(observed: Observed) -> str:
    """The functions that passing tests never call, and in the others the lines that they never run.

    Only of the focal functions, or of the complete file; empty if all of it is covered.
    """
    record = observed.execution
    if record.status is not Status.PASSED or record.coverage == 1:  # blocks without a statement may remain
        return ""
    source = parse(observed.pair.code.encode("utf-8", "surrogateescape"))
    blocks = _focal_blocks(source, observed.candidate.focal, record.uncovered)
    if not blocks:
        return ""
    never = dict(functions_never_called(source, {start for start, _ in blocks}))
    spans = [_span(source, item.node_start, item.node_end) for item in never.values()]
    called = [block for block in blocks if not any(start <= block[0] < end for start, end in spans)]
    lines = _lines(source.source, called)
    parts = [
        f"The tests do not cover all of {observed.pair.code_path}.",
        "\n".join(f"- `{key}` is never called." for key in never),
        f"These lines never run:\n\n{fenced(lines, 'go')}" if lines else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _focal_blocks(
    source: GoFile, focal: Sequence[str], uncovered: Iterable[str]
) -> list[tuple[Position, Position]]:
    spans = [
        _span(source, declaration.node_start, declaration.node_end)
        for key, declaration in zip(declaration_keys(source), source.declarations, strict=True)
        if key in focal
    ]
    blocks = [positions(block) for block in uncovered]
    return [block for block in blocks if not focal or any(first <= block[0] < last for first, last in spans)]


def _span(source: GoFile, start: int, end: int) -> tuple[Position, Position]:
    return line_and_column(source.source, start), line_and_column(source.source, end)


def _lines(source: bytes, blocks: Sequence[tuple[Position, Position]]) -> str:
    """The lines of the blocks with their numbers; a gap of a line or more is marked."""
    texts = source.decode("utf-8", "replace").split("\n")
    numbers = sorted({line for (first, _), (last, _) in blocks for line in range(first, last + 1)})
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
