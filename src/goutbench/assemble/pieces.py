"""Top-level declarations as they are merged: each a piece with its tokens and the names in it."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter

from tree_sitter import Node

from goutbench.assemble.extract import Unit
from goutbench.golang.syntax.file import Declaration, specs
from goutbench.golang.syntax.scope import Name, Names, resolve

Tokens = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """One declaration of a unit, or one spec of a group that had to be taken apart.

    Bytes `start` to `end` of the unit's source, comments included; the declaration proper begins at
    `node_start`, where `keyword` is put in ("var " for a spec). `tokens` leaves out comments and layout, so
    that equal declarations have equal tokens. `free` are the names in it that it does not bind itself.
    """

    unit: Unit
    kind: str
    names: tuple[str, ...]
    receiver: str
    start: int
    node_start: int
    end: int
    tokens: Tokens
    uses: tuple[Name, ...]
    free: frozenset[str]
    keyword: bytes = b""

    @property
    def reply(self) -> int:
        return self.unit.reply

    @property
    def label(self) -> str:
        """How notes call it."""
        return f"{self.receiver}.{self.names[0]}" if self.receiver else ", ".join(self.names)

    @property
    def declares(self) -> frozenset[str]:
        """The names it puts into the package block: none for a method, `init` and `_`."""
        if self.kind == "method" or self.names == ("init",):
            return frozenset()
        return frozenset(self.names) - {"_"}


def pieces_of(unit: Unit, names: Names | None = None) -> list[Piece]:
    """The declarations of a unit in order; a comment between two goes with the one below it."""
    file = unit.file
    names = names or resolve(file.tree.root_node)
    ends = [end for _, end in file.import_spans]
    if file.package_span is not None:
        ends.append(file.package_span[1])
    above = max((end for end in ends if end <= _first(file.declarations)), default=0)
    pieces = []
    for declaration in file.declarations:
        # imports may stand between declarations in broken replies
        start = max([above, *(end for end in ends if end <= declaration.start)])
        pieces.append(_piece(unit, declaration, start, names))
        above = declaration.end
    if pieces and not any(end > above for end in ends) and file.source[above:].strip():
        pieces[-1] = replace(pieces[-1], end=len(file.source))
    return pieces


def _first(declarations: tuple[Declaration, ...]) -> int:
    return declarations[0].start if declarations else 0


def _piece(unit: Unit, declaration: Declaration, start: int, names: Names) -> Piece:
    node = unit.file.node(declaration)
    uses = _within(names.uses, node)
    return Piece(
        unit,
        declaration.kind,
        declaration.names,
        declaration.receiver or "",
        start,
        declaration.node_start,
        declaration.end,
        tokens_of(node),
        uses,
        _free(uses),
    )


def _within(uses: tuple[Name, ...], node: Node) -> tuple[Name, ...]:
    first = bisect_left(uses, node.start_byte, key=attrgetter("start"))
    behind = bisect_left(uses, node.end_byte, lo=first, key=attrgetter("start"))
    return uses[first:behind]


def _free(uses: tuple[Name, ...]) -> frozenset[str]:
    return frozenset(use.text for use in uses if use.binding < 0)


def tokens_of(node: Node) -> Tokens:
    """The leaves without comments, statement ends and trailing commas."""
    words = [word for leaf in _leaves(node) if (word := leaf.text or b"").strip() not in (b"", b";")]
    after = [*words[1:], b""]
    return tuple(
        word
        for word, next_word in zip(words, after, strict=True)
        if word != b"," or next_word not in (b")", b"}")
    )


def _leaves(node: Node) -> Iterator[Node]:
    stack = [node]
    while stack:
        at = stack.pop()
        if at.type == "comment":
            continue
        if at.child_count == 0 or at.type in ("interpreted_string_literal", "raw_string_literal"):
            yield at
        else:
            stack.extend(reversed(at.children))


def split_group(piece: Piece) -> list[Piece]:
    """The specs of a group as pieces of their own; a group counted by `iota` cannot be taken apart."""
    node = piece.unit.file.tree.root_node.descendant_for_byte_range(piece.node_start, piece.node_start + 1)
    while node is not None and not node.type.endswith("_declaration"):
        node = node.parent
    if node is None or piece.kind not in ("var", "const", "type") or piece.keyword:
        return [piece]
    found = list(specs(node))
    counted = piece.kind == "const" and (
        b"iota" in piece.tokens or any(spec.child_by_field_name("value") is None for spec in found)
    )
    if len(found) < 2 or counted:
        return [piece]
    return list(_spec_pieces(piece, found))


def _spec_pieces(piece: Piece, found: list[Node]) -> Iterator[Piece]:
    source = piece.unit.file.source
    above = source.index(b"(", piece.node_start) + 1
    for spec in found:
        names = tuple(
            (name.text or b"").decode() for name in spec.children_by_field_name("name") if name.is_named
        )
        uses = _within(piece.uses, spec)
        yield replace(
            piece,
            names=names,
            start=above,
            node_start=spec.start_byte,
            end=spec.end_byte,
            tokens=(piece.kind.encode(), *tokens_of(spec)),
            uses=uses,
            free=_free(uses),
            keyword=piece.kind.encode() + b" ",
        )
        above = spec.end_byte


def render(piece: Piece, edits: dict[tuple[int, int], str], renamed: dict[str, str]) -> bytes:
    """The piece's text with bytes replaced by span; its own new names also in its comment above."""
    source = piece.unit.file.source
    comment = source[piece.start : piece.node_start].decode().lstrip(" \t;")
    for name in piece.names:
        if name in renamed:
            comment = re.sub(rf"\b{re.escape(name)}\b", renamed[name], comment)
    parts = [comment.encode(), piece.keyword]
    at = piece.node_start
    for (start, end), text in sorted(edits.items()):
        parts += [source[at:start], text.encode()]
        at = end
    return b"".join([*parts, source[at : piece.end]]).strip(b"\n") + b"\n"
