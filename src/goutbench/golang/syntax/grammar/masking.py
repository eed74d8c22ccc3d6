"""Masks what the grammar cannot read in a copy of equal length, so that every offset stays valid.

The grammar reads neither a call of `new` or `make` with a value (Go 1.26, or a function of that name), nor a
method expression of a type literal, nor the type parameters of a method (Go 1.27).
"""

from collections.abc import Callable
from dataclasses import dataclass

from goutbench.golang.syntax.lexer import token_spans

_CLOSING = {b"(": b")", b"[": b"]", b"{": b"}"}
_RENAMED = {b"new": b"nEw", b"make": b"mAke"}
_KEYWORDS_BEFORE_VALUE = frozenset({b"return", b"case", b"range", b"if", b"for", b"switch", b"go", b"defer"})


def masked(source: bytes, parses: Callable[[bytes], bool]) -> bytes:
    """The source with what the grammar cannot read in a form that it can, byte for byte of equal length.

    `parses` returns whether the grammar reads a Go file; it decides about each call of `new` and `make`.
    """
    return _Masker(source).masked(parses)


@dataclass(frozen=True, slots=True)
class _Token:
    text: bytes
    start: int
    end: int


class _Masker:
    """The tokens of one source, the partner of every bracket, and the masked copy."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._copy = bytearray(source)
        self._tokens = [_Token(source[start:end], start, end) for start, end in token_spans(source)]
        self._partner = _partners([token.text for token in self._tokens])

    def masked(self, parses: Callable[[bytes], bool]) -> bytes:
        for at, token in enumerate(self._tokens):
            if token.text in (b"interface", b"struct"):
                self._mask_method_expression(at)
            elif token.text == b"func":
                self._mask_type_parameters(at)
        # inner calls come first, so that the text of an outer one is read without them
        for at in reversed(range(len(self._tokens))):
            if self._tokens[at].text in _RENAMED:
                self._mask_call(at, parses)
        return bytes(self._copy)

    def _text(self, at: int) -> bytes:
        return self._tokens[at].text if 0 <= at < len(self._tokens) else b""

    def _put(self, at: int, text: bytes) -> None:
        """Writes over the first bytes of a token."""
        start = self._tokens[at].start
        self._copy[start : start + len(text)] = text

    def _mask_call(self, at: int, parses: Callable[[bytes], bool]) -> None:
        """Renames `new` and `make` where the grammar cannot read the call, but could with another name."""
        name = self._text(at)
        end = self._partner.get(at + 1)
        if end is None or self._text(at + 1) != b"(" or self._text(at - 1) in (b".", b"func"):
            return
        arguments = bytes(self._copy[self._tokens[at].end : self._tokens[end].end])
        head = b"package p\nvar _ = "
        if not parses(head + name + arguments) and parses(head + _RENAMED[name] + arguments):
            self._put(at, _RENAMED[name])

    def _mask_method_expression(self, at: int) -> None:
        """`interface{…}.Name` becomes the conversion `interface{…}(_)`, in parentheses as well."""
        right = self._partner.get(at + 1)
        if right is None or self._text(at + 1) != b"{":
            return
        left, brace = at, right
        while True:
            while self._text(left - 1) == b"*":
                left -= 1
            if self._text(left - 1) != b"(" or self._partner.get(left - 1) != right + 1:
                break
            left, right = left - 1, right + 1
            if self._ends_operand(left - 1):  # the parentheses of a call or of a type assertion
                return
        name = right + 2
        if self._text(right + 1) != b"." or not _is_name(self._text(name)):
            return
        start, end = self._tokens[right].end, self._tokens[name].end
        if end - start < len(b"(_)"):
            if right > brace:  # the parentheses are not needed
                self._put(left, b" ")
            elif self._tokens[right - 1].end < self._tokens[right].start:
                self._copy[self._tokens[right].start - 1] = ord("}")
            else:
                return
            start -= 1
        self._copy[start:end] = b"(_)".ljust(end - start)

    def _ends_operand(self, at: int) -> bool:
        text = self._text(at)
        return text in (b".", b")", b"]") or (_is_name(text) and text not in _KEYWORDS_BEFORE_VALUE)

    def _mask_type_parameters(self, at: int) -> None:
        """`func (r R) M[T C](x X)` becomes `func (r R) M(T C, x X)`, with a union's types one by one."""
        receiver = self._partner.get(at + 1)
        if receiver is None or self._text(at + 1) != b"(" or not self._starts_line(at):
            return
        opening = receiver + 2
        closing = self._partner.get(opening)
        named = _is_name(self._text(receiver + 1)) and self._text(opening) == b"["
        if closing is None or not named or self._text(closing + 1) != b"(":
            return
        self._put(opening, b"(")
        self._put(closing, b" ")
        self._put(closing + 1, b" " if self._text(closing - 1) == b"," else b",")
        inside = opening + 1
        while inside < closing:
            if self._text(inside) in (b"~", b"|"):
                self._put(inside, b" " if self._text(inside) == b"~" else b",")
            inside = self._partner.get(inside, inside) + 1

    def _starts_line(self, at: int) -> bool:
        if at == 0 or self._text(at - 1) == b";":
            return True
        return b"\n" in self._source[self._tokens[at - 1].end : self._tokens[at].start]


def _partners(tokens: list[bytes]) -> dict[int, int]:
    """For every opening bracket that is closed by its like, the index of the closing one."""
    partners: dict[int, int] = {}
    opened: list[int] = []
    for at, text in enumerate(tokens):
        if text in _CLOSING:
            opened.append(at)
        elif text in _CLOSING.values():
            while opened and _CLOSING[tokens[opened[-1]]] != text and text == b"}":
                opened.pop()  # never closed
            if opened and _CLOSING[tokens[opened[-1]]] == text:
                partners[opened.pop()] = at
    return partners


def _is_name(text: bytes) -> bool:
    return text[:1].isalpha() or text[:1] == b"_" or text[:1] >= b"\x80"
