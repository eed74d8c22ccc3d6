"""The package uses the terms of docs/glossary.md; these tests reject a short list of other words."""

import ast
import re
from pathlib import Path

import pytest
from code_metrics import identifiers, is_private_language

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "goutbench"
STANDARD_TERMS = {"left", "other"}
"""Terms of the field that are spelled like a private word: the left operand, `__eq__(self, other)`."""

BANNED = re.compile(
    r"\b(mend(s|ed|ing)?|told|lies (in|at|beside)|no word of|as it stands|stands in|is said|says so|"
    r"whatever is left|nobody showed|in the words of|closed rows?|cannot be had|jurors?|the keeper|"
    r"the campaign)\b",
    re.IGNORECASE,
)
"""Phrases that read like a literal translation, for messages, help texts, docstrings, comments and pages."""

MODULES = sorted(PACKAGE.rglob("*.py"))
TEXTS = sorted(
    path
    for path in PACKAGE.rglob("*")
    if path.suffix in {".md", ".j2", ".html", ".js", ".yaml", ".go"} and not re.search(r"-v1\.md$", path.name)
)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def private_names(tree: ast.Module) -> list[str]:
    names = [(name, line) for name, line in identifiers(tree) if is_private_language(name)]
    return [f"line {line}: {name}" for name, line in names if name not in STANDARD_TERMS]


def banned_phrases(text: str) -> list[str]:
    return [
        f"line {number}: {match.group()}"
        for number, line in enumerate(text.splitlines(), 1)
        for match in BANNED.finditer(line)
    ]


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_names_come_from_the_vocabulary_of_the_field(module: Path) -> None:
    assert private_names(ast.parse(module.read_text("utf-8"))) == []


@pytest.mark.parametrize("path", [*MODULES, *TEXTS], ids=relative)
def test_texts_are_in_plain_english(path: Path) -> None:
    assert banned_phrases(path.read_text("utf-8")) == []


def test_a_private_word_is_noticed_in_any_kind_of_name() -> None:
    source = "class Kept:\n    def mend(self, found):\n        self.left_out = whole = found\n"
    names = {entry.split(": ")[1] for entry in private_names(ast.parse(source))}
    assert names == {"Kept", "mend", "found", "left_out", "whole"}


def test_a_banned_phrase_is_noticed_with_its_line() -> None:
    assert banned_phrases("fine\nThe dataset lies in X") == ["line 2: lies in"]
