"""Which declarations of a file refer to which, and to which imports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tree_sitter import Node

from goutbench.golang.imports import Import
from goutbench.golang.references import occurrences, uses, words

if TYPE_CHECKING:
    from goutbench.golang.syntax import Declaration


def link(
    source: bytes, declarations: list[Declaration], nodes: list[Node], imports: tuple[Import, ...]
) -> tuple[Declaration, ...]:
    """Fills in what each declaration refers to."""
    owners: dict[bytes, list[int]] = {}
    methods: dict[bytes, list[int]] = {}
    for index, declaration in enumerate(declarations):
        table = methods if declaration.kind == "method" else owners
        prefix = "." if declaration.kind == "method" else ""
        for name in declaration.names:
            table.setdefault((prefix + name).encode(), []).append(index)
    owners.pop(b"_", None)
    owners.pop(b"init", None)
    packages: dict[bytes, list[int]] = {}
    for index, spec in enumerate(imports):
        if spec.known_as is not None:
            packages.setdefault(spec.known_as.encode(), []).append(index)
    known = owners.keys() | packages.keys()
    linked = []
    for index, (declaration, node) in enumerate(zip(declarations, nodes, strict=True)):
        found = words(source, (declaration.node_start, declaration.node_end))
        used = [w for w in known & found if _refers(source, node, w, declarations, owners)]
        direct = {target for name in used for target in owners.get(name, ())}
        own, maybe = _methods_selected(source, declaration, declarations, methods, found)
        linked.append(
            replace(
                declaration,
                references=tuple(sorted((direct | own) - {index})),
                maybe=tuple(sorted(maybe - own - {index})),
                imports=tuple(sorted({target for name in used for target in packages.get(name, ())})),
            )
        )
    return tuple(linked)


def _refers(
    source: bytes, node: Node, name: bytes, declarations: list[Declaration], owners: dict[bytes, list[int]]
) -> bool:
    keys = any(declarations[owner].kind in ("const", "var") for owner in owners.get(name, ()))
    return next(uses(source, node, name, keys=keys), None) is not None


def _methods_selected(
    source: bytes,
    declaration: Declaration,
    declarations: list[Declaration],
    methods: dict[bytes, list[int]],
    found: set[bytes],
) -> tuple[set[int], set[int]]:
    """Methods selected on the receiver, and those of whose receiver one cannot be sure."""
    sure: set[int] = set()
    maybe: set[int] = set()
    span = (declaration.node_start, declaration.node_end)
    receiver = (declaration.receiver_name or "").encode()
    for name in methods.keys() & found:
        on_receiver = receiver and next(occurrences(source, span, receiver + name), None) is not None
        for index in methods[name]:
            if on_receiver and declarations[index].receiver == declaration.receiver:
                sure.add(index)
            elif not on_receiver:
                maybe.add(index)
    return sure, maybe
