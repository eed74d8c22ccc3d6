"""Resolves every identifier of a Go file by scope: which ones are free, so that a merge can rename them.

This applies Go's scope rules (The Go Programming Language Specification, "Declarations and scope") to the
tree of tree-sitter. Fields, methods, labels and struct literal keys are never looked up by scope, so they are
no `ScopedName`. Where only types decide, a syntactic rule does: `k` in `T{k: v}` of another package's type is
a field.

`references.py` finds the uses of one name; this module resolves all names of a file at once, including local
ones, which renaming needs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tree_sitter import Node

from goutbench.golang.syntax.file import GoFile, name_nodes, node_text

FREE = -1
"""The binding of a name that no function declares: it belongs to the file, the package or the universe."""


@dataclass(frozen=True, slots=True)
class ScopedName:
    """One occurrence of a scoped identifier: bytes `start` to `end`, the local `binding` it means or FREE.

    For `x.Sel`, `member` is "Sel" and `member_start` its first byte; `captured` is the local binding that a
    bare `Sel` would refer to at this position (FREE: none), which decides whether the qualifier can be
    removed.
    """

    text: str
    start: int
    end: int
    binding: int = FREE
    member: str = ""
    member_start: int = 0
    captured: int = FREE


@dataclass(frozen=True, slots=True)
class ScopedNames:
    """Every scoped identifier in source order, the fields and methods declared, and those used."""

    uses: tuple[ScopedName, ...]
    members: frozenset[str]
    selected: frozenset[str]


def resolve(file: GoFile) -> ScopedNames:
    """The names of one parsed file; a name that the file declares at top level is FREE, too."""
    walk = _Walk(file)
    walk.run()
    return ScopedNames(
        tuple(sorted(walk.uses, key=lambda use: use.start)), frozenset(walk.members), frozenset(walk.selected)
    )


_Step = Node | Callable[[], None]

_SCOPED = frozenset(
    {"block", "if_statement", "for_statement", "expression_switch_statement", "type_switch_statement"}
    | {"select_statement", "expression_case", "type_case", "default_case", "communication_case"}
)
_FUNCTIONS = frozenset(
    {"function_declaration", "method_declaration", "func_literal", "function_type", "method_elem"}
)
_LISTS = frozenset({"slice_type", "array_type", "implicit_length_array_type"})
_SKIPPED = frozenset({"import_declaration", "package_clause", "comment", "field_identifier", "label_name"})


class _Walk:
    """Depth-first with an explicit stack, since long chains of calls outgrow Python's recursion limit."""

    def __init__(self, file: GoFile) -> None:
        self.source = file.source
        root = file.tree.root_node
        self.stack: list[_Step] = [root]
        self.scopes: list[dict[str, int]] = []
        self.bindings = 0
        self.uses: list[ScopedName] = []
        self.members: set[str] = set()
        self.selected: set[str] = set()
        self.types = dict(self.named_types(root))

    def run(self) -> None:
        while self.stack:
            step = self.stack.pop()
            if isinstance(step, Node):
                self.visit(step)
            else:
                step()

    def push(self, *steps: _Step | None) -> None:
        self.stack.extend(step for step in reversed(steps) if step is not None)

    def enter(self) -> None:
        self.scopes.append({})

    def leave(self) -> None:
        self.scopes.pop()

    def lookup(self, text: str) -> int:
        for scope in reversed(self.scopes):
            if text in scope:
                return scope[text]
        return FREE

    def text(self, node: Node) -> str:
        """A name as the source has it; `_` may stand in the tree for what is masked."""
        return "_" if node.text == b"_" else node_text(self.source, node)

    def use(self, node: Node) -> None:
        text = self.text(node)
        if text != "_":
            self.uses.append(ScopedName(text, node.start_byte, node.end_byte, self.lookup(text)))

    def bind(self, nodes: list[Node]) -> None:
        """Declares in the innermost scope (none at top level); a redeclaration keeps its binding."""
        for node in nodes:
            text = self.text(node)
            if self.scopes and text != "_" and text not in self.scopes[-1]:
                self.scopes[-1][text] = self.bindings
                self.bindings += 1
            self.use(node)

    def visit(self, node: Node) -> None:
        kind = node.type
        if kind in ("identifier", "type_identifier"):
            self.use(node)
        elif kind in ("selector_expression", "qualified_type"):
            self.qualified(node)
        elif kind in _SKIPPED:
            pass
        elif kind in _FUNCTIONS:
            self.function(node)
        elif kind in _SCOPED:
            self.push(self.enter, *self.scoped(node), self.leave)
        elif kind in ("short_var_declaration", "range_clause", "receive_statement"):
            self.push(node.child_by_field_name("right"), *self.assigned(node))
        elif kind in ("var_spec", "const_spec"):
            names = name_nodes(node)
            values = [child for child in node.named_children if child not in names]
            self.push(*values, lambda: self.bind(names))
        elif kind in ("type_spec", "type_alias"):
            self.type_spec(node)
        elif kind == "type_parameter_list":
            self.type_parameters(node)
        elif kind == "composite_literal":
            self.literal(node)
        elif kind == "field_declaration":
            self.members.update(_text(name) for name in name_nodes(node))
            self.push(node.child_by_field_name("type"))
        else:
            self.push(*node.named_children)

    def scoped(self, node: Node) -> list[_Step]:
        """The parts of a scope in the order in which they bind: in `switch v := x.(type)`, `v` after `x`."""
        alias = node.child_by_field_name("alias") if node.type == "type_switch_statement" else None
        value = node.child_by_field_name("value")
        names = _identifiers(alias) if alias is not None else []
        steps: list[_Step] = []
        for child in node.named_children:
            if child != alias:
                steps.append(child)
            if alias is not None and child == value:
                steps.append(lambda: self.bind(names))
        return steps

    def assigned(self, node: Node) -> list[_Step]:
        """The left side of `:=`, or of a `range` or receive, which can also use `=`."""
        targets = node.child_by_field_name("left")
        if targets is None:
            return []
        if any(child.type == ":=" for child in node.children):
            names = _identifiers(targets)
            return [lambda: self.bind(names)]
        return [targets]

    def qualified(self, node: Node) -> None:
        is_type = node.type == "qualified_type"
        operand = node.child_by_field_name("package" if is_type else "operand")
        field = node.child_by_field_name("name" if is_type else "field")
        if operand is None or field is None:
            return
        member = _text(field)
        self.selected.add(member)
        if operand.type not in ("identifier", "package_identifier"):
            self.push(operand)
            return
        text = _text(operand)
        binding = self.lookup(text)
        self.uses.append(
            ScopedName(
                text,
                operand.start_byte,
                operand.end_byte,
                binding,
                member,
                field.start_byte,
                self.lookup(member),
            )
        )

    def function(self, node: Node) -> None:
        """Resolves types in the outer scope: `func f(url string) *url.URL` returns a type of package url."""
        name = node.child_by_field_name("name")
        if name is not None and name.type == "field_identifier":
            self.members.add(_text(name))
        fields = ("receiver", "parameters", "result")
        parts = [part for field in fields if (part := node.child_by_field_name(field)) is not None]
        parameters = [
            parameter for part in parts if part.type == "parameter_list" for parameter in part.named_children
        ]
        types: list[Node | None] = [parameter.child_by_field_name("type") for parameter in parameters]
        types += [part for part in parts if part.type != "parameter_list"]
        names = [name for parameter in parameters for name in name_nodes(parameter)]
        receiver = node.child_by_field_name("receiver")
        generic = list(self.receiver_parameters(receiver)) if receiver is not None else []
        self.push(
            name if node.type == "function_declaration" else None,
            self.enter,
            lambda: self.bind(generic),
            node.child_by_field_name("type_parameters"),
            *types,
            lambda: self.bind(names),
            node.child_by_field_name("body"),
            self.leave,
        )

    def type_spec(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        self.push(
            (lambda: self.bind([name])) if name is not None else None,
            self.enter,
            node.child_by_field_name("type_parameters"),
            node.child_by_field_name("type"),
            self.leave,
        )

    def type_parameters(self, node: Node) -> None:
        """All are in scope in every constraint: `[S ~[]E, E any]`."""
        names = [name for parameter in node.named_children for name in name_nodes(parameter)]
        types = [parameter.child_by_field_name("type") for parameter in node.named_children]
        self.push(lambda: self.bind(names), *types)

    def literal(self, node: Node) -> None:
        kind, body = node.child_by_field_name("type"), node.child_by_field_name("body")
        self.push(kind, (lambda: self.push_literal(body, kind)) if body is not None else None)

    def push_literal(self, body: Node, kind: Node | None) -> None:
        """Walks `{…}`: keys of maps and lists are expressions, those of structs and unknown types fields."""
        under = self.underlying(kind)
        is_map = under is not None and under.type == "map_type"
        is_list = under is not None and under.type in _LISTS
        key_kind = under.child_by_field_name("key") if under is not None and is_map else None
        item_kind = (
            under.child_by_field_name("value" if is_map else "element")
            if under and (is_map or is_list)
            else None
        )
        for element in reversed(body.named_children):
            if element.type == "keyed_element":
                key, value = element.child_by_field_name("key"), element.child_by_field_name("value")
                self.push_element(value, item_kind)
                inner = key.named_children[0] if key is not None and key.named_children else None
                if inner is not None and inner.type == "identifier" and not (is_map or is_list):
                    self.selected.add(_text(inner))
                else:
                    self.push_element(key, key_kind)
            else:
                self.push_element(element, item_kind)

    def push_element(self, element: Node | None, kind: Node | None) -> None:
        inner = element.named_children[0] if element is not None and element.named_children else None
        if inner is not None and inner.type == "literal_value":
            self.push(lambda: self.push_literal(inner, kind))
        else:
            self.push(element)

    def underlying(self, kind: Node | None) -> Node | None:
        """The type literal that a name of this file refers to; the pointer of an elided `&T` is ignored."""
        for _ in range(8):
            if kind is None:
                return None
            if kind.type in ("pointer_type", "parenthesized_type"):
                kind = kind.named_children[0]
            elif kind.type == "generic_type":
                kind = kind.child_by_field_name("type")
            elif kind.type == "type_identifier":
                kind = self.types.get(_text(kind))
            else:
                return kind
        return None

    @staticmethod
    def named_types(root: Node) -> Iterator[tuple[str, Node]]:
        """Name and type of every type declaration of the file, including those in functions."""
        stack = [root]
        while stack:
            node = stack.pop()
            if node.type in ("type_spec", "type_alias"):
                name, kind = node.child_by_field_name("name"), node.child_by_field_name("type")
                if name is not None and kind is not None:
                    yield _text(name), kind
            stack.extend(node.named_children)

    @staticmethod
    def receiver_parameters(receiver: Node) -> Iterator[Node]:
        """`T` of `func (s *Stack[T])`, which the receiver declares."""
        stack = list(receiver.named_children)
        while stack:
            node = stack.pop()
            if node.type == "type_arguments":
                for element in node.named_children:
                    yield from (child for child in element.named_children if child.type == "type_identifier")
            else:
                stack.extend(node.named_children)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _identifiers(node: Node) -> list[Node]:
    """The plain names of an expression list; `x.y` and `a[i]` on the left of `:=` declare nothing."""
    return [node] if node.type == "identifier" else [c for c in node.named_children if c.type == "identifier"]
