"""The text of a chunk: header, used imports, and declarations in full or in outline."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tree_sitter import Node

from goutbench.golang.syntax.file import Declaration, GoFile, Import, free_names, parse, specs

_STUB = b' { panic("elided") }'
_WORD = re.compile(rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*")
_POSITIONAL = re.compile(
    rb"([A-Za-z_\x80-\xff][\w\x80-\xff]*)(?:\[[^\]{}\n]*\])?\{\s*(?!\}|[\w\x80-\xff]+\s*:)"
)
_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)
_LINKNAME = re.compile(rb"^//go:linkname[ \t]+([^\s]+).*$", re.MULTILINE)
_LITERALS = frozenset({"composite_literal", "func_literal"})


@dataclass(frozen=True, slots=True)
class Part:
    """The text of a declaration, given by its index, in a chunk."""

    index: int
    form: str  # "full" | "outline"
    text: bytes


def full_texts(file: GoFile) -> list[bytes]:
    """Each declaration as it stands, with the link name that the file gives it elsewhere."""
    linknames = {line[1].decode("utf-8", "replace"): line[0] for line in _LINKNAME.finditer(file.source)}
    texts = []
    for declaration in file.declarations:
        text = file.text(declaration)
        line = (
            linknames.get(declaration.names[0]) if declaration.kind == "func" and declaration.names else None
        )
        texts.append(line + b"\n" + text if line is not None and line not in text else text)
    return texts


def outline(file: GoFile, declaration: Declaration, wanted: Collection[bytes] | None) -> bytes:
    """The declaration without what the reader of `wanted` words can spare; still Go, with the same names.

    Functions keep their signature, structs the fields that are wanted or embedded, groups the specs that
    are wanted (all of them where `iota` counts), variables their type; literals lose their elements. With
    None every field and spec is wanted.
    """
    node = file.node(declaration)
    source = file.source
    if declaration.is_function:
        if declaration.body is None:
            return source[declaration.node_start : declaration.node_end]
        return source[declaration.node_start : declaration.body[0]].rstrip() + _STUB
    if declaration.kind == "const" and _counts(source, node):
        return source[declaration.node_start : declaration.node_end]
    kept = list(specs(node)) if wanted is None else _wanted_specs(source, list(specs(node)), wanted)
    texts = [_outline_of_spec(source, spec, wanted) for spec in kept]
    keyword = declaration.kind.encode()
    if len(texts) == 1:
        return keyword + b" " + texts[0]
    return keyword + b" (\n" + b"".join(b"\t" + text + b"\n" for text in texts) + b")"


def mentioned_names(texts: Iterable[bytes]) -> set[bytes]:
    """The words of Go texts, and `T{}` for a T whose fields are given by position: all of them are wanted."""
    found: set[bytes] = set()
    for text in texts:
        found.update(_WORD.findall(text))
        found.update(name + b"{}" for name in _POSITIONAL.findall(text))
    return found


def compose(file: GoFile, parts: Collection[Part]) -> bytes:
    """A Go file of these parts in source order, with its package clause and the imports they use."""
    ordered = sorted(parts, key=lambda part: part.index)
    return header(file, used_imports(file, ordered)) + b"\n\n".join(part.text for part in ordered) + b"\n"


def header(file: GoFile, used: Collection[int]) -> bytes:
    """Build constraint, package clause and imports, as Go wants them."""
    lines = b""
    if file.build_constraint:
        lines += b"//go:build " + file.build_constraint.encode() + b"\n\n"
    lines += b"package " + (file.package or "_").encode() + b"\n\n"
    chosen = [file.imports[index] for index in sorted(used)]
    for spec in chosen:
        if spec.path == "C":
            lines += _cgo(file, spec) + b"\n\n"
    plain = [file.source[spec.start : spec.end] for spec in chosen if spec.path != "C"]
    if len(plain) == 1:
        lines += b"import " + plain[0] + b"\n\n"
    elif plain:
        lines += b"import (\n" + b"".join(b"\t" + text + b"\n" for text in plain) + b")\n\n"
    return lines


def used_imports(file: GoFile, parts: Collection[Part]) -> set[int]:
    """Imports that the parts need; those without a name to look for, by what they are there for."""
    used: set[int] = set()
    for part in parts:
        code = _COMMENT.sub(b" ", part.text) if part.form == "outline" else b""
        for index in file.declarations[part.index].imports:
            name = (file.imports[index].known_as or "").encode()
            qualifier = rb"(?<![\w\x80-\xff.])" + re.escape(name) + rb"\s*\."
            if part.form == "full" or re.search(qualifier, code):
                used.add(index)
    for index, spec in enumerate(file.imports):
        if spec.name == ".":
            if any(_needs_dot_import(file, file.declarations[part.index]) for part in parts):
                used.add(index)
        elif spec.name == "_":
            directive = {"embed": b"//go:embed", "unsafe": b"//go:linkname"}.get(spec.path)
            if directive and any(directive in part.text for part in parts):
                used.add(index)
        elif spec.known_as is None and spec.path != "C":
            used.add(index)
    return used


def keys(file: GoFile) -> list[str]:
    """A name for each declaration, the same in every run and no two alike."""
    seen: dict[str, int] = {}
    found = []
    for declaration in file.declarations:
        name = declaration.names[0] if declaration.names else declaration.kind
        name = f"{declaration.receiver}.{name}" if declaration.receiver else name
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return found


def rest_of_file(file: GoFile, shown: Collection[Part]) -> bytes:
    """A companion for a chunk that shows these parts: what it leaves out of the file, with bodies stubbed.

    Together with the chunk and the package's other files it type-checks wherever the file does.
    """
    texts = {part.index: part.text for part in shown}
    parts = []
    for index, declaration in enumerate(file.declarations):
        if index in texts:
            text = _missing_specs(file, declaration, texts[index])
        elif declaration.is_function:
            text = (
                outline(file, declaration, ())
                if (declaration.kind, declaration.names) != ("func", ("init",))
                else b""
            )
        else:
            text = file.text(declaration)
        if text:
            parts.append(Part(index, "outline", text))
    return compose(file, parts)


def _missing_specs(file: GoFile, declaration: Declaration, text: bytes) -> bytes:
    """What an outline of a group leaves out of it."""
    shown = {name for d in parse(b"package p\n" + text).declarations for name in d.names}
    if declaration.is_function or shown >= set(declaration.names):
        return b""
    missing = [
        spec for spec in specs(file.node(declaration)) if not shown & set(_spec_names(file.source, spec))
    ]
    texts = b"".join(b"\t" + file.source[spec.start_byte : spec.end_byte] + b"\n" for spec in missing)
    return declaration.kind.encode() + b" (\n" + texts + b")"


def _cgo(file: GoFile, spec: Import) -> bytes:
    start, end = next(span for span in file.import_spans if span[0] <= spec.start < span[1])
    preamble = file.source[start:end]
    if preamble.rstrip().endswith(b")"):  # import "C" within a group has its preamble there
        return preamble[: preamble.rindex(b"import")] + b'import "C"'
    return preamble


def _needs_dot_import(file: GoFile, declaration: Declaration) -> bool:
    own = {name for other in file.declarations for name in other.names if other.kind != "method"}
    return any(name[:1].isupper() and name not in own for name in free_names(file, declaration))


def _counts(source: bytes, node: Node) -> bool:
    """Whether a const group's specs depend on one another: by iota, or by repeating the one before."""
    parts = list(specs(node))
    implicit = any(part.child_by_field_name("value") is None for part in parts)
    return implicit or b"iota" in source[node.start_byte : node.end_byte]


def _wanted_specs(source: bytes, all_specs: list[Node], wanted: Collection[bytes]) -> list[Node]:
    """The specs that declare a wanted word, and those that these need in turn."""
    words = set(wanted)
    kept: set[int] = set()
    grown = True
    while grown:
        grown = False
        for index, spec in enumerate(all_specs):
            if index not in kept and any(n.encode() in words for n in _spec_names(source, spec)):
                kept.add(index)
                words.update(_WORD.findall(source, spec.start_byte, spec.end_byte))
                grown = True
    return [all_specs[index] for index in sorted(kept)] or all_specs


def _spec_names(source: bytes, spec: Node) -> list[str]:
    return [
        source[name.start_byte : name.end_byte].decode("utf-8", "replace")
        for name in spec.children_by_field_name("name")
        if name.is_named
    ]


def _outline_of_spec(source: bytes, spec: Node, wanted: Collection[bytes] | None) -> bytes:
    start, end = spec.byte_range
    kind = spec.child_by_field_name("type")
    if spec.type == "var_spec":
        return _outline_of_variable(source, spec, kind)
    if spec.type == "type_spec" and kind is not None and kind.type == "struct_type":
        name = source[start : kind.start_byte].split()[0].split(b"[")[0]
        fields = _struct(source, kind, None if name + b"{}" in (wanted or ()) else wanted)
        return source[start : kind.start_byte] + fields + source[kind.end_byte : end]
    return source[start:end]


def _outline_of_variable(source: bytes, spec: Node, kind: Node | None) -> bytes:
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


def _struct(source: bytes, struct: Node, wanted: Collection[bytes] | None) -> bytes:
    lines = []
    fields = [field for part in struct.named_children for field in part.named_children]
    left_out = 0
    for field in fields:
        if field.type != "field_declaration":
            continue
        names = [source[n.start_byte : n.end_byte] for n in field.children_by_field_name("name")]
        if names and wanted is not None and not any(name in wanted for name in names):
            left_out += 1
        else:
            lines.append(b"\t" + source[field.start_byte : field.end_byte] + b"\n")
    if left_out:
        lines.append(b"\t// fields elided\n")
    return b"struct {\n" + b"".join(lines) + b"}"
