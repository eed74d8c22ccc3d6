"""Unifies the imports of a merged file: each package that the file uses, by one unambiguous name."""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from goutbench.assemble.naming import RenamedPiece
from goutbench.assemble.pieces import PackageContext
from goutbench.assemble.placement import ResolvedUnit, TargetPackage
from goutbench.golang.syntax import stdlib
from goutbench.golang.syntax.file import Import
from goutbench.golang.syntax.identifiers import UnusedNames
from goutbench.golang.syntax.imports import package_name_guesses
from goutbench.golang.syntax.parser import parse
from goutbench.golang.syntax.stdlib import local_name
from goutbench.records import Note


@dataclass(slots=True)
class Imports:
    """The specs as (name, path), with an empty name where none is needed; new qualifiers by unit."""

    specs: set[tuple[str, str]] = field(default_factory=set)
    qualifiers: dict[int, dict[str, str]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _PackageUse:
    """A package that a unit uses under `name`; `spelled` if the import must state that name."""

    unit: ResolvedUnit
    name: str
    path: str
    spelled: bool


Selected = dict[str, set[str]]  # free name → what is selected from it


def unify_imports(
    units: list[ResolvedUnit],
    pieces: list[RenamedPiece],
    target: TargetPackage,
    context: PackageContext | None,
    unused: UnusedNames,
) -> Imports:
    """Unite the imports: drop unused ones, add missing ones, rename where names clash."""
    unifier = _Unifier(units, target, context, unused)
    selected = {id(unit.unit): unifier.selected_names(unit, pieces) for unit in units}
    package: frozenset[str] = frozenset()
    if context is not None:
        package = context.names if target.internal else context.external_names
    originals = {name for item in pieces for name in item.piece.declares} | package
    declared = {item.new_names.get(name, name) for item in pieces for name in item.piece.declares} | package
    uses: list[_PackageUse] = []
    for unit in units:
        uses += unifier.own_imports(unit, selected[id(unit.unit)], originals)
    for unit in units:
        resolved = originals | {use.name for use in uses if use.unit is unit}
        if target.internal:
            resolved |= unit.own
        missing = {name: m for name, m in selected[id(unit.unit)].items() if name not in resolved}
        uses += unifier.missing_imports(unit, missing)
    unifier.allocate_names(uses, declared)
    # an import that one block has and another uses is not dropped
    result = unifier.result
    paths = {path for _, path in result.specs}
    result.notes = [n for n in result.notes if n.kind != "import_dropped" or n.what not in paths]
    return result


class _Unifier:
    """Collects the imports of all units."""

    def __init__(
        self,
        units: Sequence[ResolvedUnit],
        target: TargetPackage,
        context: PackageContext | None,
        unused: UnusedNames,
    ) -> None:
        self.units, self.target, self.context, self.unused = units, target, context, unused
        self.result = Imports()

    def selected_names(self, unit: ResolvedUnit, pieces: list[RenamedPiece]) -> Selected:
        """The free names that the pieces of a unit select from, with what they select."""
        selected: Selected = defaultdict(set)
        for item in pieces:
            if item.piece.unit is unit.unit:
                for use in item.piece.uses:
                    if use.binding < 0 and use.member:
                        selected[use.text].add(use.member)
        return selected

    def own_imports(
        self, unit: ResolvedUnit, selected: Selected, declared: Collection[str]
    ) -> list[_PackageUse]:
        """The unit's own imports that it uses; blank and dot imports go straight into the result."""
        uses: dict[str, _PackageUse] = {}
        for spec in unit.unit.file.imports:
            is_own = self._is_own(spec, unit)
            name = local_name(spec) or ""
            if spec.name is None and name not in package_name_guesses(spec.path) and name in declared:
                name = ""  # it was inferred from a qualifier that is not a package
            path, dropped = spec.path, ""
            if is_own and not self.target.internal and name in selected:
                path = self._corrected(spec, unit)
            if is_own and self.target.internal:
                dropped = "a package cannot import itself"
            elif spec.name in ("_", "."):
                self.result.specs.add((spec.name, path))
            elif name not in selected:
                dropped = "no remaining declaration uses it"
            elif name in uses and uses[name].path != path:
                dropped = f"the reply imports another {name}"
            else:
                uses[name] = _PackageUse(unit, name, path, spelled=spec.name is not None)
            if dropped:
                self._note("import_dropped", path, dropped, unit)
        return list(uses.values())

    def _is_own(self, spec: Import, unit: ResolvedUnit) -> bool:
        """Whether an import means the package under test."""
        if spec.name not in ("_", ".") and local_name(spec) in unit.own:
            return True
        path = self.context.import_path if self.context else None
        if path:
            return spec.path == path
        return spec.name == "." and self.target.base in package_name_guesses(spec.path)[:2]

    def _corrected(self, spec: Import, unit: ResolvedUnit) -> str:
        """The true path of the package under test, in place of one that the model invented."""
        path = self.context.import_path if self.context else None
        if path is None or path == spec.path:
            return spec.path
        self._note("import_corrected", f"{spec.path} -> {path}", "the package under test", unit)
        return path

    def missing_imports(self, unit: ResolvedUnit, missing: Selected) -> list[_PackageUse]:
        """The packages that a unit uses without importing them."""
        uses: list[_PackageUse] = []
        for name, members in sorted(missing.items()):
            path, why = self._find(unit, name, members)
            if path is None:
                self._note("unresolved", name, "no matching import or declaration", unit)
            else:
                if why:
                    self._note("import_added", path, why, unit)
                uses.append(_PackageUse(unit, name, path, spelled=name not in package_name_guesses(path)))
        return uses

    def _find(self, unit: ResolvedUnit, name: str, members: set[str]) -> tuple[str | None, str]:
        """The most likely path of a qualifier without an import, and why."""
        reply, context = unit.unit.reply, self.context
        own_reply_first = sorted(self.units, key=lambda item: item.unit.reply != reply)
        for candidate in own_reply_first:
            for spec in candidate.unit.file.imports:
                if _matches(spec, name, members):
                    number = candidate.unit.reply
                    return spec.path, "" if number == reply else f"reply {number} imports it"
        if context is not None:
            if name == self.target.base and not self.target.internal and context.import_path is not None:
                return context.import_path, "the package under test"
            for spec in parse(context.focal).imports:
                if _matches(spec, name, members):
                    return spec.path, "the focal file imports it"
        path, alternatives = stdlib.find_package(name, members)
        also = f"; {', '.join(alternatives)} would match as well" if alternatives else ""
        return path, f"used without an import{also}"

    def allocate_names(self, uses: list[_PackageUse], taken: Collection[str]) -> None:
        """Give every package one name in the file: its own before an alias, a new one if ambiguous."""
        path_of: dict[str, str] = {}
        name_of: dict[str, str] = {}
        grouped: dict[tuple[str, str], list[_PackageUse]] = defaultdict(list)
        for use in sorted(uses, key=lambda use: use.spelled):
            grouped[use.path, use.name].append(use)
        for (path, name), group in grouped.items():
            final, why = name, ""
            already = path in name_of and not any(name_of[path] in use.unit.identifiers for use in group)
            if already:
                final, why = name_of[path], "already imported under this name"
            elif name in taken or path_of.get(name, path) != path:
                final, why = self._alias(group[0]), f"{name} means something else in the file"
            path_of[final] = path
            name_of.setdefault(path, final)
            spelled = final != name or (group[0].spelled and stdlib.package_name(path) != final)
            if name_of[path] != final or not already:
                self.result.specs.add((final if spelled else "", path))
            if final != name:
                for use in group:
                    self.result.qualifiers.setdefault(id(use.unit.unit), {})[name] = final
                    self._note("import_renamed", f"{name} -> {final} ({path})", why, use.unit)

    def _alias(self, use: _PackageUse) -> str:
        """`cryptorand` for crypto/rand; with a number if that is used as well."""
        parts = [re.sub(r"\W", "", part) for part in use.path.split("/") if not re.fullmatch(r"v\d+", part)]
        name = "".join(parts[-2:]) if len(parts) > 1 else f"{use.name}pkg"
        if self.unused.is_used(name) or not name.isidentifier():
            return self.unused.like(name if name.isidentifier() else use.name)
        self.unused.reserve(name)
        return name

    def _note(self, kind: str, what: str, why: str, unit: ResolvedUnit) -> None:
        self.result.notes.append(Note(kind, what, why, unit.unit.reply))


def _matches(spec: Import, name: str, members: set[str]) -> bool:
    """Whether an import can be what `name` refers to; outside the standard library any member may exist."""
    names = (spec.name,) if spec.name else (local_name(spec), *package_name_guesses(spec.path)[:1])
    exported = stdlib.exports().get(spec.path)
    return name in names and (exported is None or exported.issuperset(members))


def import_block(specs: set[tuple[str, str]]) -> str:
    """The import declaration: the standard library first, then all others, sorted by path."""
    lines = [(("." in path.split("/")[0]), path, f'{name} "{path}"'.strip()) for name, path in specs]
    groups = ["\n".join(line for is_far, _, line in sorted(lines) if is_far == far) for far in (False, True)]
    body = "\n\n".join(group for group in groups if group)
    if len(specs) == 1:
        return f"import {body}\n"
    return f"import (\n{body}\n)\n" if body else ""
