"""The part of the focal file that a candidate was asked to test: its own coverage and mutants."""

from collections.abc import Collection, Sequence

from goutbench.chunk.render import keys
from goutbench.execute.ladder.coverage import Position
from goutbench.golang.syntax.file import parse
from goutbench.golang.toolchain.mutation import Mutant

Span = tuple[int, int]
"""Byte offsets, the end excluded."""


def focal_spans(source: bytes, focal: Collection[str]) -> tuple[Span, ...]:
    """Where the named declarations of a file stand, by the keys of its chunks; unknown names are left out."""
    if not focal:
        return ()
    file = parse(source)
    return tuple(
        (declaration.node_start, declaration.node_end)
        for key, declaration in zip(keys(file), file.declarations, strict=True)
        if key in focal
    )


def positions(source: bytes, spans: Sequence[Span]) -> tuple[tuple[Position, Position], ...]:
    """The same spans as lines and columns, as a cover profile counts them."""
    return tuple((_position(source, start), _position(source, end)) for start, end in spans)


def mutants_in(mutants: Sequence[Mutant], spans: Sequence[Span]) -> tuple[Mutant, ...]:
    """The mutants within the spans; all of them without any."""
    if not spans:
        return tuple(mutants)
    return tuple(m for m in mutants if any(start <= m.start < end for start, end in spans))


def _position(source: bytes, offset: int) -> Position:
    return source.count(b"\n", 0, offset) + 1, offset - source.rfind(b"\n", 0, offset)
