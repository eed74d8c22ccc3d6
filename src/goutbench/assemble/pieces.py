"""What merging works on: the package, units of Go, and their declarations with the names in them."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter

from tree_sitter import Node

from goutbench.golang.syntax.file import GoFile, name_nodes, specs
from goutbench.golang.syntax.scope import ScopedName, ScopedNames, resolve

Tokens = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PackageContext:
    """The package of a focal file, without the test file that is to be assembled.

    Names are declared at top level: by the package's source files (`source_names`), by its other test files
    (`test_names`), and by the files of its `_test` package (`external_names`). `methods` are "Type.Method" of
    the package. `members` are unexported fields and methods of the package and its internal tests,
    `external_members` the fields and methods of its external tests.
    """

    package: str
    focal: bytes
    import_path: str | None = None
    source_names: frozenset[str] = frozenset()
    test_names: frozenset[str] = frozenset()
    external_names: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    external_members: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """Everything that the package itself declares, internal tests included."""
        return self.source_names | self.test_names


@dataclass(frozen=True, slots=True)
class Unit:
    """Go without syntax errors and with at most one package clause, from one block of a reply."""

    reply: int
    block: int
    file: GoFile


@dataclass(frozen=True, slots=True)
class Piece:
    """One declaration of a unit, or one spec of a group that had to be split.

    It spans the bytes `start` to `end` of the unit's source, comments included. The declaration itself starts
    at `node_start`; `keyword` goes before it ("var " for a spec). `tokens` has no comments or layout, so that
    equal declarations have equal tokens. `free` are the names in it that it does not bind itself.
    """

    unit: Unit
    kind: str
    names: tuple[str, ...]
    receiver: str
    start: int
    node_start: int
    end: int
    tokens: Tokens
    uses: tuple[ScopedName, ...]
    free: frozenset[str]
    keyword: bytes = b""

    @property
    def reply(self) -> int:
        return self.unit.reply

    @property
    def label(self) -> str:
        """The name of the piece in notes."""
        return f"{self.receiver}.{self.names[0]}" if self.receiver else ", ".join(self.names)

    @property
    def declares(self) -> frozenset[str]:
        """The names that it adds to the package block: none for a method, `init` and `_`."""
        if self.kind == "method" or self.names == ("init",):
            return frozenset()
        return frozenset(self.names) - {"_"}

    def corrects(self, earlier: "Piece") -> bool:
        """Whether a later block of the reply declares it again, in a file of the same package."""
        clauses = {self.unit.file.package, earlier.unit.file.package} - {None}
        return (
            self.unit.block != earlier.unit.block and earlier.declares <= self.declares and len(clauses) < 2
        )


def pieces_of(unit: Unit, names: ScopedNames | None = None) -> list[Piece]:
    """The declarations of a unit in order. A comment between two belongs to the one below it."""
    file = unit.file
    names = names or resolve(file)
    ends = [end for _, end in file.import_spans]
    if file.package_span is not None:
        ends.append(file.package_span[1])
    first = file.declarations[0].start if file.declarations else 0
    above = max((end for end in ends if end <= first), default=0)
    pieces = []
    for declaration in file.declarations:
        node = file.node(declaration)
        uses = _uses_within(names.uses, node)
        pieces.append(
            Piece(
                unit,
                declaration.kind,
                declaration.names,
                declaration.receiver or "",
                # imports may come between declarations in broken replies
                max([above, *(end for end in ends if end <= declaration.start)]),
                declaration.node_start,
                declaration.end,
                tokens_of(node),
                uses,
                _free_names(uses),
            )
        )
        above = declaration.end
    if pieces and not any(end > above for end in ends) and file.source[above:].strip():
        pieces[-1] = replace(pieces[-1], end=len(file.source))
    return pieces


def _uses_within(uses: tuple[ScopedName, ...], node: Node) -> tuple[ScopedName, ...]:
    first = bisect_left(uses, node.start_byte, key=attrgetter("start"))
    end = bisect_left(uses, node.end_byte, lo=first, key=attrgetter("start"))
    return uses[first:end]


def _free_names(uses: tuple[ScopedName, ...]) -> frozenset[str]:
    return frozenset(use.text for use in uses if use.binding < 0)


def tokens_of(node: Node) -> Tokens:
    """The tokens without comments, statement ends and trailing commas."""
    tokens: list[bytes] = []
    stack = [node]
    while stack:
        current = stack.pop()
        if current.type == "comment":
            continue
        if current.child_count and current.type not in ("interpreted_string_literal", "raw_string_literal"):
            stack.extend(reversed(current.children))
        elif (token := current.text or b"").strip() not in (b"", b";"):
            tokens.append(token)
    following = [*tokens[1:], b""]
    return tuple(
        token
        for token, next_token in zip(tokens, following, strict=True)
        if token != b"," or next_token not in (b")", b"}")
    )


def split_group(piece: Piece) -> list[Piece]:
    """The specs of a group as separate pieces; a group counted by `iota` stays one piece."""
    node = piece.unit.file.tree.root_node.descendant_for_byte_range(piece.node_start, piece.node_start + 1)
    while node is not None and not node.type.endswith("_declaration"):
        node = node.parent
    if node is None or piece.kind not in ("var", "const", "type") or piece.keyword:
        return [piece]
    group = list(specs(node))
    is_counted = piece.kind == "const" and (
        b"iota" in piece.tokens or any(spec.child_by_field_name("value") is None for spec in group)
    )
    if len(group) < 2 or is_counted:
        return [piece]
    return list(_spec_pieces(piece, group))


def split_conflicting_groups(pieces: list[Piece]) -> list[Piece]:
    """The pieces, with groups split into specs if a name in them is also declared differently."""
    texts: dict[str, set[Tokens]] = defaultdict(set)
    for piece in pieces:
        for name in piece.declares:
            texts[name].add(piece.tokens)
    return [
        part
        for piece in pieces
        for part in (split_group(piece) if any(len(texts[name]) > 1 for name in piece.declares) else [piece])
    ]


def _spec_pieces(piece: Piece, group: list[Node]) -> Iterator[Piece]:
    above = piece.unit.file.source.index(b"(", piece.node_start) + 1
    for spec in group:
        uses = _uses_within(piece.uses, spec)
        yield replace(
            piece,
            names=tuple((name.text or b"").decode() for name in name_nodes(spec)),
            start=above,
            node_start=spec.start_byte,
            end=spec.end_byte,
            tokens=(piece.kind.encode(), *tokens_of(spec)),
            uses=uses,
            free=_free_names(uses),
            keyword=piece.kind.encode() + b" ",
        )
        above = spec.end_byte


def render(piece: Piece, edits: dict[tuple[int, int], str], new_names: dict[str, str]) -> bytes:
    """The piece's text with the edits applied by span; the comment above also gets the piece's new names."""
    source = piece.unit.file.source
    comment = source[piece.start : piece.node_start].decode().lstrip(" \t;")
    for name in piece.names:
        if name in new_names:
            comment = re.sub(rf"\b{re.escape(name)}\b", new_names[name], comment)
    parts = [comment.encode(), piece.keyword]
    at = piece.node_start
    for (start, end), text in sorted(edits.items()):
        parts += [source[at:start], text.encode()]
        at = end
    return b"".join([*parts, source[at : piece.end]]).strip(b"\n") + b"\n"
