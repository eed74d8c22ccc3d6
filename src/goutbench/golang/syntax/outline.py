"""Declarations in outline: Go without function bodies, the elements of literals, or unused fields and specs."""

import re
from collections.abc import Collection, Iterable

from tree_sitter import Node

from goutbench.golang.syntax.file import Declaration, GoFile, name_nodes, node_text, specs

_STUB = b' { panic("elided") }'
_IDENTIFIER = re.compile(rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*")
_POSITIONAL = re.compile(
    rb"([A-Za-z_\x80-\xff][\w\x80-\xff]*)(?:\[[^\]{}\n]*\])?\{\s*(?!\}|[\w\x80-\xff]+\s*:)"
)
_LITERALS = frozenset({"composite_literal", "func_literal"})

Names = Collection[bytes] | None
"""The names that the readers of an outline use, as `mentioned_names` returns them; None: all names."""


def file_outline(file: GoFile) -> str:
    """A file's declarations without bodies, comments and imports; its build constraint remains."""
    texts = [b"//go:build " + file.build_constraint.encode()] if file.build_constraint else []
    texts.append(b"package " + (file.package or "_").encode())
    for declaration in file.declarations:
        if declaration.is_function:
            end = declaration.body[0] if declaration.body is not None else declaration.node_end
            # a function without a body is valid Go
            texts.append(file.source[declaration.node_start : end].rstrip())
        else:
            texts.append(outline(file, declaration, None))
    return b"\n\n".join(texts).decode("utf-8", "replace") + "\n"


def outline(file: GoFile, declaration: Declaration, names: Names) -> bytes:
    """The declaration reduced to what the users of `names` need; still Go, with the same names.

    Functions keep their signature, structs the embedded fields and those in `names`, groups the specs in
    `names` (all specs if `iota` counts them), variables their type. Literals lose their elements.
    """
    node = file.node(declaration)
    source = file.source
    if declaration.is_function:
        if declaration.body is None:
            return source[declaration.node_start : declaration.node_end]
        return source[declaration.node_start : declaration.body[0]].rstrip() + _STUB
    all_specs = list(specs(node))
    if declaration.kind == "const" and (
        b"iota" in source[declaration.node_start : declaration.node_end]
        or any(spec.child_by_field_name("value") is None for spec in all_specs)  # repeats the one before
    ):
        return source[declaration.node_start : declaration.node_end]
    selected = all_specs if names is None else _select_specs(source, all_specs, names)
    texts = [_outline_spec(source, spec, names) for spec in selected]
    keyword = declaration.kind.encode()
    if len(texts) == 1:
        return keyword + b" " + texts[0]
    return keyword + b" (\n" + b"".join(b"\t" + text + b"\n" for text in texts) + b")"


def mentioned_names(texts: Iterable[bytes]) -> set[bytes]:
    """The identifiers of Go texts, and `T{}` for each T of a literal with positional fields: it needs all of T."""
    names: set[bytes] = set()
    for text in texts:
        names.update(_IDENTIFIER.findall(text))
        names.update(name + b"{}" for name in _POSITIONAL.findall(text))
    return names


def spec_names(source: bytes, spec: Node) -> list[str]:
    """The names that a type, const or var spec declares."""
    return [node_text(source, name) for name in name_nodes(spec)]


def _select_specs(source: bytes, all_specs: list[Node], names: Collection[bytes]) -> list[Node]:
    """The specs that declare one of the names, and the specs that these refer to in turn."""
    needed = set(names)
    selected: set[int] = set()
    changed = True
    while changed:
        changed = False
        for index, spec in enumerate(all_specs):
            if index not in selected and any(name.encode() in needed for name in spec_names(source, spec)):
                selected.add(index)
                needed.update(_IDENTIFIER.findall(source, spec.start_byte, spec.end_byte))
                changed = True
    return [all_specs[index] for index in sorted(selected)] or all_specs


def _outline_spec(source: bytes, spec: Node, names: Names) -> bytes:
    start, end = spec.byte_range
    kind = spec.child_by_field_name("type")
    if spec.type == "var_spec":
        return _outline_variable(source, spec, kind)
    if spec.type == "type_spec" and kind is not None and kind.type == "struct_type":
        name = source[start : kind.start_byte].split()[0].split(b"[")[0]
        fields = _outline_struct(source, kind, None if name + b"{}" in (names or ()) else names)
        return source[start : kind.start_byte] + fields + source[kind.end_byte : end]
    return source[start:end]


def _outline_variable(source: bytes, spec: Node, kind: Node | None) -> bytes:
    start, end = spec.byte_range
    value = spec.child_by_field_name("value")
    if value is None:
        return source[start:end]
    if kind is not None:
        return source[start : kind.end_byte]
    text, at = b"", start
    for expression in value.named_children:
        literal = expression
        if expression.type == "unary_expression" and (operand := expression.child_by_field_name("operand")):
            literal = operand  # the T{…} of &T{…}
        body = literal.child_by_field_name("body") if literal.type in _LITERALS else None
        if body is not None:
            text += source[at : body.start_byte] + (b"{}" if body.type == "literal_value" else _STUB.lstrip())
            at = body.end_byte
    return text + source[at:end]


def _outline_struct(source: bytes, struct: Node, names: Names) -> bytes:
    lines = []
    fields = [field for part in struct.named_children for field in part.named_children]
    elided = False
    for field in fields:
        if field.type != "field_declaration":
            continue
        declared = [source[n.start_byte : n.end_byte] for n in field.children_by_field_name("name")]
        if declared and names is not None and not any(name in names for name in declared):
            elided = True
        else:
            lines.append(b"\t" + source[field.start_byte : field.end_byte] + b"\n")
    if elided:
        lines.append(b"\t// fields elided\n")
    return b"struct {\n" + b"".join(lines) + b"}"
