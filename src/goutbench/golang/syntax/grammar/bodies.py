"""Blanks function bodies and the elements of literals in a Go file, without parsing it.

Most of a file is inside of functions and tables. Who needs only what the file declares saves the parser that
text, at the speed of a search for bytes.
"""

import re
from collections.abc import Collection

_OPENING = re.compile(rb"^(?:func\b|var \w+ = )[^\n]*\{$", re.MULTILINE)
_DECLARATION = re.compile(rb"\n(?:func|var )")
_END, _BRACES = b"\n}\n", b"{}"
_DEPTH = 50  # of braces; what is deeper is parsed, so that the time stays linear
_NOT_BRACES = bytes(byte for byte in range(256) if byte not in _BRACES)
_QUOTES = (b'"', b"`", b"'", b"//", b"/*")
_QUOTED = re.compile(
    rb"""//[^\n]*|/\*(?s:.*?)\*/|`[^`]*`|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+'"""
    rb"""|((?s:(?:/\*|`).*)|["'][^\n]*)"""  # not closed
)


def blank_bodies(source: bytes, keep: Collection[bytes] = ()) -> bytes:
    """The source with spaces for what is in the braces of functions and literals in gofmt's layout.

    Every offset stays valid. In that layout a line that begins with `func` or `var` and ends with `{` opens
    the body, and the next line that is `}` closes it. A body remains where its bytes leave a doubt, and if it
    contains one of `keep` or a line that begins with `func` or `var`.
    """
    pieces: list[bytes] = []
    at, code, end = 0, 0, -1
    opening = _OPENING.search(source)
    while opening is not None:
        code = _code_from(source, code, opening.start())
        if code > opening.start():  # a line of a string or comment
            opening = _OPENING.search(source, code)
            continue
        start = opening.end()
        end = end if end >= start else source.find(_END, start)
        if end < 0:
            break
        if _DECLARATION.search(source, start, end) is None:  # so no byte is in two bodies
            body = source[start:end]
            if not any(text in body for text in keep) and _is_body(opening[0], body):
                pieces += source[at:start], b" " * (end + 1 - start)
                start = at = code = end + 1
        opening = _OPENING.search(source, start)
    return b"".join((*pieces, source[at:]))


def _code_from(source: bytes, code: int, line: int) -> int:
    """The start of a line; if that is in a string or comment, its end. Code begins at the offset `code`."""
    if source.find(b"`", code, line) < 0 and source.find(b"/*", code, line) < 0:
        return line  # no other string or comment continues on the next line
    for quoted in _QUOTED.finditer(source, code):
        if quoted.start() >= line:
            break
        if quoted.end() > line:
            return quoted.end()
    return line


def _is_body(opening: bytes, body: bytes) -> bool:
    """Whether a body is complete: its braces pair up, and so do its quotes where these could hide braces."""
    if not _pairs_up(opening[:-1]):
        return False
    if b"`" not in body and b"/*" not in body and _is_balanced(body):
        return True
    code = _QUOTED.sub(rb"\1", body)
    return not any(quote in code for quote in _QUOTES) and _is_balanced(code)


def _is_balanced(code: bytes) -> bool:
    braces = code.translate(None, _NOT_BRACES)
    for _ in range(_DEPTH):
        if not braces:
            break
        braces = braces.replace(_BRACES, b"")
    return not braces


def _pairs_up(line: bytes) -> bool:
    """Whether the brackets of a line are closed and it has neither a string nor a comment."""
    return (
        line.count(b"(") == line.count(b")")
        and line.count(b"[") == line.count(b"]")
        and line.count(b"{") == line.count(b"}")
        and not any(quote in line for quote in _QUOTES)
    )
