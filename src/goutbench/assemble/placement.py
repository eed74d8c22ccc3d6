"""Decides the package and the build constraint of a merged file, and drops copies of the code under test.

The package is the one under test, or its `_test` package.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from goutbench.assemble.pieces import PackageContext, Piece, Unit, pieces_of, split_group
from goutbench.golang.analysis.build_constraints import satisfied
from goutbench.golang.syntax import stdlib
from goutbench.golang.syntax.file import Import
from goutbench.golang.syntax.header import build_constraint
from goutbench.golang.syntax.identifiers import PREDECLARED
from goutbench.golang.syntax.imports import package_name_guesses
from goutbench.golang.syntax.parser import parse
from goutbench.golang.syntax.scope import ScopedName, ScopedNames
from goutbench.golang.syntax.stdlib import local_name
from goutbench.records import Note

_MAX_NAMES = 5  # that a note lists


@dataclass(frozen=True, slots=True)
class ResolvedUnit:
    """A unit with its resolved names; `own` are the names by which it refers to the package under test."""

    unit: Unit
    names: ScopedNames
    own: frozenset[str]

    @property
    def clause(self) -> str | None:
        return self.unit.file.package

    @property
    def identifiers(self) -> frozenset[str]:
        """Every name of the unit that scope rules resolve."""
        return frozenset(use.text for use in self.names.uses)


@dataclass(frozen=True, slots=True)
class TargetPackage:
    """The package of the merged file: the package under test (`internal`) or its `_test` package."""

    base: str
    internal: bool

    @property
    def clause(self) -> str:
        return self.base if self.internal else f"{self.base}_test"


def base_package(units: Sequence[Unit], context: PackageContext | None) -> str | None:
    """The name of the package under test: from the context, else the most frequent clause without `_test`."""
    if context is not None:
        return context.package
    clauses = [unit.file.package.removesuffix("_test") for unit in units if unit.file.package]
    return Counter(clauses).most_common(1)[0][0] if clauses else None


def is_own_import(
    spec: Import, unit: Unit, base: str, context: PackageContext | None, selected: frozenset[str]
) -> bool:
    """Whether an import, of which `selected` is used, means the package under test.

    A path that only resembles the true one counts as well, since models invent module names. It does not
    count if the unit also imports the true path, if it is a path of the standard library or of the focal
    file's imports, or if the package declares nothing of what is selected.
    """
    if context is not None and any(context.import_path == item.path for item in unit.file.imports):
        return spec.path == context.import_path
    if spec.name == "_" or base not in (local_name(spec), *package_name_guesses(spec.path)[:2]):
        return False
    is_standard = stdlib.package_name(spec.path) is not None
    if context is None:
        return unit.file.package == f"{base}_test" or not is_standard
    if is_standard or (selected and not selected & context.names):
        return False
    return all(spec.path != item.path for item in parse(context.focal).imports)


def drop_copies(pieces: list[Piece], context: PackageContext | None) -> tuple[list[Piece], list[Note]]:
    """The pieces without copies of the code under test; a `_test` package may redeclare such names."""
    if context is None:
        return _drop_source_units(pieces)
    repeats = any(piece.declares & context.source_names for piece in pieces)
    own = _focal_pieces(context.focal) if repeats else {}
    remaining: list[Piece] = []
    notes: list[Note] = []
    parts = [split_group(piece) if piece.declares & own.keys() else [piece] for piece in pieces]
    for piece in chain.from_iterable(parts):
        clause = piece.unit.file.package or context.package
        why = None if clause.endswith("_test") else _why_copied(piece, own, context)
        if why is None:
            remaining.append(piece)
        else:
            notes.append(Note("source_repeated", piece.label, why, piece.reply))
    return remaining, notes


@lru_cache(maxsize=4)  # the functions of a file come one after the other
def _focal_pieces(focal: bytes) -> dict[str, Piece]:
    """The focal file's pieces by the names that they declare."""
    parts = [part for piece in pieces_of(Unit(-1, 0, parse(focal))) for part in split_group(piece)]
    return {name: piece for piece in parts for name in piece.declares}


def _why_copied(piece: Piece, own: dict[str, Piece], context: PackageContext) -> str | None:
    """Why a piece counts as a copy of the package's code; None if it is not a copy."""
    if piece.kind == "method":
        return "the package declares this method" if piece.label in context.methods else None
    if not piece.declares or any(test.name in piece.declares for test in piece.unit.file.tests):
        return None
    originals = [own[name] for name in piece.declares if name in own]
    if len(originals) == len(piece.declares):
        if all(original.tokens == piece.tokens for original in originals):
            return "equal to the focal file's"
        if not piece.unit.file.tests or piece.kind != "func" or _signature(originals[0]) == _signature(piece):
            return "the focal file declares it differently"
    if piece.kind == "type" and piece.declares <= context.source_names:
        return "the package declares this type"
    return None


def _signature(piece: Piece) -> tuple[bytes, ...]:
    body = piece.tokens.index(b"{") if b"{" in piece.tokens else len(piece.tokens)
    return piece.tokens[:body]


def _drop_source_units(pieces: list[Piece]) -> tuple[list[Piece], list[Note]]:
    """Without a context, a unit with a clause but no tests counts as source if its reply also has tests."""
    tested = {piece.unit.reply for piece in pieces if piece.unit.file.tests}
    remaining: list[Piece] = []
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
            why = "its block looks like the code under test"
            notes.append(Note("source_repeated", piece.label, why, piece.reply))
        else:
            remaining.append(piece)
    return remaining, notes


def choose_package(
    units: list[ResolvedUnit], pieces: list[Piece], base: str, context: PackageContext | None
) -> tuple[TargetPackage, list[Note]]:
    """Internal if a piece uses something that only the package sees, else what imports and clauses say."""
    unexported = _unexported_uses(units, pieces, context)
    clauses = {unit.clause for unit in units if unit.clause}
    if unexported:
        internal, why = True, f"it uses {', '.join(sorted(unexported)[:_MAX_NAMES])}"
    elif any(_own_uses(unit, pieces) for unit in units):
        internal, why = False, "it uses the package through its import"
    elif any(not clause.endswith("_test") for clause in clauses):
        internal, why = True, "a reply's clause, and nothing contradicts it"
    elif clauses:
        internal, why = False, "the replies' clause"
    else:
        internal, why = True, "no reply has a clause, and the package itself sees everything"
    target = TargetPackage(base, internal)
    conflicting = sorted(clauses - {target.clause})
    if conflicting:
        why += f"; a reply has {', '.join(conflicting)}"
    return target, [Note("package_chosen", target.clause, why)] if conflicting or not clauses else []


def choose_constraint(
    units: Sequence[ResolvedUnit], context: PackageContext | None
) -> tuple[str | None, list[Note]]:
    """The build constraint of the file: the one that all replies have, unless it leaves the file out.

    One like the focal file's stays: the file is then in the builds that the focal file is in.
    """
    constraints = {unit.unit.file.build_constraint for unit in units}
    own = build_constraint(context.focal) if context else None
    agreed = constraints.pop() if len(constraints) == 1 else None
    if agreed is not None and (satisfied(agreed) or _terms(agreed) == _terms(own or "")):
        return agreed, []
    why = "other replies have a different one or none"
    if agreed is not None:
        why = "it would leave the file out of the build"
    dropped = [(unit.unit.file.build_constraint, unit.unit.reply) for unit in units]
    return None, [Note("constraint_dropped", text, why, reply) for text, reply in dropped if text]


def _terms(constraint: str) -> str:
    return "".join(constraint.split())


def taken_names(
    units: list[ResolvedUnit], target: TargetPackage, context: PackageContext | None
) -> frozenset[str]:
    """Names that the file must not declare: those of the package, and those of dot imports."""
    taken: set[str] = set()
    if context is not None:
        taken |= context.names if target.internal else context.external_names
    for unit in units:
        if target.internal:
            taken |= {
                use.member
                for use in unit.names.uses
                if use.member and use.binding < 0 and use.text in unit.own
            }
        for spec in unit.unit.file.imports:
            if spec.name == ".":
                taken |= stdlib.exports().get(spec.path, frozenset())
    return frozenset(taken)


def _own_uses(unit: ResolvedUnit, pieces: list[Piece]) -> list[ScopedName]:
    """The pieces' uses of the package under test through its import."""
    return [
        use
        for piece in pieces
        if piece.unit is unit.unit
        for use in piece.uses
        if use.binding < 0 and use.member and use.text in unit.own
    ]


def _unexported_uses(
    units: list[ResolvedUnit], pieces: list[Piece], context: PackageContext | None
) -> set[str]:
    """The used names that only a file of the package itself can see."""
    used: set[str] = set()
    declared = {(piece.reply, name) for piece in pieces for name in piece.declares}
    members = frozenset().union(*(unit.names.members for unit in units))
    for unit in units:
        used |= {use.member for use in _own_uses(unit, pieces) if not use.member[:1].isupper()}
        if any(spec.name == "." for spec in unit.unit.file.imports):
            continue
        imported = {local_name(spec) for spec in unit.unit.file.imports}
        undeclared = {
            name
            for piece in pieces
            if piece.unit is unit.unit
            for name in piece.free - PREDECLARED - imported
            if (piece.reply, name) not in declared
        }
        if context is not None:
            used |= undeclared & (context.names - context.external_names)
            selected = unit.names.selected - members - context.external_members
            used |= {name for name in selected & context.members if not name[:1].isupper()}
        elif unit.clause is not None and not unit.clause.endswith("_test"):
            # a name that something is selected from may be a package whose import is missing
            qualifiers = {use.text for use in unit.names.uses if use.binding < 0 and use.member}
            used |= undeclared - {name for _, name in declared} - qualifiers
    return used
