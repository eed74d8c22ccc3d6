"""Golden files in the style of tree-sitter's corpus: a title between rules, input, `---`, expected.

With GOUTBENCH_UPDATE_CORPUS=1, `check` rewrites the expected parts; review the diff.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_CASE = re.compile(r"^={3,}\n(?P<title>.+?)\n={3,}\n(?P<body>.*?)(?=^={3,}\n|\Z)", re.MULTILINE | re.DOTALL)
_DIVIDER = re.compile(r"^-{3,}\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Case:
    file: Path
    title: str
    source: str
    expected: str


def read_corpus(folder: Path) -> list[Case]:
    """Every case of the folder's files, in order."""
    return [case for file in sorted(folder.glob("*.txt")) for case in _read(file)]


def check(case: Case, answer: Callable[[Case], str]) -> None:
    """Compares the answer to a case with the expected one in its file."""
    got = answer(case).strip("\n")
    if os.environ.get("GOUTBENCH_UPDATE_CORPUS"):
        cases = [(c.title, c.source, got if c.title == case.title else c.expected) for c in _read(case.file)]
        rule = "=" * 18
        texts = (
            f"{rule}\n{title}\n{rule}\n\n{source}\n\n---\n\n{expected}\n" for title, source, expected in cases
        )
        case.file.write_text("\n".join(texts))
    else:
        assert got == case.expected, f"{case.file.name}: {case.title}"


def _read(file: Path) -> list[Case]:
    cases = []
    for match in _CASE.finditer(file.read_text()):
        source, expected = _DIVIDER.split(match["body"], maxsplit=1)
        cases.append(Case(file, match["title"], source.strip("\n"), expected.strip("\n")))
    return cases
