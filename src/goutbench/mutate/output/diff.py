"""A mutant as a small diff."""

from dataclasses import dataclass
from functools import lru_cache

from goutbench.golang.toolchain.mutation import Mutant, apply_mutant

_MAX_LINES = 6  # of each side


@dataclass(frozen=True, slots=True)
class MutantDiff:
    """The lines that a mutant removes and adds, both from line `first` on; long parts are shortened."""

    first: int
    removed: tuple[str, ...]
    added: tuple[str, ...]

    def text(self) -> str:
        """The diff as text, one line for each, with its sign."""
        lines = [*(f"-{line}" for line in self.removed), *(f"+{line}" for line in self.added)]
        return "\n".join(lines)


def mutant_diff(source: bytes, mutant: Mutant) -> MutantDiff:
    """The complete lines of the file before and after; lines that both share at the ends are left out."""
    before = _lines(source)[mutant.line - 1 : mutant.end_line]
    count = mutant.replacement.count("\n") + 1
    after = _lines(apply_mutant(source, mutant))[mutant.line - 1 : mutant.line - 1 + count]
    first = mutant.line
    while before and after and before[0] == after[0]:
        before, after, first = before[1:], after[1:], first + 1
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    after = [line for line in after if line.strip()]
    return MutantDiff(first, _shortened(before), _shortened(after))


@lru_cache(maxsize=64)
def _split(source: bytes) -> tuple[str, ...]:
    return tuple(source.decode("utf-8", "replace").split("\n"))


def _lines(source: bytes) -> list[str]:
    return list(_split(source))


def _shortened(lines: list[str]) -> tuple[str, ...]:
    if len(lines) <= _MAX_LINES:
        return tuple(lines)
    omitted = f"… {len(lines) - _MAX_LINES + 1} more lines"
    return (*lines[: _MAX_LINES - 2], omitted, lines[-1])
