"""A model's reply as text: what to take off it, and the pieces of it that may be Go.

Nothing is decided here about Go; `extract` keeps what parses.
"""

import html
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_FENCE = re.compile(
    r"^(?P<indent>[ \t]*(?:>[ \t]?)*(?:[-*+][ \t]+|\d+[.)][ \t]+)?)(?P<mark>`{3,}|~{3,})(?P<info>[^`\n]*)$"
)
_LATE_FENCE = re.compile(r"^.*\S[ \t]*(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>go|golang|Go)[ \t]*$")
_THINKING = re.compile(
    r"\A\s*<(think|thinking|thought|reasoning|analysis)>(.*?)</\1>", re.DOTALL | re.IGNORECASE
)
_UNOPENED = re.compile(r"\A(.*?)^[ \t]*</(?:think|thinking|thought|reasoning)>", re.DOTALL | re.MULTILINE)
_UNCLOSED = re.compile(r"\A\s*<(think|thinking|thought|reasoning)>.*\Z", re.DOTALL | re.IGNORECASE)
_SPECIAL = re.compile(r"<\|[\w ▁-]{1,40}\|>|<｜[^｜\n]{1,40}｜>|</s>|\[/?INST\]")
_TAG = re.compile(
    r"^[ \t]*(?:</?(?:code|answer|go|golang|tests?|file|output|pre|solution)(?:\s[^<>\n]*)?>|<!\[CDATA\[)"
    r"|(?:</(?:code|answer|go|golang|tests?|file|output|pre|solution)>|\]\]>)[ \t]*$",
    re.MULTILINE,
)
_GO_WORDS = re.compile(r"\b(?:package|func|import|type|var|const)\b")


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a reply: the words behind the opening fence, the text, and whether a fence closed it."""

    info: str
    text: str
    closed: bool
    fenced: bool = True


def strip_reply(reply: str) -> tuple[str, str | None]:
    """The reply without byte order mark, carriage returns, chat tokens and thinking; and the thinking."""
    text = reply.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    text = text.replace("\u2028", "\n").replace("\u200b", "")
    thoughts: list[str] = []
    for pattern in (_THINKING, _UNCLOSED):
        while found := pattern.match(text):
            thoughts.append(found[0])
            text = text[found.end() :]
    before_fence = re.split(r"^[ \t]*(?:```|~~~)", text, maxsplit=1, flags=re.MULTILINE)[0]
    # some chat templates open the thinking in the prompt, so that only its end stands in the reply
    found = _UNOPENED.match(text)
    if found and (found.end() <= len(before_fence) or "func " in text[found.end() :]):
        thoughts.append(found[0])
        text = text[found.end() :]
    return _SPECIAL.sub("", text), "\n".join(thoughts) or None


def split_fences(text: str, is_go: Callable[[str], bool]) -> list[Block]:
    """The pieces within fences and between them, in order. A fence inside Go (in a comment) ends no block.

    `is_go` says whether a text parses as Go: where the text up to the first closing fence does not, and up to
    a later one does, the later one is taken.
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
        first = _code_of_info(info)
        bodies = [_body(first, lines[body_start:end], indent, lines[end : end + 1]) for end in ends[:6]]
        if not bodies:
            blocks.append(Block(info, _body(first, lines[body_start:], indent, []), closed=False))
            return blocks
        chosen = next((i for i, body in enumerate(bodies) if is_go(body)), 0)
        blocks.append(Block(info, bodies[chosen], closed=True))
        closing = lines[ends[chosen]]
        # an opening fence where a closing one belongs: the block was never closed, and the next one begins
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
    taken = [first] if first else []
    taken += [line[min(indent, len(line) - len(line.lstrip(" \t>"))) :] for line in lines]
    # code and closing fence on one line
    if closing and not _FENCE.match(closing[0]) and closing[0].rstrip().endswith("```"):
        taken.append(closing[0].rstrip().removesuffix("```"))
    return "\n".join(taken) + "\n"


def _code_of_info(info: str) -> str:
    """```` ```go package foo ```` on one line: the code that stands behind the language."""
    found = re.match(r"(?:go|golang)?[ \t]+((?:package|import|func|//)\b.*)", info)
    return found[1] if found else ""


def variants(text: str) -> Iterator[tuple[str, str]]:
    """Other readings of a text that is no Go as it stands: what was undone, and the text then."""
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
    if _GO_WORDS.search(text) and re.search(r"^(?: {4}|\t)(?:package|func|import) ", text, re.MULTILINE):
        yield "indentation", re.sub(r"^(?: {4}|\t)", "", text, flags=re.MULTILINE)


def _without_diff(lines: list[str]) -> str | None:
    """The new side of a diff, when most of the lines carry its marks."""
    if sum(line.startswith("+") for line in lines) * 2 < sum(1 for line in lines if line.strip()):
        return None
    heads = ("+++", "---", "@@", "diff ", "index ", "new file", "deleted file", "\\ No newline")
    kept = [line for line in lines if not line.startswith((*heads, "-"))]
    return "\n".join(line[1:] if line.startswith(("+", " ")) else line for line in kept)


def _without_prefix(lines: list[str], pattern: str) -> str | None:
    prefix = re.compile(pattern)
    filled = [line for line in lines if line.strip()]
    if not filled or not all(prefix.match(line) for line in filled):
        return None
    return "\n".join(prefix.sub("", line, count=1) for line in lines)


def json_texts(text: str) -> list[str]:
    """The texts in a reply that is JSON, as tool calls and "structured output" are; none when it is not."""
    body = text.strip()
    if not body.startswith(("{", "[", '"')):
        return []
    try:
        value = json.loads(body, strict=False)
    except ValueError:
        return _texts_of_broken_json(body)
    return [each for each in _strings(value) if _GO_WORDS.search(each)]


def _texts_of_broken_json(body: str) -> list[str]:
    """A truncated object: the longest string in it, as far as it goes."""
    found = max(re.findall(r'"((?:[^"\\]|\\.)*)(?:"|\Z)', body, re.DOTALL), key=len, default="")
    plain = unescape_json(found)
    return [plain] if plain and "\n" in plain and _GO_WORDS.search(plain) else []


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def unescape_json(text: str) -> str | None:
    """The text with the escapes of a JSON string undone, or None when they are none."""
    bare = text.strip().removeprefix('"').removesuffix('"')
    # a bare quote inside would end the string; one cut off in the middle of an escape is common
    quoted = re.sub(r'\\.|"', lambda m: '\\"' if m[0] == '"' else m[0], bare, flags=re.DOTALL)
    quoted = re.sub(r"(?<!\\)((?:\\\\)*)\\(?:u[0-9a-fA-F]{0,3})?\Z", r"\1", quoted)
    try:
        value = json.loads(f'"{quoted}"', strict=False)
    except ValueError:
        return None
    return value if isinstance(value, str) else None
