"""Blanks function bodies and the elements of literals in a Go file, without parsing it.

Most of a file is inside of functions and tables. Who needs only what the file declares saves the parser that
text, at the speed of a search for bytes.
"""

import re
from collections.abc import Collection

_OPENING = re.compile(rb"^(?:func\b|var \w+ = )[^\n]*\{$", re.MULTILINE)
_END, _BRACES = b"\n}\n", b"{}"
_NOT_BRACES = bytes(byte for byte in range(256) if byte not in _BRACES)
_QUOTES = (b'"', b"`", b"'", b"//", b"/*")
_QUOTED = re.compile(rb"""//[^\n]*|/\*(?s:.*?)\*/|`[^`]*`|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+'""")


def blank_bodies(source: bytes, keep: Collection[bytes] = ()) -> bytes:
    """The source with spaces for what is in the braces of functions and literals in gofmt's layout.

    Every offset stays valid. In that layout a line that begins with `func` or `var` and ends with `{` opens
    the body, and the next line that is `}` closes it. A body remains where its bytes leave a doubt, and if it
    contains one of `keep`.
    """
    pieces, at = [], 0
    while (opening := _OPENING.search(source, at)) is not None:
        start, end = opening.end(), source.find(_END, opening.end())
        pieces.append(source[at:start])
        at = start
        body = source[start : max(start, end)]
        if end >= 0 and not any(text in body for text in keep) and _is_body(opening[0], body):
            pieces.append(b" " * (end + 1 - start))
            at = end + 1
    return b"".join((*pieces, source[at:]))


def _is_body(opening: bytes, body: bytes) -> bool:
    """Whether a body is complete: its braces pair up, and so do its quotes where these could hide braces."""
    if not _pairs_up(opening[:-1]):
        return False
    if b"`" not in body and b"/*" not in body and _is_balanced(body):
        return True
    code = _QUOTED.sub(b"", body)
    return not any(quote in code for quote in _QUOTES) and _is_balanced(code)


def _is_balanced(code: bytes) -> bool:
    braces = code.translate(None, _NOT_BRACES)
    while _BRACES in braces:
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
