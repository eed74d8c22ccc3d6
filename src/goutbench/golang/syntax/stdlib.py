"""The packages of the standard library and what they export: data/stdlib.txt, which says of which Go."""

from collections.abc import Collection
from functools import cache
from importlib.resources import files

from goutbench.golang.syntax.imports import Import

# Where the selectors do not decide between packages of one name: what a test is likelier to mean.
_LIKELIER = {
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
    """The name of a standard-library package, None when the path is not one."""
    found = _packages().get(path)
    return found[0] if found else None


def local_name(spec: Import) -> str | None:
    """What a file calls an imported package: certain where the standard library's index has the path."""
    return spec.name or package_name(spec.path) or spec.known_as


def find_package(name: str, selected: Collection[str]) -> tuple[str | None, tuple[str, ...]]:
    """The package called `name` that exports all of `selected`, and the others that would do as well."""
    fitting = [
        path for path, (own, names) in _packages().items() if own == name and names.issuperset(selected)
    ]
    fitting.sort(key=lambda path: (path != _LIKELIER.get(name), len(path), path))
    return (fitting[0], tuple(fitting[1:])) if fitting else (None, ())


@cache
def _packages() -> dict[str, tuple[str, frozenset[str]]]:
    text = (files("goutbench.golang.syntax") / "data" / "stdlib.txt").read_text("utf-8")
    rows = [line.split(" ") for line in text.splitlines() if not line.startswith("#")]
    return {path: (name, frozenset(names)) for path, name, *names in rows}
