"""Parses a Go file with tree-sitter, in process.

Nothing here raises, whatever the bytes: of broken Go, `parse` returns the declarations that it can read, and
the spans that it cannot.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, partial

from tree_sitter import Node, Parser, Tree

from goutbench.golang.syntax.file import (
    Declaration,
    GoFile,
    SyntaxProblem,
    TestFunction,
    language,
    name_nodes,
    node_text,
    specs,
)
from goutbench.golang.syntax.grammar.bodies import blank_bodies
from goutbench.golang.syntax.grammar.masking import masked
from goutbench.golang.syntax.header import build_constraint, is_generated, package_name
from goutbench.golang.syntax.imports import read_imports
from goutbench.golang.syntax.links import Linker, UnlinkedDeclaration
from goutbench.golang.syntax.references import Span
from goutbench.golang.syntax.test_functions import test_kind

_KINDS = {
    "function_declaration": "func",
    "method_declaration": "method",
    "type_declaration": "type",
    "const_declaration": "const",
    "var_declaration": "var",
}
_NAME = rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*"
_RECEIVER = re.compile(rb"\(\s*(?:(" + _NAME + rb")(?:\s|/\*.*?\*/)+)?[*(\s]*(" + _NAME + rb")")


def parse(source: bytes) -> GoFile:
    """Parses a Go file; never raises, whatever the bytes."""
    return _read_file(source, _parse_tree(source))


def parse_declarations(source: bytes, *, keep: Collection[bytes] = ()) -> GoFile:
    """Parses what a Go file declares, several times as fast as `parse`.

    Function bodies in gofmt's layout are not parsed: their text is in the file, but not in its tree, and the
    links of declarations miss what bodies use. Bodies that contain one of `keep` are parsed.
    """
    tree = _parser().parse(blank_bodies(source, keep))
    return parse(source) if tree.root_node.has_error else _read_file(source, tree)


def _read_file(source: bytes, tree: Tree) -> GoFile:
    elements = _top_level_elements(source, tree.root_node)
    packages = [e for e in elements if e.node.type == "package_clause"][:1]
    import_elements = [e for e in elements if e.node.type == "import_declaration"]
    imports = read_imports(source, [e.node for e in import_elements])
    declaring = [e for e in elements if e.node.type in _KINDS]
    unlinked = [e.declaration(source) for e in declaring]
    linker = Linker(source, unlinked, [e.node for e in declaring], imports)
    declarations = tuple(
        Declaration(*fields, partial(linker.links, index)) for index, fields in enumerate(unlinked)
    )
    tests = [
        TestFunction(declaration.names[0], kind, index)
        for index, (declaration, element) in enumerate(zip(declarations, declaring, strict=True))
        if declaration.kind == "func" and (kind := test_kind(source, declaration.names[0], element.node))
    ]
    return GoFile(
        source=source,
        package=package_name(source),
        package_span=packages[0].node.byte_range if packages else None,
        build_constraint=build_constraint(source),
        imports=imports,
        import_spans=tuple((e.start, e.end) for e in import_elements),
        declarations=declarations,
        tests=tuple(tests),
        generated=is_generated(source),
        errors=tuple(_syntax_problems(tree.root_node)),
        tree=tree,
    )


@cache
def _parser() -> Parser:
    return Parser(language())


def _parse_tree(source: bytes) -> Tree:
    """The syntax tree; where it has errors, that of the masked source if it has fewer."""
    tree = _parser().parse(source)
    if not tree.root_node.has_error:
        return tree
    copy = masked(source, lambda text: not _parser().parse(text).root_node.has_error)
    if copy == source:
        return tree
    masked_tree = _parser().parse(copy)
    problems, masked_problems = (len(list(_syntax_problems(t.root_node))) for t in (tree, masked_tree))
    return masked_tree if masked_problems < problems else tree


@dataclass(slots=True)
class _Element:
    """A top-level node with the comments that belong to it."""

    node: Node
    start: int
    end: int

    def declaration(self, source: bytes) -> UnlinkedDeclaration:
        """What the node declares."""
        node, kind = self.node, _KINDS[self.node.type]
        receiver = receiver_name = None
        if kind == "method":
            parameters = node.child_by_field_name("receiver") or node
            if match := _RECEIVER.match(source, parameters.start_byte):
                receiver = match[2].decode("utf-8", "replace")
                receiver_name = (match[1] or b"").decode("utf-8", "replace") or None
        if kind in ("func", "method"):
            body = node.child_by_field_name("body")
            names = [node.child_by_field_name("name")]
        else:
            body = None
            names = [name for spec in specs(node) for name in name_nodes(spec)]
        return UnlinkedDeclaration(
            kind=kind,
            names=tuple(node_text(source, name) for name in names if name is not None),
            receiver=receiver,
            receiver_name=receiver_name,
            start=self.start,
            end=self.end,
            node_start=node.start_byte,
            node_end=node.end_byte,
            body=body.byte_range if body is not None else None,
        )


def _top_level_elements(source: bytes, root: Node) -> list[_Element]:
    """Top-level nodes with their doc comments (no blank line between) and a comment on their last line."""
    elements: list[_Element] = []
    doc: Span | None = None
    for node in _top_level_nodes(root):
        start, end = node.byte_range
        doc_is_adjacent = doc is not None and source.count(b"\n", doc[1], start) <= 1
        if node.type == "comment":
            if doc is None and elements and source.find(b"\n", elements[-1].end, start) < 0:
                elements[-1].end = end
            else:
                doc = (doc[0] if doc is not None and doc_is_adjacent else start, end)
        elif node.is_named:
            elements.append(_Element(node, doc[0] if doc is not None and doc_is_adjacent else start, end))
            doc = None
    return elements


def _top_level_nodes(root: Node) -> Iterator[Node]:
    for node in root.children:
        if node.type == "ERROR":
            yield from _top_level_nodes(node)  # complete declarations, inside a stretch with an error
        else:
            yield node


def _syntax_problems(node: Node) -> Iterator[SyntaxProblem]:
    if node.is_error or node.is_missing:
        yield SyntaxProblem(node.type, node.start_byte, node.end_byte)
    elif node.has_error:
        for child in node.children:
            yield from _syntax_problems(child)
