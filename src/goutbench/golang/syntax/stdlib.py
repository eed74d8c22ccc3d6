"""The packages of the standard library and their exported names, from data/stdlib.txt."""

from collections.abc import Collection
from functools import cache
from importlib.resources import files

from goutbench.golang.syntax.file import Import

# The packages that tests use more often, for names whose selectors do not decide between packages.
_PREFERRED = {
    "rand": "math/rand",
    "template": "text/template",
    "scanner": "text/scanner",
    "pprof": "runtime/pprof",
}


@cache
def exports() -> dict[str, frozenset[str]]:
    """Exported names by import path."""
    return {path: names for path, (_, names) in _packages().items()}


def package_name(path: str) -> str | None:
    """The name of a standard-library package; None if the path is not one."""
    package = _packages().get(path)
    return package[0] if package else None


def local_name(spec: Import) -> str | None:
    """The name by which a file refers to an imported package; it is inferred outside the standard library."""
    return spec.name or package_name(spec.path) or spec.local_name


def find_package(name: str, selected: Collection[str]) -> tuple[str | None, tuple[str, ...]]:
    """The package `name` that exports all of `selected` (None: there is none), and the alternatives."""
    matches = [
        path
        for path, (package, names) in _packages().items()
        if package == name and names.issuperset(selected)
    ]
    matches.sort(key=lambda path: (path != _PREFERRED.get(name), len(path), path))
    return (matches[0], tuple(matches[1:])) if matches else (None, ())


@cache
def _packages() -> dict[str, tuple[str, frozenset[str]]]:
    text = (files("goutbench.golang.syntax") / "data" / "stdlib.txt").read_text("utf-8")
    rows = [line.split(" ") for line in text.splitlines() if not line.startswith("#")]
    return {path: (name, frozenset(names)) for path, name, *names in rows}
