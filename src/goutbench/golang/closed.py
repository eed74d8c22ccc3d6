"""Whether a test uses only what is shown beside it: names from elsewhere teach a model to make names up."""

import re

from goutbench.golang.fresh import PREDECLARED
from goutbench.golang.imports import guesses
from goutbench.golang.syntax import GoFile, free_names


def names_from_elsewhere(test: GoFile, shown: GoFile) -> frozenset[str]:
    """The names of the package that a test file uses, and that neither it nor the code shown declares.

    Names are those of declarations, not of fields and methods, which only a type checker could place; a dot
    import counts as a name, as nobody can tell what comes from it.
    """
    own = {name for each in test.declarations if each.kind != "method" for name in each.names}
    known = {name for each in shown.declarations if each.kind != "method" for name in each.names}
    imported = {spec.known_as for spec in test.imports if spec.known_as}
    used = {name for each in test.declarations for name in free_names(test, each)}
    found = used - own - known - imported - PREDECLARED
    for spec in test.imports:
        if spec.name == ".":
            found.add(".")
        elif spec.known_as and (shown.package or "") in guesses(spec.path):
            found |= _selected(test.source, spec.known_as) - known
    return frozenset(found)


def _selected(source: bytes, qualifier: str) -> set[str]:
    pattern = rb"(?<![\w.])" + re.escape(qualifier.encode()) + rb"\s*\.\s*(\w+)"
    return {name.decode() for name in re.findall(pattern, source)}
