"""The blocks of the focal file that no test reached, as positions and as functions."""

from collections.abc import Collection, Iterator

from goutbench.golang.syntax.file import Declaration, GoFile, declaration_keys, line_and_column

Position = tuple[int, int]
"""Line and column, from 1, columns in bytes."""


def positions(span: str) -> tuple[Position, Position]:
    """ "line.column-line.column" as two positions."""
    first, last = (tuple(map(int, part.split("."))) for part in span.split("-"))
    return (first[0], first[1]), (last[0], last[1])


def functions_never_called(source: GoFile, starts: Collection[Position]) -> Iterator[tuple[str, Declaration]]:
    """The functions, with their keys, of which an uncovered block begins where the first one can.

    `starts` are the beginnings of the blocks that no run reached.
    """
    for key, function in zip(declaration_keys(source), source.declarations, strict=True):
        entry = _entry(source, function)
        if entry is not None and any(entry[0] <= start <= entry[1] for start in starts):
            yield key, function


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
