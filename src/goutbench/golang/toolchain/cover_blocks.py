"""What a cover profile calls the blocks of a file with line directives."""

from dataclasses import dataclass
from pathlib import Path

from goutbench.golang.toolchain.answers import HelperError, decode_answer
from goutbench.golang.toolchain.helper import GoHelper

Block = tuple[tuple[int, int], tuple[int, int], int]
"""Line and column of start and end, and the number of statements."""

NamedBlocks = dict[tuple[str, Block], Block]
"""A file's blocks by what a profile calls them: the base name of a file, and a block there."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A block as the helper describes it: lines and columns of start and end, as named and as they are."""

    file: str
    named: tuple[int, int, int, int]
    actual: tuple[int, int, int, int]
    statements: int


@dataclass(frozen=True, slots=True)
class _Answer:
    blocks: tuple[_Row, ...] | None = None


def named_blocks(helper: GoHelper, file: Path, source: bytes) -> NamedBlocks | None:
    """A file's blocks by their names in a profile; None without line directives, or for a file that
    go tool cover cannot read.

    Blocks with the same name are one in a profile: the first of them counts.
    """
    if not any(mark in source for mark in (b"//line ", b"/*line ")):
        return None
    try:
        answer = helper.ask("blocks", {"dir": str(file.parent), "name": file.name})
        rows = decode_answer(_Answer, answer).blocks
    except HelperError:
        return None
    if rows is None:
        return None
    named: NamedBlocks = {}
    for row in rows:
        named.setdefault((row.file, _block(row.named, row)), _block(row.actual, row))
    return named


def _block(span: tuple[int, int, int, int], row: _Row) -> Block:
    return (span[0], span[1]), (span[2], span[3]), row.statements
