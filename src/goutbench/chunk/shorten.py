"""Shortens a declaration that exceeds the budget, on request: the result is Go that parses."""

from bisect import bisect_left
from collections.abc import Callable, Iterator

from tree_sitter import Node

from goutbench.golang.syntax.file import Declaration, GoFile, specs
from goutbench.golang.syntax.references import Span

_BLOCK = b'{ panic("elided") }'
_TAIL = b'\n\tpanic("elided")'

_NO_DOC = b"// elided\n"
_LISTING = frozenset({"struct_type", "interface_type"})

Cuts = list[tuple[Span, bytes]]
Count = Callable[[bytes], int]


def shorten_declaration(file: GoFile, declaration: Declaration, limit: int, count: Count) -> bytes:
    """The declaration in at most `limit` tokens, or as few as possible; "elided" marks every cut.

    Nested blocks and elements of literals are cut first: the smallest one that suffices, else the largest.
    Then the tail of the outermost list of statements, fields or specs is cut, and finally the comment.
    """
    node, source = file.node(declaration), file.source
    cuts: Cuts = []
    elidable = dict(_elidable(node, declaration.body))
    text = file.text(declaration)
    while elidable and (tokens := count(text)) > limit:
        excess = (tokens - limit) * len(text) // max(tokens, 1)  # in bytes, about
        start, end = min(elidable, key=lambda s: (s[1] - s[0] < excess, abs(s[1] - s[0] - excess), s))
        cuts = [cut for cut in cuts if not start <= cut[0][0] < end]
        cuts.append(((start, end), elidable[start, end]))
        elidable = {s: stub for s, stub in elidable.items() if s[1] <= start or s[0] >= end or s[0] < start}
        text = _without(source, declaration.start, declaration.end, cuts)
    if count(text) > limit:
        text = _cut_tail(file, declaration, cuts, limit, count)
    doc = declaration.node_start - declaration.start
    return text if count(text) <= limit or not doc else _NO_DOC + text[doc:]


def _cut_tail(file: GoFile, declaration: Declaration, cuts: Cuts, limit: int, count: Count) -> bytes:
    """The declaration with as many items of its outermost list as fit."""
    items = _items(file.node(declaration))
    end = items[-1].end_byte if items else declaration.end
    stub = _TAIL if declaration.body is not None else b""

    def head(size: int) -> bytes:
        if size == len(items):
            return _without(file.source, declaration.start, declaration.end, cuts)
        start = items[size].start_byte
        text = _without(file.source, declaration.start, start, cuts).rstrip()
        return text + stub + b"\n" + file.source[end : declaration.end].lstrip(b"\n")

    too_long = bisect_left(range(len(items) + 1), True, key=lambda size: count(head(size)) > limit)
    return head(max(too_long - 1, 0))


def _elidable(node: Node, body: Span | None) -> Iterator[tuple[Span, bytes]]:
    """The spans within a declaration that a stub may replace, with their stubs."""
    for child in node.named_children:
        span = child.byte_range
        if child.type == "literal_value" and child.named_child_count:
            yield span, b"{}"
        elif child.type == "block" and span != body:
            yield span, _BLOCK
        yield from _elidable(child, body)


def _items(node: Node) -> list[Node]:
    """The outermost list of the declaration: statements, fields, methods or specs."""
    body = node.child_by_field_name("body")
    listed = list(specs(node))
    if body is None and len(listed) == 1:
        kind = listed[0].child_by_field_name("type")
        body = kind if kind is not None and kind.type in _LISTING else None
    if body is None:
        return listed if len(listed) > 1 else []
    inner = [child for child in body.named_children if child.type != "comment"]
    if len(inner) == 1 and inner[0].type in ("statement_list", "field_declaration_list"):
        inner = [child for child in inner[0].named_children if child.type != "comment"]
    return inner


def _without(source: bytes, start: int, end: int, cuts: Cuts) -> bytes:
    """The source from `start` to `end` with stubs in place of the cuts."""
    text, at = b"", start
    for (a, b), stub in sorted(cuts):
        if start <= a and b <= end:
            text += source[at:a] + stub
            at = b
    return text + source[at:end]
