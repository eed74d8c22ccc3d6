"""Which declarations of several replies are kept, and under which names.

Each reply is a namespace of its own, since a model wrote it knowing nothing of the others. Equal declarations
are kept once, when what they refer to is the same as well; different ones of one name get a new name.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from goutbench.assemble.pieces import Piece, Tokens, split_group
from goutbench.golang.syntax.predeclared import PREDECLARED, FreshNames
from goutbench.records import Note


@dataclass(frozen=True, slots=True)
class Kept:
    """A piece that goes into the file, and the new names of what it declares or refers to."""

    piece: Piece
    renamed: dict[str, str]


@dataclass(slots=True)
class _Variant:
    """One declaration of a name in the merged file."""

    final: str
    reply: int
    tokens: Tokens
    refers: dict[str, str] = field(default_factory=dict)  # name in its reply -> final name
    methods: dict[str, Tokens] = field(default_factory=dict)


def settle_names(
    pieces: list[Piece], taken: frozenset[str], methods: frozenset[str], fresh: FreshNames
) -> tuple[list[Kept], list[Note]]:
    """Folds, renames and drops, reply by reply. `taken` and `methods` ("T.m") are the package's own."""
    notes: list[Note] = []
    pieces = list(_take_apart(pieces))
    variants: dict[str, list[_Variant]] = defaultdict(list)
    kept: list[Kept] = []
    by_reply: dict[int, list[Piece]] = defaultdict(list)
    for piece in pieces:
        by_reply[piece.reply].append(piece)
    builtin = {reply: _builtins_used(own) for reply, own in by_reply.items()}
    for reply, own in by_reply.items():
        elsewhere = frozenset().union(*(names for other, names in builtin.items() if other != reply))
        settled = _within_reply(own, fresh, notes)
        kept += _Reply(reply, settled, variants, taken | elsewhere, methods, fresh, notes).settle()
    return kept, notes


def _builtins_used(pieces: list[Piece]) -> frozenset[str]:
    """Predeclared names that a reply uses as such: another's `func max` must not take its place."""
    declared = frozenset().union(*(piece.declares for piece in pieces))
    return frozenset(name for piece in pieces for name in piece.free & PREDECLARED) - declared


def _take_apart(pieces: list[Piece]) -> Iterator[Piece]:
    """Groups go spec by spec where a name in them is declared differently elsewhere."""
    texts: dict[str, set[Tokens]] = defaultdict(set)
    for piece in pieces:
        for name in piece.declares:
            texts[name].add(piece.tokens)
    for piece in pieces:
        yield from split_group(piece) if any(len(texts[name]) > 1 for name in piece.declares) else [piece]


def _within_reply(
    pieces: list[Piece], fresh: FreshNames, notes: list[Note]
) -> list[tuple[Piece, dict[str, str]]]:
    """Settles names that one reply declares twice; the mapping holds new names valid in that piece alone.

    A later block corrects an earlier one, unless its clause says that it is a file of the other package;
    within a block the second declaration is another of the same name.
    """
    owners: dict[str, Piece] = {}
    kept: dict[int, tuple[Piece, dict[str, str]]] = {}
    renamed_in_unit: dict[int, dict[str, str]] = defaultdict(dict)
    for at, piece in enumerate(pieces):
        keys = [f"{piece.receiver}.{piece.names[0]}"] if piece.kind == "method" else sorted(piece.declares)
        earlier = {id(owners[key]): owners[key] for key in keys if key in owners}
        own: dict[str, str] = {}
        if any(each.tokens == piece.tokens for each in earlier.values()):
            notes.append(
                Note("folded", piece.label, "the reply declares it twice in the same words", piece.reply)
            )
            continue
        for each in earlier.values():
            if _corrects(piece, each):
                notes.append(
                    Note("superseded", each.label, "a later block of the reply declares it anew", piece.reply)
                )
                kept = {k: v for k, v in kept.items() if v[0] is not each}
            elif piece.kind == "method" or piece.names == ("TestMain",):
                notes.append(Note("dropped", piece.label, "the reply declares it twice", piece.reply))
                break
            else:
                clashing = sorted(each.declares & piece.declares)
                own |= {name: fresh.like(name) for name in clashing}
                if each.unit is not piece.unit:
                    renamed_in_unit[id(piece.unit)] |= own
                notes += [
                    _renamed(name, own[name], "the reply declares it twice", piece.reply) for name in clashing
                ]
        else:
            owners.update((key, piece) for key in keys if key not in own)
            kept[at] = (piece, own)
    return [(piece, own | renamed_in_unit[id(piece.unit)]) for piece, own in kept.values()]


def _corrects(piece: Piece, earlier: Piece) -> bool:
    clauses = {piece.unit.file.package, earlier.unit.file.package} - {None}
    return piece.unit.block != earlier.unit.block and earlier.declares <= piece.declares and len(clauses) < 2


def _renamed(old: str, new: str, why: str, reply: int) -> Note:
    return Note("renamed", f"{old} -> {new}", why, reply)


@dataclass(slots=True)
class _Reply:
    """One reply being settled against what the replies before it declared."""

    reply: int
    pieces: list[tuple[Piece, dict[str, str]]]
    variants: dict[str, list[_Variant]]
    taken: frozenset[str]
    methods: frozenset[str]
    fresh: FreshNames
    notes: list[Note]
    owner: dict[str, Piece] = field(default_factory=dict)
    own_methods: dict[str, dict[str, Piece]] = field(default_factory=lambda: defaultdict(dict))
    refers: dict[str, frozenset[str]] = field(default_factory=dict)
    same: dict[str, _Variant] = field(default_factory=dict)

    def settle(self) -> list[Kept]:
        for piece, own in self.pieces:
            self.owner.update((name, piece) for name in piece.declares if name not in own)
            if piece.kind == "method":
                self.own_methods[piece.receiver][piece.names[0]] = piece
        self.refers = {name: self._refers(name) for name in self.owner}
        self._match()
        mapping = {name: variant.final for name, variant in self.same.items()}
        mapping |= {name: self._final(name) for name in self.owner if name not in self.same}
        kept = [
            Kept(piece, _changed(mapping | own))
            for piece, own in self.pieces
            if self._keeps(piece, mapping, own)
        ]
        self._remember(mapping)
        return kept

    def _refers(self, name: str) -> frozenset[str]:
        """Names of the reply that the declaration of `name` refers to; a type's methods are part of it."""
        parts = [self.owner[name], *self.own_methods.get(name, {}).values()]
        return frozenset(
            used for part in parts for used in part.free | part.declares if used in self.owner
        ) - {name}

    def _match(self) -> None:
        """The largest set of names that are declared already: begin with equal texts, and strike out.

        A name is struck out when something that it refers to turned out to be another declaration.
        """
        options = {name: [v for v in self.variants[name] if self._equal(name, v)] for name in self.owner}
        self.same = {name: found[0] for name, found in options.items() if found}
        changed = True
        while changed:
            changed = False
            for name in list(self.same):
                if any(
                    self._now(used) != self.same[name].refers.get(used, used) for used in self.refers[name]
                ):
                    options[name].pop(0)
                    changed = True
                    if options[name]:
                        self.same[name] = options[name][0]
                    else:
                        del self.same[name]

    def _equal(self, name: str, variant: _Variant) -> bool:
        methods = self.own_methods.get(name, {})
        return variant.tokens == self.owner[name].tokens and all(
            variant.methods.get(method, piece.tokens) == piece.tokens for method, piece in methods.items()
        )

    def _now(self, name: str) -> str | None:
        if name in self.same:
            return self.same[name].final
        return name if not self.variants[name] and name not in self.taken else None

    def _final(self, name: str) -> str:
        """A new name for a new declaration where the old one is not free; TestMain can have no other."""
        clash = bool(self.variants[name])
        if not clash and name not in self.taken:
            self.fresh.words.add(name)
            return name
        if name == "TestMain":
            return name
        why = (
            "another reply declares it differently"
            if clash
            else "the package or another reply means another by it"
        )
        final = self.fresh.like(name)
        self.notes.append(_renamed(name, final, why, self.reply))
        return final

    def _keeps(self, piece: Piece, mapping: dict[str, str], own: dict[str, str]) -> bool:
        if piece.kind == "method":
            return self._keeps_method(piece)
        if not piece.declares:
            return self._keeps_nameless(piece, mapping)
        if own:
            return True
        if piece.names == ("TestMain",) and "TestMain" not in self.same:
            if self.variants["TestMain"] or "TestMain" in self.taken:
                self.notes.append(
                    Note("dropped", "TestMain", "there can be only one in a package", self.reply)
                )
                return False
            return True
        if piece.declares <= self.same.keys():
            first = min(self.same[name].reply for name in piece.declares)
            self.notes.append(Note("folded", piece.label, f"equal to that of reply {first}", self.reply))
            return False
        return True

    def _keeps_method(self, piece: Piece) -> bool:
        name = piece.names[0]
        variant = self._receiver(piece)
        there = variant.methods.get(name) if variant is not None else None
        if there is None and (piece.receiver in self.owner or piece.label not in self.methods):
            return True
        if there == piece.tokens:
            self.notes.append(Note("folded", piece.label, "equal to that of another reply", self.reply))
        else:
            self.notes.append(Note("dropped", piece.label, "the type has a method of this name", self.reply))
        return False

    def _receiver(self, piece: Piece) -> _Variant | None:
        if piece.receiver in self.owner:
            return self.same.get(piece.receiver)
        # a type of the package, or of a reply before
        if not self.variants[piece.receiver]:
            self.variants[piece.receiver].append(_Variant(piece.receiver, self.reply, ()))
        return self.variants[piece.receiver][0]

    def _keeps_nameless(self, piece: Piece, mapping: dict[str, str]) -> bool:
        """`init` and `var _`: kept once when text and meaning are the same."""
        refers = {name: mapping[name] for name in piece.free if name in mapping}
        if any(v.tokens == piece.tokens and v.refers == refers for v in self.variants["_"]):
            self.notes.append(Note("folded", piece.label, "equal to that of another reply", self.reply))
            return False
        self.variants["_"].append(_Variant("_", self.reply, piece.tokens, refers))
        return True

    def _remember(self, mapping: dict[str, str]) -> None:
        for name, piece in self.owner.items():
            if name not in self.same:
                refers = {used: mapping[used] for used in self.refers[name]}
                self.variants[name].append(_Variant(mapping[name], self.reply, piece.tokens, refers))
        for receiver, methods in self.own_methods.items():
            options = self.variants[receiver]
            variant = self.same.get(receiver)
            if variant is None and options:
                variant = options[-1] if receiver in self.owner else options[0]
            if variant is not None:
                for name, piece in methods.items():
                    variant.methods.setdefault(name, piece.tokens)
                variant.refers |= {used: mapping[used] for used in self.refers.get(receiver, ())}


def _changed(mapping: dict[str, str]) -> dict[str, str]:
    return {old: new for old, new in mapping.items() if old != new}
