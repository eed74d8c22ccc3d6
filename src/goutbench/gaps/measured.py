"""Uncovered functions, surviving mutants and failing tests: what `execute --reference` knows."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from goutbench.gaps.finding import DiffLine, Finding, Kind, TestedFile
from goutbench.golang.syntax.file import Declaration, GoFile, declaration_keys, line_and_column
from goutbench.golang.syntax.parser import parse
from goutbench.records import MutantStatus, MutantVerdict, Status

Position = tuple[int, int]
"""Line and column, from 1, columns in bytes."""

_MAX_LINES = 8  # of each side of a diff


def uncovered_functions(file: TestedFile) -> Iterator[Finding]:
    """The functions that none of the file's tests calls: the first block of their bodies was never reached.

    Nothing where no execution measured the file.
    """
    if not file.measured:
        return
    missed = [{_positions(block)[0] for block in execution.uncovered} for execution in file.measured]
    never = set.intersection(*missed)
    source = parse(file.pair.code.encode("utf-8", "surrogateescape"))
    for key, function in zip(declaration_keys(source), source.declarations, strict=True):
        entry = _entry(source, function)
        if entry is None or not any(entry[0] <= start <= entry[1] for start in never):
            continue
        first, last = (
            line_and_column(source.source, at)[0] for at in (function.node_start, function.node_end)
        )
        tests = ", ".join(pair.test_path.rpartition("/")[2] for pair in file.pairs)
        yield Finding(
            Kind.UNCOVERED, file.pair.repository, file.pair.code_path, (first, last), key,
            f"never called by {tests}", last - first + 1,
        )  # fmt: skip


def _entry(source: GoFile, function: Declaration) -> tuple[Position, Position] | None:
    """Where the first block of a function's coverage can begin: from its brace to its first statement."""
    if not function.is_function or function.body is None:
        return None
    body = source.node(function).child_by_field_name("body")
    statements = [node for node in body.named_children if node.type != "comment"] if body else []
    if not statements:
        return None
    first, last = function.body[0], statements[0].start_byte
    return line_and_column(source.source, first), line_and_column(source.source, last)


def surviving_mutants(file: TestedFile) -> Iterator[Finding]:
    """The mutants of covered code that no test of the file detects, as small diffs.

    The need is the number of survivors in the same function.
    """
    verdicts: dict[tuple[str, str, str], list[MutantVerdict]] = defaultdict(list)
    for execution in file.executions:
        for mutant in execution.mutation.mutants if execution.mutation else ():
            verdicts[mutant.position, mutant.operator, mutant.after].append(mutant)
    survivors = [
        group[0]
        for group in verdicts.values()
        if {mutant.verdict for mutant in group} <= {MutantStatus.SURVIVED, MutantStatus.NO_COVERAGE}
        and any(mutant.verdict is MutantStatus.SURVIVED for mutant in group)
    ]
    by_function: dict[str, list[MutantVerdict]] = defaultdict(list)
    for mutant in survivors:
        by_function[mutant.function].append(mutant)
    lines = file.pair.code.encode("utf-8", "surrogateescape").split(b"\n")
    for function, group in by_function.items():
        for mutant in group:
            (first, _), (last, _) = _positions(mutant.position)
            yield Finding(
                Kind.SURVIVOR, file.pair.repository, file.pair.code_path, (first, last), function,
                mutant.operator, len(group), diff(lines, mutant),
            )  # fmt: skip


def diff(lines: Sequence[bytes], mutant: MutantVerdict) -> tuple[DiffLine, ...]:
    """The lines of a file that a mutant changes, before and after; long ones are shortened in the middle."""
    (first, start), (last, end) = _positions(mutant.position)
    before = lines[first - 1 : last]
    if not before:
        return ()
    head, tail = before[0][: start - 1], before[-1][end - 1 :]
    after = (head + mutant.after.encode("utf-8", "surrogateescape") + tail).split(b"\n")
    after = [line for line in after if line.strip()]
    return (*_diff_lines("-", first, before), *_diff_lines("+", first, after))


def _diff_lines(sign: str, first: int, lines: Sequence[bytes]) -> list[DiffLine]:
    shown = [
        DiffLine(sign, first + number, line.decode("utf-8", "replace")) for number, line in enumerate(lines)
    ]
    if len(shown) > _MAX_LINES:
        omitted = DiffLine(sign, shown[_MAX_LINES - 2].line, f"… {len(shown) - _MAX_LINES + 1} more lines")
        shown = [*shown[: _MAX_LINES - 2], omitted, shown[-1]]
    return shown


def failing_tests(file: TestedFile) -> Iterator[Finding]:
    """The test files that do not pass; infrastructure errors say nothing about a test."""
    paths = {pair.id: pair.test_path for pair in file.pairs}
    for execution in file.executions:
        if execution.status in (Status.PASSED, Status.INFRA_FAILURE):
            continue
        names = ", ".join(execution.flaky or execution.failed)
        detail = ": ".join(filter(None, (f"{execution.status.label}, {execution.reason}", names)))
        count = len(execution.flaky or execution.failed) or 1
        yield Finding(Kind.FAILING, file.pair.repository, paths[execution.pair_id], None, "", detail, count)


def _positions(span: str) -> tuple[Position, Position]:
    """ "line.column-line.column" as two positions."""
    first, last = (tuple(map(int, part.split("."))) for part in span.split("-"))
    return (first[0], first[1]), (last[0], last[1])
