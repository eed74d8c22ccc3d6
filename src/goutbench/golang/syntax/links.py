"""Which declarations of a file refer to which, and to which imports."""

from typing import NamedTuple

from tree_sitter import Node

from goutbench.golang.syntax.imports import Import
from goutbench.golang.syntax.references import Span, all_occurrences, occurrences, surely_used, uses, words

_MANY = 12  # names from which on one pass over a declaration is cheaper than a search for each


class Read(NamedTuple):
    """What a declaration says by itself: the fields of a `Declaration` ahead of its references."""

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
    """What a declaration refers to: the last fields of a `Declaration`."""

    references: tuple[int, ...]
    maybe: tuple[int, ...]
    imports: tuple[int, ...]


def link(
    source: bytes, declarations: list[Read], nodes: list[Node], imports: tuple[Import, ...]
) -> list[Links]:
    """What each declaration refers to, in order."""
    owners: dict[bytes, list[int]] = {}
    methods: dict[bytes, list[int]] = {}
    for index, declaration in enumerate(declarations):
        table = methods if declaration.kind == "method" else owners
        for name in declaration.names:
            table.setdefault(name.encode(), []).append(index)
    owners.pop(b"_", None)
    owners.pop(b"init", None)
    packages: dict[bytes, list[int]] = {}
    for index, spec in enumerate(imports):
        if spec.known_as is not None:
            packages.setdefault(spec.known_as.encode(), []).append(index)
    known = {*owners, *packages}
    linked = []
    for index, (declaration, node) in enumerate(zip(declarations, nodes, strict=True)):
        found = words(source, (declaration.node_start, declaration.node_end))
        own_names = {name for name in map(str.encode, declaration.names) if owners.get(name) == [index]}
        hits = (known & found) - own_names
        plain = declaration.kind != "type" and b"interface" not in found
        used = _used(source, node, hits, declarations, owners, plain=plain)
        direct = {target for name in used for target in owners.get(name, ())}
        own, maybe = _methods_selected(source, declaration, declarations, methods, found)
        linked.append(
            Links(
                tuple(sorted((direct | own) - {index})),
                tuple(sorted(maybe - own - {index})),
                tuple(sorted({target for name in used for target in packages.get(name, ())})),
            )
        )
    return linked


def _used(
    source: bytes,
    node: Node,
    hits: set[bytes],
    declarations: list[Read],
    owners: dict[bytes, list[int]],
    *,
    plain: bool,
) -> set[bytes]:
    """Which of the names that stand in a declaration it uses from outside itself."""
    span = node.byte_range
    plain = plain and source.find(b"`", *span) < 0 and source.find(b"/*", *span) < 0
    used = {name for name in hits if surely_used(source, span, name)} if plain else set()
    doubtful = hits - used
    places = all_occurrences(source, span, doubtful) if len(doubtful) > _MANY else {}
    for name in doubtful:
        keys = any(declarations[owner].kind in ("const", "var") for owner in owners.get(name, ()))
        if next(uses(source, node, name, keys=keys, places=places.get(name)), None) is not None:
            used.add(name)
    return used


def _methods_selected(
    source: bytes,
    declaration: Read,
    declarations: list[Read],
    methods: dict[bytes, list[int]],
    found: set[bytes],
) -> tuple[set[int], set[int]]:
    """Methods selected on the receiver, and those of whose receiver one cannot be sure."""
    sure: set[int] = set()
    maybe: set[int] = set()
    span = (declaration.node_start, declaration.node_end)
    receiver = (declaration.receiver_name or "").encode()
    for name in methods.keys() & found:
        if source.find(b"." + name, *span) < 0:
            continue
        on_receiver = receiver and next(occurrences(source, span, receiver + b"." + name), None) is not None
        for index in methods[name]:
            if on_receiver and declarations[index].receiver == declaration.receiver:
                sure.add(index)
            elif not on_receiver:
                maybe.add(index)
    return sure, maybe
