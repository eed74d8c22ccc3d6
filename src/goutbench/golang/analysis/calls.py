"""The calls of a Go file: what is called, and on what."""

import re
from typing import NamedTuple

from tree_sitter import Node, QueryCursor

from goutbench.golang.syntax.file import GoFile, go_query

_CALLEE = re.compile(
    rb"(?:(?:(?P<before>\.)\s*)?(?P<owner>\b[A-Za-z_\x80-\xff][\w\x80-\xff]*(?P<call>\(\))?)?\s*(?P<dot>\.)\s*)?"
    rb"(?P<name>[A-Za-z_\x80-\xff][\w\x80-\xff]*)\s*(?:\[[^\[\]]*\])?$"
)
_LONGEST = 160
"""Bytes at the end of a callee that are read."""


class CallSite(NamedTuple):
    """A call of `name`, which is selected on `owner`, the last part of what stands before the dot.

    `owner` ends in `()` if it is a call without arguments; it is "" for `name()` itself and "?" for other
    expressions. `is_plain`: the owner is a name that is not selected itself.
    """

    node: Node
    owner: str
    name: str
    is_plain: bool


def calls_of(file: GoFile) -> list[CallSite]:
    """The calls of a file in the order of their nodes, without those of function literals."""
    nodes = QueryCursor(go_query("(call_expression) @call")).captures(file.tree.root_node).get("call", ())
    ordered = sorted(nodes, key=lambda node: (node.start_byte, -node.end_byte))  # captures have no order
    return [call for node in ordered if (call := _read(file.source, node)) is not None]


def _read(source: bytes, node: Node) -> CallSite | None:
    function = node.child(0)
    if function is None:
        return None
    start, end = function.byte_range
    match = _CALLEE.search(source, max(start, end - _LONGEST), end)
    if match is None:
        return None
    name = match["name"].decode("utf-8", "replace")
    if match["dot"] is None:
        return CallSite(node, "", name, is_plain=True) if match.start() == start else None
    owner = match["owner"]
    if owner is None:
        return CallSite(node, "?", name, is_plain=False)
    is_plain = match["before"] is None and match.start("owner") == start and match["call"] is None
    return CallSite(node, owner.decode("utf-8", "replace"), name, is_plain)
