"""Statement coverage of the focal file, from the profile that `-test.coverprofile` writes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_BLOCK = re.compile(r"^(?P<file>.+):(\d+)\.(\d+),(\d+)\.(\d+) (\d+) (\d+)$")

Position = tuple[int, int]
"""Line and column, from 1, columns in bytes, as `go tool cover` counts."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The focal file's blocks: (start, end, number of statements) → whether any run reached it."""

    blocks: dict[tuple[Position, Position, int], bool]

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

    def within(self, spans: Iterable[tuple[Position, Position]]) -> "Coverage":
        """The blocks that begin in one of the spans, ends excluded."""
        wanted = tuple(spans)
        return Coverage(
            {
                key: hit
                for key, hit in self.blocks.items()
                if any(start <= key[0] < end for start, end in wanted)
            }
        )

    def reaches(self, position: Position) -> bool:
        """Whether code at `position` was run. Outside every block (a package-level declaration, a function's
        head) nothing is known, so it counts as reached."""
        inside = [
            (start, hit) for (start, end, _), hit in self.blocks.items() if start <= position < end
        ]  # the innermost block is the one that starts last
        return max(inside)[1] if inside else True


EMPTY = Coverage({})


def read_profile(text: str, file_name: str) -> Coverage:
    """The blocks of the file with this base name; one profile holds one package, so the name is enough.

    A damaged line (a crash while writing, or a forger) is left out.
    """
    blocks: dict[tuple[Position, Position, int], bool] = {}
    for line in text.splitlines():
        match = _BLOCK.match(line)
        if match is None or match["file"].rpartition("/")[2] != file_name:
            continue
        first, column, last, end, count, hits = (int(word) for word in match.groups()[1:])
        key = ((first, column), (last, end), count)
        blocks[key] = blocks.get(key, False) or hits > 0
    return Coverage(blocks)


def merge(parts: Iterable[Coverage]) -> Coverage:
    """What any of the runs reached."""
    blocks: dict[tuple[Position, Position, int], bool] = {}
    for part in parts:
        for key, hit in part.blocks.items():
            blocks[key] = blocks.get(key, False) or hit
    return Coverage(blocks)
