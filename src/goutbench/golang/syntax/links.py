"""Which declarations and imports of its file a declaration refers to, and which names it does not bind."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from goutbench.golang.syntax.file import Declaration, GoFile, Import
from goutbench.golang.syntax.identifiers import KEYWORDS
from goutbench.golang.syntax.references import (
    Span,
    all_occurrences,
    identifiers_in,
    occurrences,
    surely_used,
    uses,
)

_MANY = 12  # from this number of names on, one pass over a declaration is cheaper than a search per name
_KEYWORD_BYTES = frozenset(keyword.encode() for keyword in KEYWORDS)


class UnlinkedDeclaration(NamedTuple):
    """The fields of a `Declaration` before its references."""

    kind: str
    names: tuple[str, ...]
    receiver: str | None
    receiver_name: str | None
    start: int
    end: int
    node_start: int
    node_end: int
    body: Span | None


class Links(NamedTuple):
    """The targets of a declaration's references: the last fields of a `Declaration`."""

    references: tuple[int, ...]
    maybe: tuple[int, ...]
    imports: tuple[int, ...]


def link(
    source: bytes, declarations: list[UnlinkedDeclaration], nodes: list[Node], imports: tuple[Import, ...]
) -> list[Links]:
    """What each declaration refers to, in order."""
    return list(_Linker(source, declarations, imports).links(nodes))


def free_names(file: GoFile, declaration: Declaration) -> frozenset[str]:
    """Names that a declaration uses and does not bind: of the file, its package, its imports or Go itself."""
    node = file.node(declaration)
    own = {name.encode() for name in declaration.names} if declaration.kind != "method" else set()
    candidates = identifiers_in(file.source, node.byte_range) - own - _KEYWORD_BYTES - {b"_"}
    return frozenset(
        name.decode("utf-8", "replace")
        for name in candidates
        if next(uses(file.source, node, name), None) is not None
    )


class _Linker:
    """The names that the file declares and imports, each with the indices of its declarations or imports."""

    def __init__(
        self, source: bytes, declarations: list[UnlinkedDeclaration], imports: tuple[Import, ...]
    ) -> None:
        self.source = source
        self.declarations = declarations
        self.owners: dict[bytes, list[int]] = defaultdict(list)
        self.methods: dict[bytes, list[int]] = defaultdict(list)
        self.packages: dict[bytes, list[int]] = defaultdict(list)
        for index, declaration in enumerate(declarations):
            table = self.methods if declaration.kind == "method" else self.owners
            for name in declaration.names:
                table[name.encode()].append(index)
        self.owners.pop(b"_", None)
        self.owners.pop(b"init", None)
        for index, spec in enumerate(imports):
            if spec.local_name is not None:
                self.packages[spec.local_name.encode()].append(index)

    def links(self, nodes: list[Node]) -> Iterator[Links]:
        names = {*self.owners, *self.packages}
        for index, (declaration, node) in enumerate(zip(self.declarations, nodes, strict=True)):
            mentioned = identifiers_in(self.source, (declaration.node_start, declaration.node_end))
            own = {name for name in map(str.encode, declaration.names) if self.owners.get(name) == [index]}
            is_plain = declaration.kind != "type" and b"interface" not in mentioned
            used = self._used(node, (names & mentioned) - own, is_plain=is_plain)
            direct = {target for name in used for target in self.owners.get(name, ())}
            selected, maybe = self._selected_methods(declaration, mentioned)
            yield Links(
                references=tuple(sorted((direct | selected) - {index})),
                maybe=tuple(sorted(maybe - selected - {index})),
                imports=tuple(sorted({target for name in used for target in self.packages.get(name, ())})),
            )

    def _used(self, node: Node, names: set[bytes], *, is_plain: bool) -> set[bytes]:
        """Which of the names, all mentioned in a declaration, it uses from outside itself."""
        source, span = self.source, node.byte_range
        is_plain = is_plain and source.find(b"`", *span) < 0 and source.find(b"/*", *span) < 0
        used = {name for name in names if surely_used(source, span, name)} if is_plain else set()
        doubtful = names - used
        offsets = all_occurrences(source, span, doubtful) if len(doubtful) > _MANY else {}
        for name in doubtful:
            keys = any(
                self.declarations[owner].kind in ("const", "var") for owner in self.owners.get(name, ())
            )
            if next(uses(source, node, name, keys=keys, offsets=offsets.get(name)), None) is not None:
                used.add(name)
        return used

    def _selected_methods(
        self, declaration: UnlinkedDeclaration, mentioned: set[bytes]
    ) -> tuple[set[int], set[int]]:
        """Methods selected on the receiver, and those selected on a value of unknown type."""
        sure: set[int] = set()
        maybe: set[int] = set()
        span = (declaration.node_start, declaration.node_end)
        receiver = (declaration.receiver_name or "").encode()
        for name in self.methods.keys() & mentioned:
            if self.source.find(b"." + name, *span) < 0:
                continue
            selector = receiver + b"." + name
            on_receiver = receiver and next(occurrences(self.source, span, selector), None) is not None
            for index in self.methods[name]:
                if on_receiver and self.declarations[index].receiver == declaration.receiver:
                    sure.add(index)
                elif not on_receiver:
                    maybe.add(index)
        return sure, maybe
