"""Whether a merged file belongs to the package under test or to its `_test` package, and what is a copy."""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from goutbench.assemble.extract import Unit
from goutbench.assemble.package_context import PackageContext
from goutbench.assemble.pieces import Piece, pieces_of, split_group
from goutbench.golang.syntax import stdlib
from goutbench.golang.syntax.file import parse
from goutbench.golang.syntax.imports import Import, guesses
from goutbench.golang.syntax.predeclared import PREDECLARED
from goutbench.golang.syntax.scope import Name, Names
from goutbench.golang.syntax.stdlib import local_name
from goutbench.records import Note


@dataclass(frozen=True, slots=True)
class Source:
    """A unit with the names in it, and the names under which it imports the package under test."""

    unit: Unit
    names: Names
    own: frozenset[str]

    @property
    def clause(self) -> str | None:
        return self.unit.file.package

    @property
    def identifiers(self) -> frozenset[str]:
        """Every name that is looked up by scope somewhere in the unit."""
        return frozenset(use.text for use in self.names.uses)


@dataclass(frozen=True, slots=True)
class Place:
    """The package clause of the merged file."""

    base: str
    internal: bool

    @property
    def clause(self) -> str:
        return self.base if self.internal else f"{self.base}_test"


def base_package(units: list[Unit], context: PackageContext | None) -> str | None:
    """The package under test: as the context says, else what most clauses say without `_test`."""
    if context is not None:
        return context.package
    clauses = [unit.file.package.removesuffix("_test") for unit in units if unit.file.package]
    return Counter(clauses).most_common(1)[0][0] if clauses else None


def is_own_import(
    spec: Import, unit: Unit, base: str, context: PackageContext | None, selected: frozenset[str]
) -> bool:
    """Whether an import, of which `selected` is used, means the package under test.

    A path that only resembles it does as well, since models make up the module's name; but not beside the
    true path, not a path of the standard library or of the focal file's imports, and not when
    nothing that the package declares is used of it.
    """
    if context is not None and context.import_path in {other.path for other in unit.file.imports}:
        return spec.path == context.import_path
    if spec.name == "_" or base not in (local_name(spec), *guesses(spec.path)[:2]):
        return False
    if context is None:
        return unit.file.package == f"{base}_test" or stdlib.package_name(spec.path) is None
    if stdlib.package_name(spec.path) is not None or (selected and not selected & context.names):
        return False
    return all(spec.path != other.path for other in parse(context.focal).imports)


def drop_copies(pieces: list[Piece], context: PackageContext | None) -> tuple[list[Piece], list[Note]]:
    """Without what repeats the code under test; a `_test` package may declare such names itself."""
    if context is None:
        return _drop_source_units(pieces)
    repeats = any(piece.declares & context.source_names for piece in pieces)
    own = _own_pieces(context.focal) if repeats else {}
    kept: list[Piece] = []
    notes: list[Note] = []
    parts = [split_group(piece) if piece.declares & own.keys() else [piece] for piece in pieces]
    for piece in chain.from_iterable(parts):
        clause = piece.unit.file.package or context.package
        why = None if clause.endswith("_test") else _copied(piece, own, context)
        if why is None:
            kept.append(piece)
        else:
            notes.append(Note("source_repeated", piece.label, why, piece.reply))
    return kept, notes


@lru_cache(maxsize=4)  # the functions of a file come one after the other
def _own_pieces(focal: bytes) -> dict[str, Piece]:
    """The focal file's pieces by the names that they declare."""
    parts = [part for piece in pieces_of(Unit(-1, 0, parse(focal))) for part in split_group(piece)]
    return {name: piece for piece in parts for name in piece.declares}


def _copied(piece: Piece, own: dict[str, Piece], context: PackageContext) -> str | None:
    """Why a piece is taken for a copy of the package's own, None when it is not one."""
    if piece.kind == "method":
        return "the package has this method" if piece.label in context.methods else None
    if not piece.declares or any(test.name in piece.declares for test in piece.unit.file.tests):
        return None
    originals = [own[name] for name in piece.declares if name in own]
    if len(originals) == len(piece.declares):
        if all(each.tokens == piece.tokens for each in originals):
            return "equal to the focal file's"
        if not piece.unit.file.tests or piece.kind != "func" or _signature(originals[0]) == _signature(piece):
            return "the focal file declares it, in other words"
    if piece.kind == "type" and piece.declares <= context.source_names:
        return "the package declares this type"
    return None


def _signature(piece: Piece) -> tuple[bytes, ...]:
    body = piece.tokens.index(b"{") if b"{" in piece.tokens else len(piece.tokens)
    return piece.tokens[:body]


def _drop_source_units(pieces: list[Piece]) -> tuple[list[Piece], list[Note]]:
    """Without a context, a unit with a clause but no tests beside one with tests counts as the source."""
    tested = {piece.unit.reply for piece in pieces if piece.unit.file.tests}
    kept: list[Piece] = []
    notes: list[Note] = []
    for piece in pieces:
        file = piece.unit.file
        is_source = (
            file.package is not None
            and not file.package.endswith("_test")
            and not file.tests
            and all(spec.path != "testing" for spec in file.imports)
        )
        if is_source and piece.reply in tested:
            notes.append(
                Note("source_repeated", piece.label, "its block looks like the code under test", piece.reply)
            )
        else:
            kept.append(piece)
    return kept, notes


def place(
    sources: list[Source], pieces: list[Piece], base: str, context: PackageContext | None
) -> tuple[Place, list[Note]]:
    """Internal when something that only the package sees is touched, else as imports and clauses say."""
    touched = _touched(sources, pieces, context)
    clauses = {source.clause for source in sources if source.clause}
    qualified = any(_own_uses(source, pieces) for source in sources)
    if touched:
        internal, why = True, f"it touches {', '.join(sorted(touched)[:5])}"
    elif qualified:
        internal, why = False, "it uses the package through its import"
    elif any(not clause.endswith("_test") for clause in clauses):
        internal, why = True, "as a reply says, and nothing speaks against it"
    elif clauses:
        internal, why = False, "as the replies say"
    else:
        internal, why = True, "no reply says; the package sees everything"
    chosen = Place(base, internal)
    others = sorted(clauses - {chosen.clause})
    if others:
        why += f"; a reply has {', '.join(others)}"
    return chosen, [Note("package_chosen", chosen.clause, why)] if others or not clauses else []


def _own_uses(source: Source, pieces: list[Piece]) -> list[Name]:
    """Uses of the package under test through its import, in what is kept."""
    return [
        use
        for piece in pieces
        if piece.unit is source.unit
        for use in piece.uses
        if use.binding < 0 and use.member and use.text in source.own
    ]


def _touched(sources: list[Source], pieces: list[Piece], context: PackageContext | None) -> set[str]:
    """What only a file of the package itself can reach."""
    touched: set[str] = set()
    declared = {(piece.reply, name) for piece in pieces for name in piece.declares}
    members = frozenset().union(*(source.names.members for source in sources))
    for source in sources:
        touched |= {use.member for use in _own_uses(source, pieces) if not use.member[:1].isupper()}
        if any(spec.name == "." for spec in source.unit.file.imports):
            continue
        imported = {local_name(spec) for spec in source.unit.file.imports}
        bare = {
            name
            for piece in pieces
            if piece.unit is source.unit
            for name in piece.free - PREDECLARED - imported
            if (piece.reply, name) not in declared
        }
        if context is None:
            other = {name for _, name in declared}
            mine = source.clause is not None and not source.clause.endswith("_test")
            touched |= {name for name in bare - other if mine and not _is_qualifier(name, source)}
        else:
            touched |= bare & (context.names - context.external_names)
            selected = source.names.selected - members - context.external_members
            touched |= {name for name in selected & context.members if not name[:1].isupper()}
    return touched


def _is_qualifier(name: str, source: Source) -> bool:
    """Whether the unit uses the name for a package whose import is missing."""
    return any(use.text == name and use.binding < 0 and use.member for use in source.names.uses)
