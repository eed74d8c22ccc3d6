"""The import declaration of a merged file: what the kept declarations use, each package by one clear name."""

import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from goutbench.assemble.naming import Kept
from goutbench.assemble.package_context import PackageContext
from goutbench.assemble.placing import Place, Source
from goutbench.golang.syntax import stdlib
from goutbench.golang.syntax.file import parse
from goutbench.golang.syntax.imports import Import, guesses
from goutbench.golang.syntax.predeclared import FreshNames
from goutbench.golang.syntax.stdlib import local_name
from goutbench.records import Note


@dataclass(slots=True)
class Imports:
    """Specs as (name, path), the name empty where none is needed, and by unit the new qualifiers."""

    specs: set[tuple[str, str]] = field(default_factory=set)
    qualifiers: dict[int, dict[str, str]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A package that a unit uses under `name`; `spelled` when its import has to give that name."""

    source: Source
    name: str
    path: str
    spelled: bool


def settle_imports(
    sources: list[Source],
    kept: list[Kept],
    place: Place,
    context: PackageContext | None,
    fresh: FreshNames,
) -> Imports:
    """Unites the imports; drops what nothing uses, adds what is missing, renames where names clash."""
    result = Imports()
    used = {id(source.unit): _qualifiers(source, kept) for source in sources}
    declared = {new for each in kept for new in (each.renamed.get(n, n) for n in each.piece.declares)}
    originals = {name for each in kept for name in each.piece.declares}
    package = (context.names if place.internal else context.external_names) if context else frozenset()
    wanted: list[_Wanted] = []
    for source in sources:
        wanted += _given(source, used[id(source.unit)], originals | package, place, context, result)
    for source in sources:
        bound = {each.name for each in wanted if each.source is source}
        missing = {n: m for n, m in used[id(source.unit)].items() if n not in bound | originals | package}
        if place.internal:
            missing = {name: m for name, m in missing.items() if name not in source.own}
        wanted += _missing(source, missing, sources, place, context, result)
    _allocate(wanted, frozenset(declared | package), fresh, result)
    # an import that one block has and another uses is not dropped
    paths = {path for _, path in result.specs}
    result.notes = [n for n in result.notes if n.kind != "import_dropped" or n.what not in paths]
    return result


def _qualifiers(source: Source, kept: list[Kept]) -> dict[str, set[str]]:
    """Free names that the kept declarations of a unit select from, with what they select."""
    found: dict[str, set[str]] = defaultdict(set)
    for each in kept:
        if each.piece.unit is source.unit:
            for use in each.piece.uses:
                if use.binding < 0 and use.member:
                    found[use.text].add(use.member)
    return found


def _given(
    source: Source,
    used: dict[str, set[str]],
    declared: Collection[str],
    place: Place,
    context: PackageContext | None,
    result: Imports,
) -> list[_Wanted]:
    """The unit's own imports that are used; blank and dot imports go straight into the result."""
    wanted: dict[str, _Wanted] = {}
    reply = source.unit.reply
    for spec in source.unit.file.imports:
        is_own = _is_own(spec, source, place, context)
        name = local_name(spec) or ""
        if spec.name is None and name not in guesses(spec.path) and name in declared:
            name = ""  # it was inferred from a qualifier that is no package
        path = spec.path
        if is_own and not place.internal and name in used:
            path = _corrected(spec, context, result, reply)
        if is_own and place.internal:
            result.notes.append(Note("import_dropped", spec.path, "a package cannot import itself", reply))
        elif spec.name in ("_", "."):
            result.specs.add((spec.name, path))
        elif name not in used:
            result.notes.append(Note("import_dropped", spec.path, "nothing that is kept uses it", reply))
        elif name in wanted and wanted[name].path != path:
            result.notes.append(Note("import_dropped", path, f"the reply imports another {name}", reply))
        else:
            wanted[name] = _Wanted(source, name, path, spelled=spec.name is not None)
    return list(wanted.values())


def _is_own(spec: Import, source: Source, place: Place, context: PackageContext | None) -> bool:
    if spec.name not in ("_", ".") and local_name(spec) in source.own:
        return True
    path = context.import_path if context else None
    return spec.path == path if path else spec.name == "." and place.base in guesses(spec.path)[:2]


def _corrected(spec: Import, context: PackageContext | None, result: Imports, reply: int) -> str:
    """The true path of the package under test, for one that the model made up."""
    if context is None or context.import_path in (None, spec.path):
        return spec.path
    assert context.import_path is not None
    result.notes.append(
        Note("import_corrected", f"{spec.path} -> {context.import_path}", "the package under test", reply)
    )
    return context.import_path


def _missing(
    source: Source,
    missing: dict[str, set[str]],
    sources: list[Source],
    place: Place,
    context: PackageContext | None,
    result: Imports,
) -> list[_Wanted]:
    found: list[_Wanted] = []
    reply = source.unit.reply
    for name, members in sorted(missing.items()):
        path, why = _find(source, name, members, sources, place, context)
        if path is None:
            result.notes.append(Note("unresolved", name, "no import or declaration of it is known", reply))
        else:
            if why:
                result.notes.append(Note("import_added", path, why, reply))
            found.append(_Wanted(source, name, path, spelled=name not in guesses(path)))
    return found


def _find(
    source: Source,
    name: str,
    members: set[str],
    sources: list[Source],
    place: Place,
    context: PackageContext | None,
) -> tuple[str | None, str]:
    """The path that a qualifier without an import most likely means, and why."""
    own_reply_first = sorted(sources, key=lambda other: other.unit.reply != source.unit.reply)
    for other in own_reply_first:
        for spec in other.unit.file.imports:
            if _known_as(spec, name) and _offers(spec.path, members):
                is_own = other.unit.reply == source.unit.reply
                return spec.path, "" if is_own else f"reply {other.unit.reply} imports it"
    if name == place.base and not place.internal and context is not None and context.import_path is not None:
        return context.import_path, "the package under test"
    for spec in parse(context.focal).imports if context is not None else ():
        if _known_as(spec, name) and _offers(spec.path, members):
            return spec.path, "the focal file imports it"
    path, others = stdlib.find_package(name, members)
    also = f"; {', '.join(others)} would do as well" if others else ""
    return path, f"used without an import{also}"


def _known_as(spec: Import, name: str) -> bool:
    return name == spec.name if spec.name else name in (local_name(spec), *guesses(spec.path)[:1])


def _offers(path: str, members: set[str]) -> bool:
    """Whether these selectors can mean the package; of one outside the standard library nothing is known."""
    names = stdlib.exports().get(path)
    return names is None or names.issuperset(members)


def _allocate(wanted: list[_Wanted], taken: frozenset[str], fresh: FreshNames, result: Imports) -> None:
    """Gives every package one name in the file: its own before an alias, a new one if ambiguous."""
    by_name: dict[str, str] = {}
    by_path: dict[str, str] = {}
    users: dict[tuple[str, str], list[_Wanted]] = defaultdict(list)
    for each in sorted(wanted, key=lambda each: each.spelled):
        users[each.path, each.name].append(each)
    for (path, name), units in users.items():
        final, why = name, ""
        if path in by_path and not any(by_path[path] in each.source.identifiers for each in units):
            final, why = by_path[path], "imported under this name already"
        elif name in taken or by_name.get(name, path) != path:
            final, why = _alias(units[0], fresh), f"{name} means something else in the file"
        by_name[final] = path
        by_path.setdefault(path, final)
        spelled = final != name or (units[0].spelled and stdlib.package_name(path) != final)
        if by_path[path] != final or not why.startswith("imported"):
            result.specs.add((final if spelled else "", path))
        if final != name:
            for each in units:
                result.qualifiers.setdefault(id(each.source.unit), {})[name] = final
                note = Note("import_renamed", f"{name} -> {final} ({path})", why, each.source.unit.reply)
                result.notes.append(note)


def _alias(wanted: _Wanted, fresh: FreshNames) -> str:
    """`cryptorand` for crypto/rand; with a number where that is taken too."""
    parts = [re.sub(r"\W", "", part) for part in wanted.path.split("/") if not re.fullmatch(r"v\d+", part)]
    name = "".join(parts[-2:]) if len(parts) > 1 else f"{wanted.name}pkg"
    if name in fresh.words or not name.isidentifier():
        return fresh.like(name if name.isidentifier() else wanted.name)
    fresh.words.add(name)
    return name


def import_block(specs: set[tuple[str, str]]) -> str:
    """The declaration: the standard library first, then the rest, each sorted by path."""
    lines = [(("." in path.split("/")[0]), path, f'{name} "{path}"'.strip()) for name, path in specs]
    groups = ["\n".join(line for is_far, _, line in sorted(lines) if is_far == far) for far in (False, True)]
    body = "\n\n".join(group for group in groups if group)
    if len(specs) == 1:
        return f"import {body}\n"
    return f"import (\n{body}\n)\n" if body else ""
