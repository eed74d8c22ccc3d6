"""Several replies into one test file that compiles: one clause, one import declaration, every name once."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from goutbench.assemble.extract import Unit
from goutbench.assemble.importing import Imports, import_block, settle_imports
from goutbench.assemble.naming import Kept, settle_names
from goutbench.assemble.package_context import PackageContext
from goutbench.assemble.pieces import Piece, pieces_of, render
from goutbench.assemble.placing import Place, Source, base_package, drop_copies, is_own_import, place
from goutbench.golang.syntax.predeclared import FreshNames, words_of
from goutbench.golang.syntax.scope import resolve
from goutbench.golang.syntax.stdlib import exports, local_name
from goutbench.golang.toolchain.gofmt import gofmt
from goutbench.records import Assembly, Note

_HEADER_LINE = re.compile(rb"^//(?:go:build| \+build|[ \t]*\+build)[^\n]*\n?", re.MULTILINE)


def merge(units: Sequence[Unit], context: PackageContext | None = None) -> Assembly:
    """One gofmt-clean file out of the Go of all replies; what is dropped, renamed or added is in the notes.

    Raises ToolError when there is no Go toolchain to format with.
    """
    if not units:
        return Assembly("", None, "merge", ())
    base = base_package(list(units), context)
    notes: list[Note] = []
    if base is None:
        base = "main"
        notes.append(Note("package_chosen", base, "no reply has a package clause"))
    declared = {
        (unit.reply, name) for unit in units for each in unit.file.declarations for name in each.names
    }
    taken_base = context is not None and base in context.names | context.external_names
    sources = [_source(unit, base, context, taken_base or (unit.reply, base) in declared) for unit in units]
    pieces = [piece for source in sources for piece in pieces_of(source.unit, source.names)]
    pieces, copies = drop_copies(pieces, context)
    where, why = place(sources, pieces, base, context)
    fresh = FreshNames(words_of(unit.file.source for unit in units) | (context.names if context else set()))
    taken = _taken(sources, where, context)
    kept, names = settle_names(pieces, taken, context.methods if context else frozenset(), fresh)
    imports = settle_imports(sources, kept, where, context, fresh)
    notes += [*copies, *why, *names, *imports.notes]
    if not kept:
        return Assembly("", None, "merge", (*notes, Note("no_code", "file", "no declaration is left")))
    used = {id(each.piece.unit) for each in kept}
    header, header_notes = _header([source for source in sources if id(source.unit) in used])
    notes += _unqualified(sources, where, kept)
    writing = _Writing(sources, kept, imports, where, fresh)
    code, refused = _format(header, where.clause, imports, writing.texts())
    return Assembly(code, where.clause, "merge", (*notes, *header_notes, *refused))


def _source(unit: Unit, base: str, context: PackageContext | None, base_is_declared: bool) -> Source:
    names = resolve(unit.file.tree.root_node)
    selected: dict[str, set[str]] = defaultdict(set)
    for use in names.uses:
        selected[use.text].add(use.member)
    own = {
        local_name(spec)
        for spec in unit.file.imports
        if is_own_import(spec, unit, base, context, frozenset(selected[local_name(spec) or ""] - {""}))
    }
    # `pkg.Name` without an import of pkg means the package under test where nothing else has that name
    if not base_is_declared and all(local_name(spec) != base for spec in unit.file.imports):
        own.add(base)
    return Source(unit, names, frozenset(name for name in own if name))


def _taken(sources: list[Source], where: Place, context: PackageContext | None) -> frozenset[str]:
    """Names that the file may not declare: the package's, and what dot imports bring in."""
    taken: set[str] = set()
    if context is not None:
        taken |= context.names if where.internal else context.external_names
    for source in sources:
        if where.internal:
            taken |= {
                use.member
                for use in source.names.uses
                if use.member and use.binding < 0 and use.text in source.own
            }
        for spec in source.unit.file.imports:
            if spec.name == ".":
                taken |= exports().get(spec.path, frozenset())
    return frozenset(taken)


def _unqualified(sources: list[Source], where: Place, kept: list[Kept]) -> list[Note]:
    own = {id(source.unit): source.own for source in sources}
    found = {
        (each.piece.reply, use.text)
        for each in kept
        if where.internal
        for use in each.piece.uses
        if use.binding < 0 and use.member and use.text in own[id(each.piece.unit)]
    }
    return [
        Note("unqualified", f"{name}.", "the file is in that package itself", reply)
        for reply, name in sorted(found)
    ]


def _header(sources: list[Source]) -> tuple[str, list[Note]]:
    """The build constraint, when all replies agree on it, and the comments above the package clauses."""
    constraints = {source.unit.file.build_constraint for source in sources}
    notes = []
    lines: dict[str, None] = {}
    agreed = constraints.pop() if len(constraints) == 1 else None
    if agreed:
        lines[f"//go:build {agreed}"] = None
    for source in sources:
        file = source.unit.file
        if file.build_constraint and not agreed:
            why = "other replies have another or none"
            notes.append(Note("constraint_dropped", file.build_constraint, why, source.unit.reply))
        if file.package_span is not None:
            comment = _HEADER_LINE.sub(b"", file.source[: file.package_span[0]]).decode().strip()
            if comment:
                lines[comment] = None
    return "".join(f"{line}\n\n" for line in lines), notes


@dataclass(frozen=True, slots=True)
class _Writing:
    sources: list[Source]
    kept: list[Kept]
    imports: Imports
    where: Place
    fresh: FreshNames

    def texts(self) -> list[tuple[Piece, bytes]]:
        by_unit = {id(source.unit): source for source in self.sources}
        return [(each.piece, self._text(each, by_unit[id(each.piece.unit)])) for each in self.kept]

    def _text(self, kept: Kept, source: Source) -> bytes:
        qualifiers = self.imports.qualifiers.get(id(source.unit), {})
        edits: dict[tuple[int, int], str] = {}
        shadowing: dict[int, str] = {}
        for use in kept.piece.uses:
            if use.binding >= 0:
                continue
            if self.where.internal and use.member and use.text in source.own and use.text not in kept.renamed:
                edits[use.start, use.member_start] = ""
                if use.captured >= 0:  # a local variable would take the bare name
                    shadowing.setdefault(use.captured, self.fresh.like(use.member))
            elif use.member and use.text in qualifiers:
                edits[use.start, use.end] = qualifiers[use.text]
            elif use.text in kept.renamed:
                edits[use.start, use.end] = kept.renamed[use.text]
        edits |= {(u.start, u.end): shadowing[u.binding] for u in kept.piece.uses if u.binding in shadowing}
        return render(kept.piece, edits, kept.renamed)


def _format(
    header: str, clause: str, imports: Imports, texts: list[tuple[Piece, bytes]]
) -> tuple[str, list[Note]]:
    """The file as gofmt prints it. What only tree-sitter could read is dropped piece by piece."""
    head = f"{header}package {clause}\n\n{import_block(imports.specs)}\n".encode()
    whole = gofmt([head + b"\n".join(text for _, text in texts)])[0]
    if whole.code is not None:
        return whole.code.decode(), []
    single = gofmt([f"package {clause}\n".encode() + text for _, text in texts])
    fine = [text for (_, text), done in zip(texts, single, strict=True) if done.code is not None]
    notes = [
        Note("broken", piece.label, f"gofmt refuses it: {done.error.split(': ', 1)[-1]}", piece.reply)
        for (piece, _), done in zip(texts, single, strict=True)
        if done.code is None
    ]
    whole = gofmt([head + b"\n".join(fine)])[0]
    if whole.code is None or not fine:
        return "", [*notes, Note("no_code", "file", f"gofmt refuses it: {whole.error}")]
    return whole.code.decode(), notes
