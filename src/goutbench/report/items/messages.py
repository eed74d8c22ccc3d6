"""The lines of a candidate that compiler, vet and tests complain about, read from the evidence."""

import re
from typing import NamedTuple

_MAX_MESSAGES = 50
_MAX_LENGTH = 400  # characters
_POSITION = re.compile(
    r"^\s*(?:vet: )?(?P<file>[^\s:]+_test\.go):(?P<line>\d{1,9})(?::(?P<column>\d{1,9}))?: (?P<text>.+)$"
)


class LineMessage(NamedTuple):
    """A message about a line of the test file. Lines and columns count from 1; column 0 is the line."""

    line: int
    column: int
    text: str


def line_messages(evidence: str, test_path: str, lines: int) -> list[LineMessage]:
    """The messages in the evidence about the test file, which has so many lines, in order of lines."""
    name = test_path.rpartition("/")[2]
    messages = set()
    for text in evidence.splitlines():
        match = _POSITION.match(text)
        if match and match["file"].rpartition("/")[2] == name and 0 < int(match["line"]) <= lines:
            column = int(match["column"] or 0)
            messages.add(LineMessage(int(match["line"]), column, match["text"][:_MAX_LENGTH]))
    return sorted(messages)[:_MAX_MESSAGES]
