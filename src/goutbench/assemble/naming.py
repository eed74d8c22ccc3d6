"""Decides which declarations of several replies a merged file contains, and under which names.

Each reply is its own namespace, since the model wrote it without knowledge of the others. Equal declarations
are folded into one if what they refer to is equal as well. Different declarations of one name get new names.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from goutbench.assemble.pieces import Piece, Tokens, split_conflicting_groups
from goutbench.golang.syntax.identifiers import PREDECLARED, UnusedNames
from goutbench.records import Note


@dataclass(frozen=True, slots=True)
class RenamedPiece:
    """A piece of the merged file, with the new names of what it declares or refers to."""

    piece: Piece
    new_names: dict[str, str]


@dataclass(slots=True)
class _Definition:
    """One declaration of a name in the merged file."""

    final: str
    reply: int
    tokens: Tokens
    refers: dict[str, str] = field(default_factory=dict)  # name in its reply → final name
    methods: dict[str, Tokens] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Merge:
    """What all replies share: the definitions so far, the package's own names, and the notes."""

    definitions: dict[str, list[_Definition]]
    package_methods: frozenset[str]
    unused: UnusedNames
    notes: list[Note]


def unify_names(
    pieces: list[Piece], taken: frozenset[str], methods: frozenset[str], unused: UnusedNames
) -> tuple[list[RenamedPiece], list[Note]]:
    """Fold, rename and drop declarations, reply by reply.

    `taken` are names that the file must not declare, `methods` ("T.m") those of the package.
    """
    merge = _Merge(defaultdict(list), methods, unused, [])
    by_reply: dict[int, list[Piece]] = defaultdict(list)
    for piece in split_conflicting_groups(pieces):
        by_reply[piece.reply].append(piece)
    builtins: dict[int, frozenset[str]] = {}  # predeclared names by reply: no other reply may redeclare them
    for reply, own in by_reply.items():
        declared = frozenset().union(*(piece.declares for piece in own))
        builtins[reply] = frozenset(name for piece in own for name in piece.free & PREDECLARED) - declared
    result: list[RenamedPiece] = []
    for reply, own in by_reply.items():
        reserved = frozenset().union(*(names for number, names in builtins.items() if number != reply))
        unique = _unify_within_reply(own, merge)
        result += _Reply(reply, unique, taken | reserved, merge).unify()
    return result, merge.notes


def _unify_within_reply(pieces: list[Piece], merge: _Merge) -> list[tuple[Piece, dict[str, str]]]:
    """Resolve names that one reply declares twice; the mapping has new names that hold in that piece only.

    A later block corrects an earlier one, unless its clause names the other package. Within a block, the
    second declaration is a different one of the same name.
    """
    owners: dict[str, Piece] = {}
    remaining: dict[int, tuple[Piece, dict[str, str]]] = {}
    renamed_in_unit: dict[int, dict[str, str]] = defaultdict(dict)
    for at, piece in enumerate(pieces):
        keys = [f"{piece.receiver}.{piece.names[0]}"] if piece.kind == "method" else sorted(piece.declares)
        earlier = {id(owners[key]): owners[key] for key in keys if key in owners}
        own: dict[str, str] = {}
        if any(previous.tokens == piece.tokens for previous in earlier.values()):
            merge.notes.append(
                Note("folded", piece.label, "the reply declares it twice equally", piece.reply)
            )
            continue
        for previous in earlier.values():
            if piece.corrects(previous):
                why = "a later block of the reply declares it again"
                merge.notes.append(Note("superseded", previous.label, why, piece.reply))
                remaining = {key: item for key, item in remaining.items() if item[0] is not previous}
            elif piece.kind == "method" or piece.names == ("TestMain",):
                merge.notes.append(Note("dropped", piece.label, "the reply declares it twice", piece.reply))
                break
            else:
                clashing = sorted(previous.declares & piece.declares)
                own |= {name: merge.unused.like(name) for name in clashing}
                if previous.unit is not piece.unit:
                    renamed_in_unit[id(piece.unit)] |= own
                merge.notes.extend(
                    _renamed_note(name, own[name], "the reply declares it twice", piece.reply)
                    for name in clashing
                )
        else:
            owners.update((key, piece) for key in keys if key not in own)
            remaining[at] = (piece, own)
    return [(piece, own | renamed_in_unit[id(piece.unit)]) for piece, own in remaining.values()]


def _renamed_note(old: str, new: str, why: str, reply: int) -> Note:
    return Note("renamed", f"{old} -> {new}", why, reply)


@dataclass(slots=True)
class _Reply:
    """Unifies one reply with what the replies before it declared."""

    reply: int
    pieces: list[tuple[Piece, dict[str, str]]]
    taken: frozenset[str]
    merge: _Merge
    owner: dict[str, Piece] = field(default_factory=dict)
    own_methods: dict[str, dict[str, Piece]] = field(default_factory=lambda: defaultdict(dict))
    refers: dict[str, frozenset[str]] = field(default_factory=dict)
    same: dict[str, _Definition] = field(default_factory=dict)

    def unify(self) -> list[RenamedPiece]:
        for piece, own in self.pieces:
            declared = [name for name in piece.names if name in piece.declares]  # in source order
            self.owner.update((name, piece) for name in declared if name not in own)
            if piece.kind == "method":
                self.own_methods[piece.receiver][piece.names[0]] = piece
        self.refers = {name: self._refers(name) for name in self.owner}
        self._match_definitions()
        mapping = {name: definition.final for name, definition in self.same.items()}
        mapping |= {name: self._final_name(name) for name in self.owner if name not in self.same}
        result = [
            RenamedPiece(piece, {old: new for old, new in (mapping | own).items() if old != new})
            for piece, own in self.pieces
            if self._keep(piece, mapping, own)
        ]
        self._add_definitions(mapping)
        return result

    def _note(self, kind: str, what: str, why: str) -> None:
        self.merge.notes.append(Note(kind, what, why, self.reply))

    def _refers(self, name: str) -> frozenset[str]:
        """The names of the reply that a declaration refers to; a type includes its methods."""
        parts = [self.owner[name], *self.own_methods.get(name, {}).values()]
        return frozenset(
            used for part in parts for used in part.free | part.declares if used in self.owner
        ) - {name}

    def _match_definitions(self) -> None:
        """Find the largest set of names that are already defined.

        It starts with all equal texts. A name is removed if it refers to something that turned out to be
        another declaration.
        """
        options = {name: self._equal_definitions(name) for name in self.owner}
        self.same = {name: definitions[0] for name, definitions in options.items() if definitions}
        changed = True
        while changed:
            changed = False
            for name in list(self.same):
                refers = self.same[name].refers
                if any(self._current_name(used) != refers.get(used, used) for used in self.refers[name]):
                    options[name].pop(0)
                    changed = True
                    if options[name]:
                        self.same[name] = options[name][0]
                    else:
                        del self.same[name]

    def _equal_definitions(self, name: str) -> list[_Definition]:
        """The definitions with the text of this reply's declaration, and with no different method."""
        methods = self.own_methods.get(name, {})
        return [
            definition
            for definition in self.merge.definitions[name]
            if definition.tokens == self.owner[name].tokens
            and all(definition.methods.get(key, item.tokens) == item.tokens for key, item in methods.items())
        ]

    def _current_name(self, name: str) -> str | None:
        if name in self.same:
            return self.same[name].final
        return name if not self.merge.definitions[name] and name not in self.taken else None

    def _final_name(self, name: str) -> str:
        """The name of a new declaration: a new name if its own is used. TestMain cannot be renamed."""
        is_defined = bool(self.merge.definitions[name])
        if not is_defined and name not in self.taken:
            self.merge.unused.reserve(name)
            return name
        if name == "TestMain":
            return name
        why = "another reply declares it differently"
        if not is_defined:
            why = "the package or another reply uses the name for something else"
        final = self.merge.unused.like(name)
        self.merge.notes.append(_renamed_note(name, final, why, self.reply))
        return final

    def _keep(self, piece: Piece, mapping: dict[str, str], own: dict[str, str]) -> bool:
        """Whether a piece goes into the merged file; else a note says why not."""
        if piece.kind == "method":
            return self._keep_method(piece)
        if not piece.declares:
            return self._keep_nameless(piece, mapping)
        if own:
            return True
        if piece.names == ("TestMain",) and "TestMain" not in self.same:
            if self.merge.definitions["TestMain"] or "TestMain" in self.taken:
                self._note("dropped", "TestMain", "a package can have only one")
                return False
            return True
        if piece.declares <= self.same.keys():
            first = min(self.same[name].reply for name in piece.declares)
            self._note("folded", piece.label, f"equal to that of reply {first}")
            return False
        return True

    def _keep_method(self, piece: Piece) -> bool:
        definition = self._receiver_definition(piece.receiver)
        existing = definition.methods.get(piece.names[0]) if definition is not None else None
        if existing is None and (
            piece.receiver in self.owner or piece.label not in self.merge.package_methods
        ):
            return True
        if existing == piece.tokens:
            self._note("folded", piece.label, "equal to that of another reply")
        else:
            self._note("dropped", piece.label, "the type has a method of this name")
        return False

    def _receiver_definition(self, receiver: str) -> _Definition | None:
        if receiver in self.owner:
            return self.same.get(receiver)
        definitions = self.merge.definitions[receiver]
        if not definitions:  # a type of the package
            definitions.append(_Definition(receiver, self.reply, ()))
        return definitions[0]

    def _keep_nameless(self, piece: Piece, mapping: dict[str, str]) -> bool:
        """Fold `init` and `var _` if text and meaning are equal."""
        refers = {name: mapping[name] for name in piece.free if name in mapping}
        nameless = self.merge.definitions["_"]
        if any(item.tokens == piece.tokens and item.refers == refers for item in nameless):
            self._note("folded", piece.label, "equal to that of another reply")
            return False
        nameless.append(_Definition("_", self.reply, piece.tokens, refers))
        return True

    def _add_definitions(self, mapping: dict[str, str]) -> None:
        """Record what this reply defines, for the replies after it."""
        for name, piece in self.owner.items():
            if name not in self.same:
                refers = {used: mapping[used] for used in self.refers[name]}
                definition = _Definition(mapping[name], self.reply, piece.tokens, refers)
                self.merge.definitions[name].append(definition)
        for receiver, methods in self.own_methods.items():
            options = self.merge.definitions[receiver]
            target = self.same.get(receiver)
            if target is None and options:
                target = options[-1] if receiver in self.owner else options[0]
            if target is not None:
                for name, piece in methods.items():
                    target.methods.setdefault(name, piece.tokens)
                target.refers |= {used: mapping[used] for used in self.refers.get(receiver, ())}
