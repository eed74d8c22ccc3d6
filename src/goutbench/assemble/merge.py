"""Merges replies into one test file that compiles: one clause, one import declaration, unique names."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from goutbench.assemble.imports import Imports, import_block, unify_imports
from goutbench.assemble.naming import RenamedPiece, unify_names
from goutbench.assemble.pieces import PackageContext, Unit, pieces_of, render
from goutbench.assemble.placement import (
    ResolvedUnit,
    TargetPackage,
    base_package,
    choose_constraint,
    choose_package,
    drop_copies,
    is_own_import,
    taken_names,
)
from goutbench.golang.syntax.identifiers import UnusedNames, all_identifiers
from goutbench.golang.syntax.scope import resolve
from goutbench.golang.syntax.stdlib import local_name
from goutbench.golang.toolchain.gofmt import gofmt
from goutbench.records import Assembly, Note

_HEADER_LINE = re.compile(rb"^//(?:go:build| \+build|[ \t]*\+build)[^\n]*\n?", re.MULTILINE)


def merge(units: Sequence[Unit], context: PackageContext | None = None) -> Assembly:
    """One gofmt-clean file from the Go of all replies; notes say what was dropped, renamed or added.

    Raises ToolError if there is no Go toolchain to format with.
    """
    if not units:
        return Assembly("", None, "merge", ())
    notes: list[Note] = []
    base = base_package(units, context)
    if base is None:
        base = "main"
        notes.append(Note("package_chosen", base, "no reply has a package clause"))
    resolved = _resolve_units(units, base, context)
    pieces = [piece for item in resolved for piece in pieces_of(item.unit, item.names)]
    pieces, copies = drop_copies(pieces, context)
    target, target_notes = choose_package(resolved, pieces, base, context)
    identifiers = all_identifiers(unit.file.source for unit in units)
    unused = UnusedNames(identifiers | (context.names if context else set()))
    methods = context.methods if context else frozenset()
    renamed, name_notes = unify_names(pieces, taken_names(resolved, target, context), methods, unused)
    imports = unify_imports(resolved, renamed, target, context, unused)
    notes += [*copies, *target_notes, *name_notes, *imports.notes]
    if not renamed:
        return Assembly("", None, "merge", (*notes, Note("no_code", "file", "no declaration remains")))
    used = {id(item.piece.unit) for item in renamed}
    header, header_notes = _header([item for item in resolved if id(item.unit) in used], context)
    writer = _Writer({id(item.unit): item.own for item in resolved}, imports, target, unused)
    notes += writer.unqualified_notes(renamed)
    code, format_notes = writer.file(header, renamed)
    return Assembly(code, target.clause, "merge", (*notes, *header_notes, *format_notes))


def _resolve_units(units: Sequence[Unit], base: str, context: PackageContext | None) -> list[ResolvedUnit]:
    """Resolve the names of every unit, and find those by which it refers to the package under test."""
    declared = {
        (unit.reply, name) for unit in units for item in unit.file.declarations for name in item.names
    }
    in_package = context is not None and base in context.names | context.external_names
    resolved = []
    for unit in units:
        names = resolve(unit.file)
        selected: dict[str, set[str]] = defaultdict(set)
        for use in names.uses:
            selected[use.text].add(use.member)
        own = {
            local_name(spec)
            for spec in unit.file.imports
            if is_own_import(spec, unit, base, context, frozenset(selected[local_name(spec) or ""] - {""}))
        }
        # `pkg.Name` without an import of pkg means the package under test if nothing else has that name
        is_declared = in_package or (unit.reply, base) in declared
        if not is_declared and all(local_name(spec) != base for spec in unit.file.imports):
            own.add(base)
        resolved.append(ResolvedUnit(unit, names, frozenset(name for name in own if name)))
    return resolved


def _header(units: list[ResolvedUnit], context: PackageContext | None) -> tuple[str, list[Note]]:
    """The build constraint, if all replies agree on it, and the comments above the package clauses."""
    constraint, notes = choose_constraint(units, context)
    lines = {f"//go:build {constraint}": None} if constraint else {}
    for unit in units:
        file = unit.unit.file
        if file.package_span is not None:
            comment = _HEADER_LINE.sub(b"", file.source[: file.package_span[0]]).decode().strip()
            if comment:
                lines[comment] = None
    return "".join(f"{line}\n\n" for line in lines), notes


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes pieces with their new names and qualifiers."""

    own: dict[int, frozenset[str]]  # by unit: the qualifiers that mean the package under test
    imports: Imports
    target: TargetPackage
    unused: UnusedNames

    def unqualified_notes(self, pieces: list[RenamedPiece]) -> list[Note]:
        """A note for every qualifier that `file` removes, since the file is in that package."""
        removed = {
            (item.piece.reply, use.text)
            for item in pieces
            if self.target.internal
            for use in item.piece.uses
            if use.binding < 0 and use.member and use.text in self.own[id(item.piece.unit)]
        }
        why = "the file is in that package"
        return [Note("unqualified", f"{name}.", why, reply) for reply, name in sorted(removed)]

    def _text(self, item: RenamedPiece) -> bytes:
        own = self.own[id(item.piece.unit)]
        qualifiers = self.imports.qualifiers.get(id(item.piece.unit), {})
        edits: dict[tuple[int, int], str] = {}
        shadowing: dict[int, str] = {}
        for use in item.piece.uses:
            if use.binding >= 0:
                continue
            if self.target.internal and use.member and use.text in own and use.text not in item.new_names:
                edits[use.start, use.member_start] = ""
                if use.captured >= 0:  # a local variable would shadow the name without its qualifier
                    shadowing.setdefault(use.captured, self.unused.like(use.member))
            elif use.member and use.text in qualifiers:
                edits[use.start, use.end] = qualifiers[use.text]
            elif use.text in item.new_names:
                edits[use.start, use.end] = item.new_names[use.text]
        edits |= {(u.start, u.end): shadowing[u.binding] for u in item.piece.uses if u.binding in shadowing}
        return render(item.piece, edits, item.new_names)

    def file(self, header: str, pieces: list[RenamedPiece]) -> tuple[str, list[Note]]:
        """The file as gofmt prints it, without the pieces that gofmt rejects."""
        clause = self.target.clause
        head = f"{header}package {clause}\n\n{import_block(self.imports.specs)}\n"
        texts = [(item.piece, self._text(item)) for item in pieces]
        formatted = gofmt([head.encode() + b"\n".join(text for _, text in texts)])[0]
        if formatted.code is not None:
            return formatted.code.decode(), []
        single = gofmt([f"package {clause}\n".encode() + text for _, text in texts])
        valid = [text for (_, text), result in zip(texts, single, strict=True) if result.code is not None]
        notes = [
            Note("broken", piece.label, f"gofmt rejects it: {result.error.split(': ', 1)[-1]}", piece.reply)
            for (piece, _), result in zip(texts, single, strict=True)
            if result.code is None
        ]
        formatted = gofmt([head.encode() + b"\n".join(valid)])[0]
        if formatted.code is None or not valid:
            return "", [*notes, Note("no_code", "file", f"gofmt rejects it: {formatted.error}")]
        return formatted.code.decode(), notes
