"""The seventh step: coverage of the focal file, and of the functions that the candidate is for."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from goutbench.golang.syntax.file import declaration_keys, line_and_column
from goutbench.golang.syntax.parser import parse

_BLOCK = re.compile(r"^(?P<file>.+):(\d{1,9})\.(\d{1,9}),(\d{1,9})\.(\d{1,9}) (\d{1,9}) (\d{1,18})$")

Position = tuple[int, int]
"""Line and column, from 1, columns in bytes, as `go tool cover` counts."""

Block = tuple[Position, Position, int]
"""Start, end, and the number of statements."""

Span = tuple[int, int]
"""Byte offsets, the end excluded."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The focal file's blocks: (start, end, number of statements) → how often runs reached it (1 for any
    number of times unless the binary counts).

    `outcomes` are how often runs reached each outcome of its branches; None where they were not measured.
    """

    blocks: dict[Block, int]
    outcomes: tuple[int, ...] | None = None

    @property
    def statements(self) -> int:
        return sum(count for _, _, count in self.blocks)

    @property
    def covered(self) -> int:
        return sum(count for (_, _, count), hit in self.blocks.items() if hit)

    @property
    def unreached(self) -> tuple[str, ...]:
        """The blocks that no run reached, as "line.column-line.column", in the file's order."""
        missed = sorted(span for span, hit in self.blocks.items() if not hit)
        return tuple(f"{first[0]}.{first[1]}-{last[0]}.{last[1]}" for first, last, _ in missed)

    def within(self, source: bytes, spans: Sequence[Span]) -> "Coverage":
        """The blocks that begin in one of the spans of the focal file."""
        positions = [(line_and_column(source, start), line_and_column(source, end)) for start, end in spans]
        return Coverage(
            {
                key: hit
                for key, hit in self.blocks.items()
                if any(start <= key[0] < end for start, end in positions)
            }
        )

    def beyond(self, other: "Coverage") -> "Coverage":
        """The blocks and outcomes with the number of times that they were reached more often than in
        `other`."""
        blocks = {key: max(0, hits - other.blocks.get(key, 0)) for key, hits in self.blocks.items()}
        own, others = self.outcomes, other.outcomes
        if own is None or (other.blocks and (others is None or len(others) != len(own))):
            return Coverage(blocks)
        return Coverage(blocks, tuple(max(0, a - b) for a, b in zip_longest(own, others or (), fillvalue=0)))

    def block_at(self, position: Position) -> Block | None:
        """The innermost block that holds `position`: the one that starts last."""
        inside = (block for block in self.blocks if block[0] <= position < block[1])
        return max(inside, key=lambda block: (block[0], self.blocks[block] > 0), default=None)

    def reaches(self, position: Position) -> bool:
        """Whether a run executed the code at `position`. Code outside all blocks (a package-level
        declaration, a function's signature) has no counter, so it counts as reached."""
        block = self.block_at(position)
        return block is None or self.blocks[block] > 0


EMPTY = Coverage({})


def read_profile(
    text: str,
    file_name: str,
    directed: Mapping[tuple[str, Block], Block] | None = None,
    outcomes_file: str = "",
) -> Coverage:
    """The blocks of the file with this base name; one profile holds one package, so the name is enough.

    For a file with line directives, `directed` has its blocks by what the profile calls them.
    `outcomes_file` is the name of the blocks that count outcomes of branches. A damaged line
    (the process crashed while writing it, or a test forged it) is ignored.
    """
    blocks: dict[Block, int] = {}
    outcomes: dict[Position, int] = {}
    for line in text.splitlines():
        match = _BLOCK.match(line)
        if match is None:
            continue
        name = match["file"].rpartition("/")[2]
        first, column, last, end, count, hits = map(int, match.groups()[1:])
        key = ((first, column), (last, end), count)
        if name == outcomes_file:
            outcomes[first, column] = outcomes.get((first, column), 0) + hits
            continue
        if directed is not None:
            if (name, key) not in directed:
                continue
            key = directed[name, key]
        elif name != file_name:
            continue
        blocks[key] = blocks.get(key, 0) + hits
    # the first block is the body of the function that holds those of the outcomes, in their order
    return Coverage(blocks, tuple(outcomes[start] for start in sorted(outcomes))[1:] if outcomes else None)


def merge(parts: Iterable[Coverage]) -> Coverage:
    """The coverage of several runs together."""
    blocks: dict[Block, int] = {}
    outcomes: tuple[int, ...] | None = None
    for part in parts:
        for key, hit in part.blocks.items():
            blocks[key] = blocks.get(key, 0) + hit
        if part.outcomes is not None:
            outcomes = tuple(a + b for a, b in zip_longest(outcomes or (), part.outcomes, fillvalue=0))
    return Coverage(blocks, outcomes)


def focal_spans(source: bytes, focal: Collection[str]) -> tuple[Span, ...]:
    """The spans of the named declarations of a file, by the keys of its chunks; other names are ignored."""
    if not focal:
        return ()
    file = parse(source)
    return tuple(
        (declaration.node_start, declaration.node_end)
        for key, declaration in zip(declaration_keys(file), file.declarations, strict=True)
        if key in focal
    )
