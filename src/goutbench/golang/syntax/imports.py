"""Import specs, and the name by which a file knows a package whose import gives it none."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from tree_sitter import Node

from goutbench.golang.syntax.references import occurrences

_MAJOR = re.compile(r"v[2-9]\d*|v1\d+")
_GOPKG_MAJOR = re.compile(r"\.v\d+$")
_DOT = re.compile(rb"\s*\.(?!\.)")
_QUALIFIER = re.compile(
    rb"(?<![\w\x80-\xff.])([A-Za-z_\x80-\xff][\w\x80-\xff]*)[ \t]*\.[ \t\r\n]*[A-Za-z_\x80-\xff]"
)


@dataclass(frozen=True, slots=True)
class Import:
    """One import spec. `start` and `end` span the spec; `known_as` is what the file calls the package.

    Without a name of its own a package is known by the name in its package clause, which stands in
    another file: it is inferred from the path and from what this file uses, and None where neither tells.
    """

    name: str | None  # an alias, "." or "_"; None when there is none
    path: str  # unquoted
    start: int
    end: int
    known_as: str | None


def read_imports(source: bytes, declarations: list[Node]) -> tuple[Import, ...]:
    """The specs of the import declarations, in order."""
    specs = [spec for node in declarations for spec in _specs(node)]
    named: list[tuple[Node, str | None, str]] = []
    for spec in specs:
        name, path = spec.child_by_field_name("name"), spec.child_by_field_name("path")
        alias = _text(source, name) if name is not None else None
        named.append((spec, alias, _text(source, path)[1:-1] if path is not None else ""))
    body = max((node.end_byte for node in declarations), default=0)
    known = [alias or _used_guess(source, body, path) for _, alias, path in named]
    if None in known:
        known = _eliminate(source, body, known, [path for _, _, path in named])
    return tuple(
        Import(alias, path, spec.start_byte, spec.end_byte, None if name in (".", "_") else name)
        for (spec, alias, path), name in zip(named, known, strict=True)
    )


@lru_cache(maxsize=4096)
def guesses(path: str) -> tuple[str, ...]:
    """Names that the package of an import path may have, the likeliest first."""
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


def _specs(declaration: Node) -> Iterator[Node]:
    for child in declaration.named_children:
        if child.type == "import_spec":
            yield child
        elif child.type == "import_spec_list":
            yield from (spec for spec in child.named_children if spec.type == "import_spec")


def _used_guess(source: bytes, body: int, path: str) -> str | None:
    for name in guesses(path):
        word = name.encode()
        for at in occurrences(source, (body, len(source)), word):
            if _DOT.match(source, at + len(word)):
                return name
    return None


def _eliminate(source: bytes, body: int, known: list[str | None], paths: list[str]) -> list[str | None]:
    """Gives an unknown package the qualifier that nothing else explains, where its path suggests just one."""
    free = dict.fromkeys(word.decode("utf-8", "replace") for word in _QUALIFIER.findall(source, body))
    left = [word for word in free if word not in known]
    names = list(known)
    for index, path in enumerate(paths):
        if names[index] is None:
            folded = re.sub(r"[^a-z0-9]", "", path.lower())
            likely = [word for word in left if len(word) > 1 and word.lower() in folded and word not in names]
            names[index] = max(likely, key=len, default=None)
    return names


def _text(source: bytes, node: Node) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")
