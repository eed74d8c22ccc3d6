"""Reads import specs, and infers the name by which a file refers to a package without an alias."""

import re
from functools import lru_cache

from tree_sitter import Node

from goutbench.golang.syntax.file import Import, node_text
from goutbench.golang.syntax.references import occurrences

_MAJOR = re.compile(r"v[2-9]\d*|v1\d+")
_GOPKG_MAJOR = re.compile(r"\.v\d+$")
_DOT = re.compile(rb"\s*\.(?!\.)")
_QUALIFIER = re.compile(
    rb"(?<![\w\x80-\xff.])([A-Za-z_\x80-\xff][\w\x80-\xff]*)[ \t]*\.[ \t\r\n]*[A-Za-z_\x80-\xff]"
)


def read_imports(source: bytes, declarations: list[Node]) -> tuple[Import, ...]:
    """The specs of the import declarations, in order."""
    children = [child for node in declarations for child in node.named_children]
    nested = [child.named_children if child.type == "import_spec_list" else [child] for child in children]
    specs = [spec for group in nested for spec in group if spec.type == "import_spec"]
    aliases: list[str | None] = []
    paths: list[str] = []
    for spec in specs:
        name, path = spec.child_by_field_name("name"), spec.child_by_field_name("path")
        aliases.append(node_text(source, name) if name is not None else None)
        paths.append(node_text(source, path)[1:-1] if path is not None else "")
    body = max((node.end_byte for node in declarations), default=0)
    names = [alias or _used_guess(source, body, path) for alias, path in zip(aliases, paths, strict=True)]
    if None in names:
        names = _infer_missing_names(source, body, names, paths)
    return tuple(
        Import(alias, path, spec.start_byte, spec.end_byte, None if name in (".", "_") else name)
        for spec, alias, path, name in zip(specs, aliases, paths, names, strict=True)
    )


@lru_cache(maxsize=4096)
def package_name_guesses(path: str) -> tuple[str, ...]:
    """Possible names of the package at an import path, the most likely first."""
    *folders, last = path.split("/")
    bases = [last]
    if folders and _MAJOR.fullmatch(last):
        bases.insert(0, folders[-1])
    names: list[str] = []
    for base in bases:
        base = _GOPKG_MAJOR.sub("", base)
        stem = base.removeprefix("go-").removesuffix("-go").removesuffix(".go").removeprefix("go.")
        names += [
            base,
            stem,
            stem.replace("-", "_"),
            stem.replace("-", ""),
            *reversed(re.split(r"[-.]", stem)),
        ]
    return tuple(dict.fromkeys(name for name in names if name.isidentifier()))


def _used_guess(source: bytes, body: int, path: str) -> str | None:
    """The first guess that the source after offset `body` uses as a qualifier."""
    for name in package_name_guesses(path):
        encoded = name.encode()
        for at in occurrences(source, (body, len(source)), encoded):
            if _DOT.match(source, at + len(encoded)):
                return name
    return None


def _infer_missing_names(
    source: bytes, body: int, names: list[str | None], paths: list[str]
) -> list[str | None]:
    """Fills each missing name with the longest qualifier of no other import that its path contains."""
    qualifiers = dict.fromkeys(name.decode("utf-8", "replace") for name in _QUALIFIER.findall(source, body))
    unexplained = [qualifier for qualifier in qualifiers if qualifier not in names]
    inferred = list(names)
    for index, path in enumerate(paths):
        if inferred[index] is None:
            folded = re.sub(r"[^a-z0-9]", "", path.lower())
            candidates = [
                name
                for name in unexplained
                if len(name) > 1 and name.lower() in folded and name not in inferred
            ]
            inferred[index] = max(candidates, key=len, default=None)
    return inferred
