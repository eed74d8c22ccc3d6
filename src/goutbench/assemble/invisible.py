"""Undoes characters that chat models and pages put into code, and that Go refuses or nobody sees.

In strings, runes and comments Go allows them, and they may be meant: there they stay.
"""

import re
import unicodedata

_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|`[^`]*`|\"(?:\\.|[^\"\\\n])*\"|'(?:\\[^\n][^'\n]*|[^'\\\n])'|(?P<other>.)", re.DOTALL
)
_LINE_ENDS = "\x85\u2028\u2029"
_BLANKS = "\x0b\x0c\u2800"  # the last one is an empty pattern of Braille
_FENCE_LINE = re.compile(r"^[^\n`~\w]*(?:```|~~~)[^\n]*$", re.MULTILINE)
_LINE_END_AT_FENCE = re.compile(r"[\u2028\u2029](?=[ \t]*(?:```|~~~))|(?<=```)(\w*)[\u2028\u2029]")


def visible(code: str) -> str:
    """The code with blanks, line ends or nothing in place of invisible characters outside of literals."""
    if code.isascii() and not any(blank in code for blank in _BLANKS):
        return code
    return _TOKEN.sub(lambda match: _plain(match[0]) if match["other"] else match[0], code)


def visible_fences(reply: str) -> str:
    """The reply with its beginning and the lines of its fences free of invisible characters."""
    if reply.isascii():
        return reply
    if reply.count("\u2028") > reply.count("\n"):  # it separates the lines
        reply = reply.replace("\u2028", "\n")
    reply = _LINE_END_AT_FENCE.sub(lambda match: (match[1] or "") + "\n", reply)
    while reply and unicodedata.category(reply[0]) == "Cf":
        reply = reply[1:]
    return _FENCE_LINE.sub(lambda match: "".join(map(_plain, match[0])), reply)


def _plain(character: str) -> str:
    if character.isascii() and character not in _BLANKS:
        return character
    if character in _LINE_ENDS:
        return "\n"
    if character in _BLANKS:
        return " "
    # spaces, and characters that only direct how others are shown
    return {"Zs": " ", "Cf": ""}.get(unicodedata.category(character), character)
