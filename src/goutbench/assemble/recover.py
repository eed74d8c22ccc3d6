"""Whole declarations out of a text that is not all Go: prose around them, a function cut off, a brace lost.

Declarations begin in the first column, as gofmt and every model writes them. Each is followed by Go's own
lexical rules to where it ends, and kept when it parses by itself.
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
    """One stretch of a text and what it is.

    `kind` is "go", "unfinished" (the text ends within it), "broken" (it does not parse), "statement" (a call
    such as `t.Run(…)` outside of a function) or "other" (no declaration begins here).
    """

    kind: str
    text: str
    name: str = ""


def segments(text: str, is_go: Callable[[str], bool]) -> list[Segment]:
    """The text cut into declarations and the rest, in order; joined, the texts give the text back."""
    found: list[Segment] = []
    at = 0
    pending = 0  # where the comment lines directly above begin
    while at < len(text):
        line_end = text.find("\n", at) + 1 or len(text)
        line = text[at:line_end]
        start = _START.match(line.rstrip("\n"))
        if start is None:
            at = line_end
            if not line.startswith("//"):
                found += _others(text[pending:at])
                pending = at
            continue
        end, finished = declaration_end(text, at)
        segment = _classify(text[pending:end], text[at:end], start.lastgroup or "", finished, is_go)
        if segment.kind == "other":  # a line of prose that began like Go
            end = line_end
            segment = Segment("other", text[pending:end])
        found.append(segment)
        at = pending = end
    found += _others(text[pending:])
    return found


def _others(text: str) -> Iterator[Segment]:
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
    # "type switches are…", "import the package…": prose has no braces to be followed
    if kind != "func" and "{" not in code and "(" not in code.split("\n", 1)[0]:
        return Segment("other", text)
    if kind == "func" and not re.match(r"func[ \t]*(?:\([^)\n]*\)[ \t]*)?\w+[ \t]*[\[(]", code):
        return Segment("other", text)
    return Segment("broken" if finished else "unfinished", text, name)


def declaration_end(text: str, start: int) -> tuple[int, bool]:
    """The offset behind the declaration that begins at `start`, and whether it is complete.

    It ends with the first line break outside of all brackets where Go's lexer would put a semicolon
    (specification, "Semicolons"). Another declaration in the first column while a bracket is open means that
    a bracket was lost: the declaration ends there.
    """
    depth = 0
    last = ""
    at = start
    while at < len(text):
        token = _TOKEN.match(text, at)
        assert token is not None  # the last alternative matches any character
        word, at = token[0], token.end()
        if word in "({[":
            depth += 1
        elif word in ")}]":
            depth -= 1
        elif word == "\n":
            if depth <= 0 and _ends_statement(last):
                return at, True
            if depth > 0 and (found := _START.match(text, at)) and found.lastgroup in ("func", "package"):
                return at, True
            continue
        elif word == "`" or (word == "/" and text.startswith("*", at)):
            return len(text), False  # a raw string or a comment without an end
        if not word.isspace() and not word.startswith(("//", "/*")):
            last = word
    return len(text), depth <= 0 and _ends_statement(last)


def _ends_statement(last: str) -> bool:
    return bool(last) and (
        last[-1] in ")}]\"`';" or last[-1] == "_" or last[-1].isalnum() or last[-2:] in ("++", "--")
    )
