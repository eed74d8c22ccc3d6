"""Recovers declarations from a text that is only partly Go: prose, a truncated function, a missing brace.

Declarations start in the first column, as gofmt and models write them. Go's lexical rules determine where a
declaration ends. It counts as Go if it parses alone.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_START = re.compile(
    r"(?P<package>package[ \t]+\w+[ \t]*(?:;|//.*)?$)"
    r"|(?P<import>import[ \t]*(?:\(|[\w.]*[ \t]*[\"`]))"
    r"|(?P<func>func[ \t]*(?:\(|\w))"
    r"|(?P<type>type[ \t]+(?:\(|\w))"
    r"|(?P<value>(?:var|const)[ \t]+(?:\(|\w))"
    r"|(?P<run>\w+\.Run\()"
)
_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|`[^`]*`|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'|[({\[]|[)}\]]|\n|[^\s/`\"'(){}\[\]]+|.",
    re.DOTALL,
)
_NAME = re.compile(r"func[ \t]*(?:\([^)\n]*\)[ \t]*)?(\w+)|(?:type|var|const)[ \t]+(\w+)")
_BUILD = re.compile(r"//(?:go:build| \+build) ")


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a text and its kind.

    `kind` is "go", "unfinished" (the text ends inside it), "broken" (it does not parse), "statement" (a call
    such as `t.Run(…)` outside of a function) or "other" (no declaration starts here).
    """

    kind: str
    text: str
    name: str = ""


def segments(text: str, is_go: Callable[[str], bool]) -> list[Segment]:
    """Split the text into declarations and the lines between them, in order; joined, they are the text."""
    result: list[Segment] = []
    at = 0
    pending = 0  # start of the comment lines directly above
    while at < len(text):
        line_end = text.find("\n", at) + 1 or len(text)
        line = text[at:line_end]
        start = _START.match(line.rstrip("\n"))
        if start is None:
            at = line_end
            if not line.startswith("//"):
                result += _lines_between(text[pending:at])
                pending = at
            continue
        end, finished = declaration_end(text, at)
        segment = _classify(text[pending:end], text[at:end], start.lastgroup or "", finished, is_go)
        if segment.kind == "other":  # a line of prose that starts like Go
            end = line_end
            segment = Segment("other", text[pending:end])
        result.append(segment)
        at = pending = end
    result += _lines_between(text[pending:])
    return result


def _lines_between(text: str) -> Iterator[Segment]:
    """Lines between declarations; a build constraint among them is Go."""
    for line in text.splitlines(keepends=True):
        yield Segment("go" if _BUILD.match(line) else "other", line)


def _classify(text: str, code: str, kind: str, finished: bool, is_go: Callable[[str], bool]) -> Segment:
    named = _NAME.match(code)
    name = (named[1] or named[2] or "") if named else ""
    if kind == "run":
        return Segment("statement", text, code.split("\n", 1)[0].strip())
    if finished and is_go(text):
        return Segment("go", text, name)
    # "type switches are…", "import the package…": prose has no braces
    if kind != "func" and "{" not in code and "(" not in code.split("\n", 1)[0]:
        return Segment("other", text)
    if kind == "func" and not re.match(r"func[ \t]*(?:\([^)\n]*\)[ \t]*)?\w+[ \t]*[\[(]", code):
        return Segment("other", text)
    return Segment("broken" if finished else "unfinished", text, name)


def declaration_end(text: str, start: int) -> tuple[int, bool]:
    """The end of the declaration that starts at `start`, and whether it is complete.

    It ends with the first line break outside of all brackets where Go's lexer inserts a semicolon
    (specification, "Semicolons"). Another declaration in the first column while a bracket is open means that
    a bracket is missing: the declaration ends there.
    """
    depth = 0
    last = ""
    at = start
    while at < len(text):
        token = _TOKEN.match(text, at)
        assert token is not None  # the last alternative matches any character
        lexeme, at = token[0], token.end()
        if lexeme in "({[":
            depth += 1
        elif lexeme in ")}]":
            depth -= 1
        elif lexeme == "\n":
            if depth <= 0 and _ends_statement(last):
                return at, True
            if (
                depth > 0
                and (following := _START.match(text, at))
                and following.lastgroup in ("func", "package")
            ):
                return at, True
            continue
        elif lexeme == "`" or (lexeme == "/" and text.startswith("*", at)):
            return len(text), False  # a raw string or a comment without an end
        if not lexeme.isspace() and not lexeme.startswith(("//", "/*")):
            last = lexeme
    return len(text), depth <= 0 and _ends_statement(last)


def _ends_statement(last: str) -> bool:
    return bool(last) and (
        last[-1] in ")}]\"`';" or last[-1] == "_" or last[-1].isalnum() or last[-2:] in ("++", "--")
    )
