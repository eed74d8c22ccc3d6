"""What a cover profile calls the blocks of a file with line directives."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from goutbench.golang.toolchain.helper import GoHelper, HelperError

Block = tuple[tuple[int, int], tuple[int, int], int]
"""Line and column of start and end, and the number of statements."""

NamedBlocks = dict[tuple[str, Block], Block]
"""A file's blocks by what a profile calls them: the base name of a file, and a block there."""


def named_blocks(helper: GoHelper, file: Path, source: bytes) -> NamedBlocks | None:
    """A file's blocks by their names in a profile; None without line directives, or for a file that
    go tool cover cannot read.

    Blocks with the same name are one in a profile: the first of them counts.
    """
    if not any(mark in source for mark in (b"//line ", b"/*line ")):
        return None
    try:
        rows = helper.ask("blocks", {"dir": str(file.parent), "name": file.name}).get("blocks")
    except HelperError:
        return None
    if rows is None:
        return None
    named: NamedBlocks = {}
    for row in rows:
        named.setdefault((row["file"], _block(row["named"], row)), _block(row["actual"], row))
    return named


def _block(span: Sequence[int], row: Mapping[str, Any]) -> Block:
    return (span[0], span[1]), (span[2], span[3]), row["statements"]
