"""Where a declaration uses a name that it does not bind: Go's scopes, on a tree-sitter tree.

A walk over every node in Python costs several times as much as parsing. So names are searched in the bytes, and
the tree is consulted only at their occurrences, and only where the bytes are ambiguous.
"""

import re
from collections.abc import Iterable, Iterator

from tree_sitter import Node, TreeCursor

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

    True only if every occurrence is at a position where Go cannot bind a name, as in `name(`, `name.x`, `*name`
    or `return name` at the end of a line, and at least one is outside of comments and strings. Not valid for
    spans with interfaces, raw strings or block comments, whose occurrences can look like uses.
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
    does not distinguish fields from keys counts only with `keys`. `offsets` are the name's occurrences, if the
    caller has them.
    """
    cursor = declaration.walk()
    shadows: list[Span] = []
    for at in occurrences(source, declaration.byte_range, name) if offsets is None else offsets:
        if any(start <= at < end for start, end in shadows):
            continue
        meaning = _meaning(cursor, declaration, at, len(name))
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


def _meaning(cursor: TreeCursor, declaration: Node, at: int, length: int) -> Span:
    """`_USE`, `_FIELD_OR_KEY`, `_NEITHER`, or the span in which the binding here shadows the name."""
    cursor.reset(declaration)
    while cursor.goto_first_child_for_byte(at) is not None:
        pass
    node = _node(cursor)
    if node.start_byte != at or node.end_byte != at + length:
        return _NEITHER
    match node.type:
        case "package_identifier":
            return _USE
        case "type_identifier":
            return _meaning_of_type(cursor, declaration, node)
        case "identifier":
            return _meaning_of_identifier(cursor)
    return _NEITHER


def _meaning_of_type(cursor: TreeCursor, declaration: Node, node: Node) -> Span:
    field = cursor.field_name
    parent = _up(cursor)
    if field == "name":
        if parent.type in ("type_spec", "type_alias"):
            return _remaining_scope(cursor, node.start_byte)
        return _NEITHER  # the name in pkg.Name
    if parent.type == "type_elem" and _up(cursor).type == "type_arguments":
        receiver = declaration.child_by_field_name("receiver")
        if receiver is not None and node.end_byte <= receiver.end_byte:
            return declaration.byte_range  # the K of func (m Map[K]) …
    return _USE


def _meaning_of_identifier(cursor: TreeCursor) -> Span:
    field = cursor.field_name
    parent = _up(cursor)
    match parent.type:
        case "expression_list":
            return _meaning_in_list(cursor, parent)
        case "literal_element" if cursor.field_name == "key":
            return _meaning_of_key(cursor)
        case "parameter_declaration" | "variadic_parameter_declaration" if field == "name":
            return _function_body(cursor)
        case "type_parameter_declaration" if field == "name":
            return _climb(cursor, _FUNCTIONS | {"type_spec", "type_alias"}).byte_range
        case "var_spec" | "const_spec" if field == "name":
            return _remaining_scope(cursor, parent.end_byte)
        case "function_declaration":
            return _NEITHER
    return _USE


def _meaning_in_list(cursor: TreeCursor, names: Node) -> Span:
    field, owner = cursor.field_name, _up(cursor)
    if owner.type == "type_switch_statement" and field == "alias":
        return names.end_byte, owner.end_byte
    if field != "left":
        return _USE
    if owner.type == "short_var_declaration":
        return _remaining_scope(cursor, owner.end_byte)
    if owner.type in ("range_clause", "receive_statement") and any(c.type == ":=" for c in owner.children):
        return _remaining_scope(cursor, owner.end_byte)
    return _USE


def _meaning_of_key(cursor: TreeCursor) -> Span:
    _up(cursor)  # keyed_element
    _up(cursor)  # literal_value
    literal = _up(cursor)
    kind = literal.child_by_field_name("type") if literal.type == "composite_literal" else None
    if kind is not None and kind.type in _INDEXED_LITERALS:
        return _USE
    return _NEITHER if kind is not None and kind.type == "struct_type" else _FIELD_OR_KEY


def _function_body(cursor: TreeCursor) -> Span:
    function = _climb(cursor, _FUNCTIONS | {"function_type", "method_elem"})
    body = function.child_by_field_name("body") if function.type in _FUNCTIONS else None
    return body.byte_range if body is not None else _NEITHER


def _remaining_scope(cursor: TreeCursor, start: int) -> Span:
    """From `start` to the end of the innermost scope; `_NEITHER` for the names of the declaration itself."""
    scope = _climb(cursor, _SCOPES)
    return (start, scope.end_byte) if scope.type in _SCOPES else _NEITHER


def _climb(cursor: TreeCursor, kinds: frozenset[str]) -> Node:
    node = _node(cursor)
    while node.type not in kinds and cursor.goto_parent():
        node = _node(cursor)
    return node


def _up(cursor: TreeCursor) -> Node:
    cursor.goto_parent()
    return _node(cursor)


def _node(cursor: TreeCursor) -> Node:
    node = cursor.node
    assert node is not None  # a cursor that was set on a node is always on one
    return node
