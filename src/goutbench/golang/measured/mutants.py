"""The mutants of a record as small diffs of the focal file."""

from collections.abc import Sequence
from dataclasses import dataclass

from goutbench.golang.measured.blocks import positions
from goutbench.records import MutantVerdict

_MAX_LINES = 8  # of each side of a diff


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a small diff: its sign ("-" or "+"), its number in the file, and its text."""

    sign: str
    line: int
    text: str


def diff(lines: Sequence[bytes], mutant: MutantVerdict) -> tuple[DiffLine, ...]:
    """The lines of a file that a mutant changes, before and after; long ones are shortened in the middle."""
    (first, start), (last, end) = positions(mutant.position)
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
