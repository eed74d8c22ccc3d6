"""Which declarations and imports of its file a declaration refers to, and which names it does not bind."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from tree_sitter import Node

from goutbench.golang.syntax.file import Declaration, GoFile, Import, Links
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


class Linker:
    """Finds what each declaration of one file refers to, once, when it is asked for."""

    def __init__(
        self,
        source: bytes,
        declarations: Sequence[UnlinkedDeclaration],
        nodes: Sequence[Node],
        imports: Sequence[Import],
    ) -> None:
        self._source, self._declarations, self._nodes, self._imports = source, declarations, nodes, imports
        self._links: dict[int, Links] = {}

    def links(self, index: int) -> Links:
        """What the declaration with this index refers to."""
        if index not in self._links:
            self._links[index] = self._find(index)
        return self._links[index]

    @cached_property
    def _owners(self) -> dict[bytes, list[int]]:
        """The names that the file declares, but for methods, with the indices of their declarations."""
        owners = self._declared(is_method=False)
        owners.pop(b"_", None)
        owners.pop(b"init", None)
        return owners

    @cached_property
    def _methods(self) -> dict[bytes, list[int]]:
        return self._declared(is_method=True)

    @cached_property
    def _packages(self) -> dict[bytes, list[int]]:
        """The names of the imported packages, with the indices of their imports."""
        packages: dict[bytes, list[int]] = defaultdict(list)
        for index, spec in enumerate(self._imports):
            if spec.local_name is not None:
                packages[spec.local_name.encode()].append(index)
        return packages

    @cached_property
    def _names(self) -> set[bytes]:
        return {*self._owners, *self._packages}

    def _declared(self, *, is_method: bool) -> dict[bytes, list[int]]:
        indices: dict[bytes, list[int]] = defaultdict(list)
        for index, declaration in enumerate(self._declarations):
            if (declaration.kind == "method") is is_method:
                for name in declaration.names:
                    indices[name.encode()].append(index)
        return indices

    def _find(self, index: int) -> Links:
        declaration = self._declarations[index]
        mentioned = identifiers_in(self._source, (declaration.node_start, declaration.node_end))
        own = {name for name in map(str.encode, declaration.names) if self._owners.get(name) == [index]}
        is_plain = declaration.kind != "type" and b"interface" not in mentioned
        used = self._used(self._nodes[index], (self._names & mentioned) - own, is_plain=is_plain)
        direct = {target for name in used for target in self._owners.get(name, ())}
        selected, maybe = self._selected_methods(declaration, mentioned)
        return Links(
            references=tuple(sorted((direct | selected) - {index})),
            maybe=tuple(sorted(maybe - selected - {index})),
            imports=tuple(sorted({target for name in used for target in self._packages.get(name, ())})),
        )

    def _used(self, node: Node, names: set[bytes], *, is_plain: bool) -> set[bytes]:
        """Which of the names, all mentioned in a declaration, it uses from outside itself."""
        source, span = self._source, node.byte_range
        is_plain = is_plain and source.find(b"`", *span) < 0 and source.find(b"/*", *span) < 0
        used = {name for name in names if surely_used(source, span, name)} if is_plain else set()
        doubtful = names - used
        offsets = all_occurrences(source, span, doubtful) if len(doubtful) > _MANY else {}
        for name in doubtful:
            keys = any(
                self._declarations[owner].kind in ("const", "var") for owner in self._owners.get(name, ())
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
        for name in self._methods.keys() & mentioned:
            if self._source.find(b"." + name, *span) < 0:
                continue
            selector = receiver + b"." + name
            on_receiver = receiver and next(occurrences(self._source, span, selector), None) is not None
            for index in self._methods[name]:
                if on_receiver and self._declarations[index].receiver == declaration.receiver:
                    sure.add(index)
                elif not on_receiver:
                    maybe.add(index)
        return sure, maybe
