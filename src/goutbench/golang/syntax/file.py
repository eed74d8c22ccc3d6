"""A Go file as parsed: its declarations, imports and tests, and queries over its syntax tree.

All offsets and spans (start, end) are in bytes. `parser.parse` creates a `GoFile`; nothing here reads or
parses a file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from tree_sitter import Language, Node, Query, Tree

_SPECS = {"type_spec", "type_alias", "const_spec", "var_spec"}


@dataclass(frozen=True, slots=True)
class Import:
    """One import spec. `start` and `end` span the spec; `local_name` is what the file calls the package.

    An import without an alias introduces the name in the imported package's own clause, which is in another
    file. `local_name` then is inferred from the path and from the names this file uses; None where neither
    decides.
    """

    name: str | None  # an alias, "." or "_"; None when there is none
    path: str  # unquoted
    start: int
    end: int
    local_name: str | None


class Links(NamedTuple):
    """What a declaration refers to, as sorted indices.

    `references` are into the file's declarations, `maybe` the methods of the file whose name is selected on a
    value of a type that only a type checker can determine, `imports` into the file's imports.
    """

    references: tuple[int, ...]
    maybe: tuple[int, ...]
    imports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Declaration:
    """One top-level declaration; a parenthesised group of constants, variables or types is one.

    `start` and `end` include the doc comment and a comment on the last line; `node_start` and `node_end` do
    not. `names` holds a method's own name, `receiver` the base type of its receiver, `receiver_name` the
    receiver's variable. `body` spans the braces of a function. The links are found when one is first asked
    for: many readers of a file need none, and finding them costs as much as parsing.
    """

    kind: str  # "func" | "method" | "type" | "const" | "var"
    names: tuple[str, ...]
    receiver: str | None
    receiver_name: str | None
    start: int
    end: int
    node_start: int
    node_end: int
    body: tuple[int, int] | None
    find_links: Callable[[], Links] = field(repr=False, compare=False)

    @property
    def references(self) -> tuple[int, ...]:
        """The declarations that this one refers to."""
        return self.find_links().references

    @property
    def maybe(self) -> tuple[int, ...]:
        """The methods that this declaration may refer to."""
        return self.find_links().maybe

    @property
    def imports(self) -> tuple[int, ...]:
        """The imports that this declaration uses."""
        return self.find_links().imports

    @property
    def is_function(self) -> bool:
        """Whether this is a function or a method."""
        return self.kind in ("func", "method")


@dataclass(frozen=True, slots=True)
class TestFunction:
    """A function that `go test` runs from a file named `_test.go`."""

    __test__ = False  # pytest must not collect it

    name: str
    kind: str  # "test" | "benchmark" | "example" | "fuzz"
    declaration: int


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """Bytes that the grammar cannot parse ("ERROR"), or the kind of token that is missing at `start`."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class GoFile:
    """A parsed Go file. It holds its syntax tree, so it cannot be pickled."""

    source: bytes
    package: str | None
    package_span: tuple[int, int] | None
    build_constraint: str | None
    imports: tuple[Import, ...]
    import_spans: tuple[tuple[int, int], ...]
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

    def top_level_names(self) -> set[str]:
        """The names that the file declares in its package: all but methods."""
        return {name for d in self.declarations if d.kind != "method" for name in d.names}


def declaration_keys(file: GoFile) -> list[str]:
    """A unique, reproducible name for each declaration: `Name`, `Type.Method`, `Name#2` for a second one."""
    counts: dict[str, int] = {}
    keys = []
    for declaration in file.declarations:
        name = declaration.names[0] if declaration.names else declaration.kind
        name = f"{declaration.receiver}.{name}" if declaration.receiver else name
        counts[name] = counts.get(name, 0) + 1
        keys.append(name if counts[name] == 1 else f"{name}#{counts[name]}")
    return keys


# ── the syntax tree ───────────────────────────────────────────────────────────────────────────────


@cache
def language() -> Language:
    """tree-sitter's grammar of Go."""
    import tree_sitter_go

    return Language(tree_sitter_go.language())


@cache
def go_query(pattern: str) -> Query:
    """A tree-sitter query over Go, compiled once."""
    return Query(language(), pattern)


def line_and_column(source: bytes, offset: int) -> tuple[int, int]:
    """The line and column of an offset, from 1, columns in bytes, as Go counts them."""
    return source.count(b"\n", 0, offset) + 1, offset - source.rfind(b"\n", 0, offset)


def node_text(source: bytes, node: Node) -> str:
    """A node's text in the source, which its tree may have been parsed from with stretches masked."""
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def specs(node: Node) -> Iterator[Node]:
    """The specs of a type, const or var declaration, in order."""
    for child in node.named_children:
        if child.type in _SPECS:
            yield child
        elif child.type == "var_spec_list":
            yield from specs(child)


def name_nodes(node: Node) -> list[Node]:
    """The names that a spec, field or parameter declares.

    The grammar puts the commas between them into the same field.
    """
    return [child for child in node.children_by_field_name("name") if child.is_named]
