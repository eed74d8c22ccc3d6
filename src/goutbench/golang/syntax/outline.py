"""Declarations in outline: without function bodies, elements of literals, and unused fields and specs."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tree_sitter import Node

from goutbench.golang.syntax.file import Declaration, GoFile, name_nodes, node_text, specs
from goutbench.golang.syntax.references import identifiers_in

_STUB = b' { panic("elided") }'
_IDENTIFIER = re.compile(rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*")
_POSITIONAL = re.compile(rb"\{(?<=[\w\x80-\xff\]]\{)\s*(?!\}|[\w\x80-\xff]+\s*:)")  # a search for `{` is fast
_TYPE_REVERSED = re.compile(rb"(?:\][^\]{}\n]*\[)?([\w\x80-\xff]*[A-Za-z_\x80-\xff])")
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
    outliner = _Outliner(source, names)
    texts = [outliner.spec(spec) for spec in outliner.select(all_specs)]
    keyword = declaration.kind.encode()
    if len(texts) == 1:
        return keyword + b" " + texts[0]
    return keyword + b" (\n" + b"".join(b"\t" + text + b"\n" for text in texts) + b")"


def mentioned_names(texts: Iterable[bytes]) -> set[bytes]:
    """The identifiers of Go texts, and `T{}` for each T of a literal with positional fields.

    The letters of a number count as an identifier, too. Such a literal needs all fields of T.
    """
    names: set[bytes] = set()
    for text in texts:
        tokens = identifiers_in(text, (0, len(text)))
        numbers = {name for name in tokens if name[:1].isdigit()}
        names |= tokens - numbers
        names.update(match[0] for number in numbers if (match := _IDENTIFIER.search(number)))
        reversed_text = text[::-1]  # from a brace back, the time is linear also in the length of a line
        for brace in _POSITIONAL.finditer(text):
            if kind := _TYPE_REVERSED.match(reversed_text, len(text) - brace.start()):
                names.add(kind[1][::-1] + b"{}")
    return names


def spec_names(source: bytes, spec: Node) -> list[str]:
    """The names that a type, const or var spec declares."""
    return [node_text(source, name) for name in name_nodes(spec)]


@dataclass(frozen=True, slots=True)
class _Outliner:
    """Selects and outlines the specs of one file for the users of `names`."""

    source: bytes
    names: Names

    def select(self, all_specs: list[Node]) -> list[Node]:
        """The specs that declare one of the names, and the specs that these refer to in turn."""
        if self.names is None:
            return all_specs
        needed = set(self.names)
        selected: set[int] = set()
        changed = True
        while changed:
            changed = False
            for index, spec in enumerate(all_specs):
                declared = spec_names(self.source, spec)
                if index not in selected and any(name.encode() in needed for name in declared):
                    selected.add(index)
                    needed.update(_IDENTIFIER.findall(self.source, spec.start_byte, spec.end_byte))
                    changed = True
        return [all_specs[index] for index in sorted(selected)] or all_specs

    def spec(self, spec: Node) -> bytes:
        start, end = spec.byte_range
        kind = spec.child_by_field_name("type")
        if spec.type == "var_spec":
            return self._variable(spec, kind)
        if spec.type == "type_spec" and kind is not None and kind.type == "struct_type":
            name = self.source[start : kind.start_byte].split()[0].split(b"[")[0]
            all_fields = name + b"{}" in (self.names or ())
            struct = self._struct(kind, None if all_fields else self.names)
            return self.source[start : kind.start_byte] + struct + self.source[kind.end_byte : end]
        return self.source[start:end]

    def _variable(self, spec: Node, kind: Node | None) -> bytes:
        start, end = spec.byte_range
        value = spec.child_by_field_name("value")
        if value is None:
            return self.source[start:end]
        if kind is not None:
            return self.source[start : kind.end_byte]
        text, at = b"", start
        for expression in value.named_children:
            operand = expression.child_by_field_name("operand")
            # the T{…} of &T{…}
            literal = operand if operand and expression.type == "unary_expression" else expression
            body = literal.child_by_field_name("body") if literal.type in _LITERALS else None
            if body is not None:
                stub = b"{}" if body.type == "literal_value" else _STUB.lstrip()
                text += self.source[at : body.start_byte] + stub
                at = body.end_byte
        return text + self.source[at:end]

    def _struct(self, struct: Node, names: Names) -> bytes:
        lines = []
        elided = False
        for field in (field for part in struct.named_children for field in part.named_children):
            if field.type != "field_declaration":
                continue
            declared = [self.source[n.start_byte : n.end_byte] for n in field.children_by_field_name("name")]
            if declared and names is not None and not any(name in names for name in declared):
                elided = True
            else:
                lines.append(b"\t" + self.source[field.start_byte : field.end_byte] + b"\n")
        if elided:
            lines.append(b"\t// fields elided\n")
        return b"struct {\n" + b"".join(lines) + b"}"
