"""A candidate with its execution, as the kinds of feedback see it."""

import re
from dataclasses import dataclass
from typing import Protocol

from goutbench.records import Candidate, Execution


class CodeUnderTest(Protocol):
    """The facts about a pair that feedback states."""

    @property
    def code_path(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def test_path(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Observed:
    """A candidate, the code that it tests, and the record of its execution."""

    pair: CodeUnderTest
    candidate: Candidate
    execution: Execution

    @property
    def test_file(self) -> str:
        """The base name of the candidate's file in compiler and test output."""
        return self.pair.test_path.rpartition("/")[2]

    @property
    def code_file(self) -> str:
        """The base name of the focal file there."""
        return self.pair.code_path.rpartition("/")[2]

    def cited_lines(self, text: str, most: int) -> str:
        """The lines of the candidate that a text names as "file.go:line", with their numbers, each once.

        At most `most` of them; empty where the text names none.
        """
        lines = self.candidate.code.split("\n")
        numbers = re.findall(rf"(?<![\w./-]){re.escape(self.test_file)}:(\d{{1,9}})\b", text)
        cited = dict.fromkeys(int(number) for number in numbers if 1 <= int(number) <= len(lines))
        return "\n".join(numbered(number, lines[number - 1]) for number in sorted(list(cited)[:most]))


def numbered(line: int, text: str) -> str:
    """A line of code with its number."""
    return f"{line:>5} | {text.rstrip()}"


def fenced(text: str, language: str = "") -> str:
    """A Markdown block of code, with a fence that the text cannot end."""
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
