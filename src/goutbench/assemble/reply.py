"""Splits a model's reply, as text, into blocks that may be Go.

This module does not decide what is Go; `extract` selects what parses.
"""

import html
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from goutbench.assemble.invisible import visible_fences

_FENCE = re.compile(
    r"^(?P<indent>[ \t]*(?:>[ \t]?)*(?:[-*+][ \t]+|\d+[.)][ \t]+)?)(?P<mark>`{3,}|~{3,})(?P<info>[^`\n]*)$"
)
_LATE_FENCE = re.compile(r"^.*\S[ \t]*(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>go|golang|Go)[ \t]*$")
_THINKING = re.compile(
    r"\A\s*<(think|thinking|thought|reasoning|analysis)>(.*?)</\1>", re.DOTALL | re.IGNORECASE
)
_UNOPENED_THINKING = re.compile(
    r"\A(.*?)^[ \t]*</(?:think|thinking|thought|reasoning)>", re.DOTALL | re.MULTILINE
)
_UNCLOSED_THINKING = re.compile(r"\A\s*<(think|thinking|thought|reasoning)>.*\Z", re.DOTALL | re.IGNORECASE)
_SPECIAL = re.compile(r"<\|[\w ▁-]{1,40}\|>|<｜[^｜\n]{1,40}｜>|</s>|\[/?INST\]")
_TAG = re.compile(
    r"^[ \t]*(?:</?(?:code|answer|go|golang|tests?|file|output|pre|solution)(?:\s[^<>\n]*)?>|<!\[CDATA\[)"
    r"|(?:</(?:code|answer|go|golang|tests?|file|output|pre|solution)>|\]\]>)[ \t]*$",
    re.MULTILINE,
)
_GO_KEYWORD = re.compile(r"\b(?:package|func|import|type|var|const)\b")


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a reply: the info string of its opening fence, its text, and whether a fence closes it."""

    info: str
    text: str
    closed: bool
    fenced: bool = True


def strip_reply(reply: str) -> tuple[str, str | None]:
    """The reply without byte order mark, carriage returns, chat tokens and reasoning; and the reasoning."""
    text = reply.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    text = visible_fences(text)
    thoughts: list[str] = []
    for pattern in (_THINKING, _UNCLOSED_THINKING):
        while match := pattern.match(text):
            thoughts.append(match[0])
            text = text[match.end() :]
    before_fence = re.split(r"^[ \t]*(?:```|~~~)", text, maxsplit=1, flags=re.MULTILINE)[0]
    # some chat templates open the reasoning in the prompt, so that the reply has only its end
    unopened = _UNOPENED_THINKING.match(text)
    if unopened and (unopened.end() <= len(before_fence) or "func " in text[unopened.end() :]):
        thoughts.append(unopened[0])
        text = text[unopened.end() :]
    return _SPECIAL.sub("", text), "\n".join(thoughts) or None


def split_fences(text: str, is_go: Callable[[str], bool]) -> list[Block]:
    """The blocks inside fences and between them, in order. A fence inside Go (in a comment) ends no block.

    `is_go` returns whether a text parses as Go. If the text up to the first closing fence does not, but the
    text up to a later one does, the later one closes the block.
    """
    lines = text.split("\n")
    blocks: list[Block] = []
    at = outside = 0
    while at < len(lines):
        opened = _FENCE.match(lines[at]) or _LATE_FENCE.match(lines[at])
        at += 1
        if opened is None:
            continue
        blocks.append(_between(lines[outside : at - 1]))
        body_start, info = at, opened["info"].strip()
        ends = list(_closing_lines(lines, at, opened["mark"]))
        indent = len(opened.groupdict().get("indent") or "")
        # code on the line of the opening fence: ```go package foo
        after_language = re.match(r"(?:go|golang)?[ \t]+((?:package|import|func|//)\b.*)", info)
        first = after_language[1] if after_language else ""
        bodies = [_body(first, lines[body_start:end], indent, lines[end : end + 1]) for end in ends[:6]]
        if not bodies:
            blocks.append(Block(info, _body(first, lines[body_start:], indent, []), closed=False))
            return blocks
        chosen = next((i for i, body in enumerate(bodies) if is_go(body)), 0)
        blocks.append(Block(info, bodies[chosen], closed=True))
        closing = lines[ends[chosen]]
        # an opening fence in place of a closing one: the block was not closed, and the next one starts
        at = outside = ends[chosen] + (0 if _opens(closing) else 1)
    blocks.append(_between(lines[outside:]))
    return blocks


def _between(lines: list[str]) -> Block:
    return Block("", "\n".join(lines) + "\n", closed=True, fenced=False)


def _closing_lines(lines: list[str], start: int, mark: str) -> Iterator[int]:
    for at in range(start, len(lines)):
        bare = lines[at].strip().lstrip("> ")
        run = len(bare) - len(bare.lstrip(mark[0]))
        is_fence = run >= len(mark) and not bare[run:].strip()
        ends_code = mark[0] == "`" and bare.endswith("```") and not bare.startswith("//")
        if is_fence or ends_code or _opens(lines[at]):
            yield at


def _opens(line: str) -> bool:
    opened = _FENCE.match(line)
    return opened is not None and opened["info"].strip().lower() in ("go", "golang")


def _body(first: str, lines: list[str], indent: int, closing: list[str]) -> str:
    body = [first] if first else []
    body += [line[min(indent, len(line) - len(line.lstrip(" \t>"))) :] for line in lines]
    # code and closing fence on one line
    if closing and not _FENCE.match(closing[0]) and closing[0].rstrip().endswith("```"):
        body.append(closing[0].rstrip().removesuffix("```"))
    return "\n".join(body) + "\n"


def variants(text: str) -> Iterator[tuple[str, str]]:
    """Other readings of a text that is not Go: what each undoes, and the resulting text."""
    if "&" in text and (plain := html.unescape(text)) != text:
        yield "HTML escapes", plain
    lines = text.split("\n")
    if new_side := _without_diff(lines):
        yield "diff markers", new_side
    if unnumbered := _without_prefix(lines, r"[ \t]*\d+[ \t]*(?:\||:|→|\t)[ \t]?"):
        yield "line numbers", unnumbered
    if unquoted := _without_prefix(lines, r"[ \t]*>[ \t]?"):
        yield "quote marks", unquoted
    if (plain := textwrap.dedent(text)) != text:
        yield "indentation", plain
    if text.count("\\n") > text.count("\n") and (unescaped := unescape_json(text)):
        yield "string escapes", unescaped
    if (plain := _TAG.sub("", text)) != text:
        yield "tags", plain
    if _GO_KEYWORD.search(text) and re.search(r"^(?: {4}|\t)(?:package|func|import) ", text, re.MULTILINE):
        yield "indentation", re.sub(r"^(?: {4}|\t)", "", text, flags=re.MULTILINE)


def _without_diff(lines: list[str]) -> str | None:
    """The new side of a diff, if most lines have its markers."""
    if sum(line.startswith("+") for line in lines) * 2 < sum(1 for line in lines if line.strip()):
        return None
    heads = ("+++", "---", "@@", "diff ", "index ", "new file", "deleted file", "\\ No newline")
    new_side = [line for line in lines if not line.startswith((*heads, "-"))]
    return "\n".join(line[1:] if line.startswith(("+", " ")) else line for line in new_side)


def _without_prefix(lines: list[str], pattern: str) -> str | None:
    prefix = re.compile(pattern)
    filled = [line for line in lines if line.strip()]
    if not filled or not all(prefix.match(line) for line in filled):
        return None
    return "\n".join(prefix.sub("", line, count=1) for line in lines)


def json_texts(text: str) -> list[str]:
    """The Go strings of a reply that is JSON, such as a tool call; empty if it is not JSON."""
    body = text.strip()
    if not body.startswith(("{", "[", '"')):
        return []
    try:
        value = json.loads(body, strict=False)
    except ValueError:
        # a truncated object: its longest string, which may be truncated as well
        strings = re.findall(r'"((?:[^"\\]|\\.)*)(?:"|\Z)', body, re.DOTALL)
        plain = unescape_json(max(strings, key=len, default=""))
        return [plain] if plain and "\n" in plain and _GO_KEYWORD.search(plain) else []
    return [text for text in _strings(value) if _GO_KEYWORD.search(text)]


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def unescape_json(text: str) -> str | None:
    """The text with the escapes of a JSON string undone; None if they are invalid."""
    bare = text.strip().removeprefix('"').removesuffix('"')
    # a bare quote would end the string; replies are often truncated in the middle of an escape
    quoted = re.sub(r'\\.|"', lambda m: '\\"' if m[0] == '"' else m[0], bare, flags=re.DOTALL)
    quoted = re.sub(r"(?<!\\)((?:\\\\)*)\\(?:u[0-9a-fA-F]{0,3})?\Z", r"\1", quoted)
    try:
        value = json.loads(f'"{quoted}"', strict=False)
    except ValueError:
        return None
    return value if isinstance(value, str) else None
