"""Where a declaration uses a name that it does not bind: Go's scopes, on a tree-sitter tree.

A walk over every node in Python costs several times as much as parsing. So names are searched in the bytes,
and the tree is consulted only at their occurrences, and only where the bytes are ambiguous.
"""

import re
from collections.abc import Iterable, Iterator

from tree_sitter import Node

Span = tuple[int, int]

_IDENTIFIER = re.compile(rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*")
_QUOTED = re.compile(rb"[\"'`]|//|\b(?:goto|break|continue)\b")  # precedes text that is, or may be, no name
_NAME_BYTES = frozenset(byte for byte in range(256) if byte >= 128 or chr(byte).isalnum() or byte == ord("_"))
_DOT, _SPACE, _NEWLINE = b". \n"
_BLANKS = bytes(byte if byte in _NAME_BYTES else _SPACE for byte in range(256))

_FUNCTIONS = frozenset({"function_declaration", "method_declaration", "func_literal"})
_SCOPES = _FUNCTIONS | {
    "block",
    "expression_case",
    "default_case",
    "type_case",
    "communication_case",
    "if_statement",
    "for_statement",
    "expression_switch_statement",
    "type_switch_statement",
}
_INDEXED_LITERALS = frozenset({"map_type", "slice_type", "array_type", "implicit_length_array_type"})

_USE = (-1, -1)
_FIELD_OR_KEY = (-2, -2)
_NEITHER = (0, 0)


def identifiers_in(source: bytes, span: Span) -> set[bytes]:
    """Every identifier, keyword and number in the span, including those in comments and strings."""
    return set(source[span[0] : span[1]].translate(_BLANKS).split())


def surely_used(source: bytes, span: Span, name: bytes) -> bool:
    """Whether the bytes alone show that a name is used and bound nowhere in a span of code.

    True only if every occurrence is at a position where Go cannot bind a name, as in `name(`, `name.x`,
    `*name` or `return name` at the end of a line, and at least one is outside of comments and strings. Not
    valid for spans with interfaces, raw strings or block comments, whose occurrences can look like uses.
    """
    at, end = span
    length, seen = len(name), False
    while (at := source.find(name, at, end)) >= 0:
        before, after = source[at - 1], source[at + length] if at + length < end else _NEWLINE
        if before not in _NAME_BYTES and after not in _NAME_BYTES:
            if before == _DOT:
                pass
            elif before in b"*&]" or after in b".({)" or (before == _SPACE and after in b"\n;"):
                seen = seen or not _QUOTED.search(source, source.rfind(b"\n", 0, at) + 1, at)
            else:
                return False
        at += length
    return seen


def uses(
    source: bytes, declaration: Node, name: bytes, *, keys: bool = False, offsets: Iterable[int] | None = None
) -> Iterator[int]:
    """Byte offsets where a top-level declaration uses `name` from outside itself, in order.

    Ignores occurrences in comments and strings, selected fields and methods, labels, and occurrences that a
    parameter, variable, constant or type of the declaration shadows. `{name: value}` in a literal whose type
    does not distinguish fields from keys counts only with `keys`. `offsets` are the name's occurrences, if
    the caller has them.
    """
    resolver = _Resolver(declaration)
    shadows: list[Span] = []
    for at in occurrences(source, declaration.byte_range, name) if offsets is None else offsets:
        if any(start <= at < end for start, end in shadows):
            continue
        meaning = resolver.meaning(at, len(name))
        if meaning is _USE or (keys and meaning is _FIELD_OR_KEY):
            yield at
        elif meaning[1] > 0:
            shadows.append(meaning)


def occurrences(source: bytes, span: Span, name: bytes) -> Iterator[int]:
    """The offsets at which `name` is a complete identifier that is not selected with a dot."""
    at, end = span
    while (at := source.find(name, at, end)) >= 0:
        after = at + len(name)
        if (after >= end or source[after] not in _NAME_BYTES) and _unselected(source, at):
            yield at
        at = after


def all_occurrences(source: bytes, span: Span, names: set[bytes]) -> dict[bytes, list[int]]:
    """The `occurrences` of many names, in one pass."""
    offsets: dict[bytes, list[int]] = {name: [] for name in names}
    for match in _IDENTIFIER.finditer(source, *span):
        if (name := match[0]) in names and _unselected(source, match.start()):
            offsets[name].append(match.start())
    return offsets


def _unselected(source: bytes, at: int) -> bool:
    before = source[at - 1] if at else 0
    return before not in _NAME_BYTES and (before != _DOT or source.startswith(b"...", at - 3))


class _Resolver:
    """Decides what a name means at an offset of a declaration, with one cursor over its tree."""

    def __init__(self, declaration: Node) -> None:
        self._declaration = declaration
        self._cursor = declaration.walk()

    def meaning(self, at: int, length: int) -> Span:
        """`_USE`, `_FIELD_OR_KEY`, `_NEITHER`, or the span in which the binding here shadows the name."""
        self._cursor.reset(self._declaration)
        while self._cursor.goto_first_child_for_byte(at) is not None:
            pass
        node = self._node()
        if node.start_byte != at or node.end_byte != at + length:
            return _NEITHER
        match node.type:
            case "package_identifier":
                return _USE
            case "type_identifier":
                return self._of_type(node)
            case "identifier":
                return self._of_identifier()
        return _NEITHER

    def _of_type(self, node: Node) -> Span:
        field = self._cursor.field_name
        parent = self._up()
        if field == "name":
            if parent.type in ("type_spec", "type_alias"):
                return self._remaining_scope(node.start_byte)
            return _NEITHER  # the name in pkg.Name
        if parent.type == "type_elem" and self._up().type == "type_arguments":
            receiver = self._declaration.child_by_field_name("receiver")
            if receiver is not None and node.end_byte <= receiver.end_byte:
                return self._declaration.byte_range  # the K of func (m Map[K]) …
        return _USE

    def _of_identifier(self) -> Span:
        field = self._cursor.field_name
        parent = self._up()
        match parent.type:
            case "expression_list":
                return self._in_list(parent)
            case "literal_element" if self._cursor.field_name == "key":
                return self._of_key()
            case "parameter_declaration" | "variadic_parameter_declaration" if field == "name":
                function = self._climb(_FUNCTIONS | {"function_type", "method_elem"})
                body = function.child_by_field_name("body") if function.type in _FUNCTIONS else None
                return body.byte_range if body is not None else _NEITHER
            case "type_parameter_declaration" if field == "name":
                return self._climb(_FUNCTIONS | {"type_spec", "type_alias"}).byte_range
            case "var_spec" | "const_spec" if field == "name":
                return self._remaining_scope(parent.end_byte)
            case "function_declaration":
                return _NEITHER
        return _USE

    def _in_list(self, names: Node) -> Span:
        field, owner = self._cursor.field_name, self._up()
        if owner.type == "type_switch_statement" and field == "alias":
            return names.end_byte, owner.end_byte
        if field != "left":
            return _USE
        if owner.type == "short_var_declaration":
            return self._remaining_scope(owner.end_byte)
        declares = any(child.type == ":=" for child in owner.children)
        if owner.type in ("range_clause", "receive_statement") and declares:
            return self._remaining_scope(owner.end_byte)
        return _USE

    def _of_key(self) -> Span:
        self._up()  # keyed_element
        self._up()  # literal_value
        literal = self._up()
        kind = literal.child_by_field_name("type") if literal.type == "composite_literal" else None
        if kind is not None and kind.type in _INDEXED_LITERALS:
            return _USE
        return _NEITHER if kind is not None and kind.type == "struct_type" else _FIELD_OR_KEY

    def _remaining_scope(self, start: int) -> Span:
        """From `start` to the end of the innermost scope; `_NEITHER` for the names of the declaration."""
        scope = self._climb(_SCOPES)
        return (start, scope.end_byte) if scope.type in _SCOPES else _NEITHER

    def _climb(self, kinds: frozenset[str]) -> Node:
        node = self._node()
        while node.type not in kinds and self._cursor.goto_parent():
            node = self._node()
        return node

    def _up(self) -> Node:
        self._cursor.goto_parent()
        return self._node()

    def _node(self) -> Node:
        node = self._cursor.node
        assert node is not None  # a cursor that was set on a node is always on one
        return node
