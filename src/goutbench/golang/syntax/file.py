"""What a Go file declares and what its declarations refer to, by tree-sitter, in process.

All offsets are in bytes. Nothing here raises, whatever the bytes: broken Go gives what could be read,
and the places that could not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

from tree_sitter import Language, Node, Parser, Query, Tree

from goutbench.golang.syntax.header import KEYWORDS, build_constraint, is_generated, package_name
from goutbench.golang.syntax.imports import Import, read_imports
from goutbench.golang.syntax.links import Read, link
from goutbench.golang.syntax.references import Span, uses, words
from goutbench.golang.syntax.test_functions import test_kind

__all__ = [
    "Declaration",
    "GoFile",
    "Import",
    "SyntaxProblem",
    "TestFunction",
    "build_constraint",
    "free_names",
    "go_query",
    "is_generated",
    "package_name",
    "parse",
    "specs",
]

KINDS = {
    "function_declaration": "func",
    "method_declaration": "method",
    "type_declaration": "type",
    "const_declaration": "const",
    "var_declaration": "var",
}
_SPECS = {"type_spec", "type_alias", "const_spec", "var_spec"}
_NAME = rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*"
_RECEIVER = re.compile(rb"\(\s*(?:(" + _NAME + rb")(?:\s|/\*.*?\*/)+)?[*(\s]*(" + _NAME + rb")")
_KEYWORD_BYTES = frozenset(word.encode() for word in KEYWORDS)
_NEW = re.compile(rb"(?<![\w\x80-\xff.])new\((?!\s*(?:[\[*(<]|map\[|chan\b|func\b|struct\b|interface\b))")
_METHOD_TYPE_PARAMETERS = re.compile(
    rb"^(func\s*\([^()\n]*\)\s*" + _NAME + rb")(\[.*?\])(?=\()", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One top-level declaration; a parenthesised group of constants, variables or types is one.

    `start` and `end` take in the doc comment and a comment on the last line; `node_start` and `node_end`
    do not. `names` holds a method's own name, `receiver` the base type of its receiver, `receiver_name`
    the receiver's variable. `body` spans the braces of a function. The rest are indices, in order:
    `references` into the file's declarations, `maybe` the methods of the file whose name is selected on a
    value whose type only a type checker would know, `imports` into the file's imports.
    """

    kind: str  # "func" | "method" | "type" | "const" | "var"
    names: tuple[str, ...]
    receiver: str | None
    receiver_name: str | None
    start: int
    end: int
    node_start: int
    node_end: int
    body: Span | None
    references: tuple[int, ...] = ()
    maybe: tuple[int, ...] = ()
    imports: tuple[int, ...] = ()

    @property
    def is_function(self) -> bool:
        """A function or a method."""
        return self.kind in ("func", "method")


@dataclass(frozen=True, slots=True)
class TestFunction:
    """A function that `go test` would run from a file named `_test.go`."""

    __test__ = False  # its name is Go's word, not pytest's

    name: str
    kind: str  # "test" | "benchmark" | "example" | "fuzz"
    declaration: int


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """A stretch that the grammar could not read ("ERROR"), or the kind of token that is missing there."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class GoFile:
    """A Go file as read. It holds its syntax tree, so it does not travel between processes."""

    source: bytes
    package: str | None
    package_span: Span | None
    build_constraint: str | None
    imports: tuple[Import, ...]
    import_spans: tuple[Span, ...]
    declarations: tuple[Declaration, ...]
    tests: tuple[TestFunction, ...]
    generated: bool
    errors: tuple[SyntaxProblem, ...]
    tree: Tree = field(repr=False, compare=False)

    def text(self, declaration: Declaration) -> bytes:
        """The declaration with its comments, byte for byte."""
        return self.source[declaration.start : declaration.end]

    def pieces(self) -> list[bytes]:
        """The file in order, cut at every span: the package clause, imports, declarations, and the gaps."""
        spans = [*self.import_spans, *((d.start, d.end) for d in self.declarations)]
        if self.package_span is not None:
            spans.append(self.package_span)
        cuts = sorted({0, len(self.source), *(cut for span in spans for cut in span)})
        return [self.source[a:b] for a, b in pairwise(cuts)]

    def node(self, declaration: Declaration) -> Node:
        """The declaration's syntax node."""
        node = self.tree.root_node.descendant_for_byte_range(declaration.node_start, declaration.node_end)
        assert node is not None  # the span came from this tree
        return node


def parse(source: bytes) -> GoFile:
    """Reads a Go file; never raises, whatever the bytes."""
    tree = _tree(source)
    elements = _elements(source, tree.root_node)
    packages = [e for e in elements if e.node.type == "package_clause"][:1]
    import_elements = [e for e in elements if e.node.type == "import_declaration"]
    imports = read_imports(source, [e.node for e in import_elements])
    declaring = [e for e in elements if e.node.type in KINDS]
    read = [_read(source, e) for e in declaring]
    links = link(source, read, [e.node for e in declaring], imports)
    linked = tuple(Declaration(*fields, *targets) for fields, targets in zip(read, links, strict=True))
    return GoFile(
        source=source,
        package=package_name(source),
        package_span=packages[0].node.byte_range if packages else None,
        build_constraint=build_constraint(source),
        imports=imports,
        import_spans=tuple((e.start, e.end) for e in import_elements),
        declarations=linked,
        tests=tuple(_tests(source, linked, [e.node for e in declaring])),
        generated=is_generated(source),
        errors=tuple(_problems(tree.root_node)),
        tree=tree,
    )


def free_names(file: GoFile, declaration: Declaration) -> frozenset[str]:
    """Names used and not bound in the declaration: of the file, its package, its imports or of Go itself."""
    node = file.node(declaration)
    own = {name.encode() for name in declaration.names} if declaration.kind != "method" else set()
    found = words(file.source, node.byte_range)
    return frozenset(
        w.decode("utf-8", "replace")
        for w in found - own
        if w != b"_" and w not in _KEYWORD_BYTES and next(uses(file.source, node, w), None) is not None
    )


def _tree(source: bytes) -> Tree:
    """The tree; where it has errors, that of the same bytes without what the grammar lacks, if it has fewer.

    The grammar knows neither the type parameters of methods (Go 1.27), which are blanked out, nor
    `new` of a value (Go 1.26, or a function of that name), for which another name of that length stands in.
    """
    tree = _parser().parse(source)
    if not tree.root_node.has_error:
        return tree
    masked = _METHOD_TYPE_PARAMETERS.sub(lambda m: m[1] + b" " * len(m[2]), source)
    masked = _NEW.sub(b"nEw(", masked)
    if masked == source:
        return tree
    other = _parser().parse(masked)
    fewer = len(list(_problems(other.root_node))) < len(list(_problems(tree.root_node)))
    return other if fewer else tree


@dataclass(slots=True)
class _Element:
    """A top-level node with the comments that belong to it."""

    node: Node
    start: int
    end: int


@cache
def _language() -> Language:
    import tree_sitter_go

    return Language(tree_sitter_go.language())


@cache
def _parser() -> Parser:
    return Parser(_language())


@cache
def go_query(pattern: str) -> Query:
    """A tree-sitter query over Go, compiled once."""
    return Query(_language(), pattern)


def _elements(source: bytes, root: Node) -> list[_Element]:
    """Top-level nodes with their doc comments (no blank line between) and a comment on their last line."""
    elements: list[_Element] = []
    doc: Span | None = None
    for node in _top_level(root):
        start, end = node.byte_range
        if node.type == "comment":
            if doc is None and elements and source.find(b"\n", elements[-1].end, start) < 0:
                elements[-1].end = end
            else:
                doc = (doc[0] if doc is not None and _adjacent(source, doc[1], start) else start, end)
        elif node.is_named:
            documented = doc is not None and _adjacent(source, doc[1], start)
            elements.append(_Element(node, doc[0] if doc is not None and documented else start, end))
            doc = None
    return elements


def _top_level(root: Node) -> Iterator[Node]:
    for node in root.children:
        if node.type == "ERROR":
            yield from _top_level(node)  # a parser that has lost its way still finds whole declarations
        else:
            yield node


def _adjacent(source: bytes, end: int, start: int) -> bool:
    return source.count(b"\n", end, start) <= 1


def _read(source: bytes, element: _Element) -> Read:
    node = element.node
    kind = KINDS[node.type]
    start, end = node.byte_range
    receiver = receiver_name = None
    if kind == "method" and (found := _RECEIVER.match(source, _field_start(node, "receiver"))):
        receiver_name, receiver = _text(found[1] or b"") or None, _text(found[2])
    body = node.child_by_field_name("body") if kind in ("func", "method") else None
    braces = body.byte_range if body is not None else None
    names = tuple(_names(source, node))
    return Read(kind, names, receiver, receiver_name, element.start, element.end, start, end, braces)


def _names(source: bytes, node: Node) -> Iterator[str]:
    if node.type in ("function_declaration", "method_declaration"):
        if (name := node.child_by_field_name("name")) is not None:
            yield _text(source[name.start_byte : name.end_byte])
    else:
        for spec in specs(node):
            for name in spec.children_by_field_name("name"):
                if name.is_named:  # the grammar gives a comma between names the same field
                    yield _text(source[name.start_byte : name.end_byte])


def specs(node: Node) -> Iterator[Node]:
    """The specs of a type, const or var declaration, in order."""
    for child in node.named_children:
        if child.type in _SPECS:
            yield child
        elif child.type == "var_spec_list":
            yield from specs(child)


def _tests(source: bytes, declarations: tuple[Declaration, ...], nodes: list[Node]) -> Iterator[TestFunction]:
    for index, (declaration, node) in enumerate(zip(declarations, nodes, strict=True)):
        kind = test_kind(source, declaration.names[0], node) if declaration.kind == "func" else None
        if kind is not None:
            yield TestFunction(declaration.names[0], kind, index)


def _problems(node: Node) -> Iterator[SyntaxProblem]:
    if node.is_error or node.is_missing:
        yield SyntaxProblem(node.type, node.start_byte, node.end_byte)
    elif node.has_error:
        for child in node.children:
            yield from _problems(child)


def _field_start(node: Node, name: str) -> int:
    found = node.child_by_field_name(name)
    return found.start_byte if found is not None else node.start_byte


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")
