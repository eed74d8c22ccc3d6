"""Whether a test uses only what is shown beside it: names from elsewhere teach a model to make names up."""

import re

from goutbench.golang.syntax.file import GoFile, free_names
from goutbench.golang.syntax.imports import guesses
from goutbench.golang.syntax.predeclared import PREDECLARED
from goutbench.golang.syntax.references import uses

_FIELD = re.compile(rb"\s*\.\s*([A-Za-z_]\w*)")


def names_from_elsewhere(test: GoFile, shown: GoFile) -> frozenset[str]:
    """The names of the package that a test file uses, and that neither it nor the code shown declares.

    Names are those of declarations, not of fields, methods and keys of literals, which only a type checker
    could place; a dot import counts as a name, as nobody can tell what comes from it.
    """
    own = {name for each in test.declarations if each.kind != "method" for name in each.names}
    known = {name for each in shown.declarations if each.kind != "method" for name in each.names}
    imported = {spec.known_as for spec in test.imports if spec.known_as}
    used = {name for each in test.declarations for name in free_names(test, each)}
    found = used - own - known - imported - PREDECLARED
    for spec in test.imports:
        if spec.name == ".":
            found.add(".")
        elif spec.known_as and shown.package and shown.package in (spec.known_as, *guesses(spec.path)):
            found |= _selected(test, spec.known_as) - known
    return frozenset(found)


def _selected(test: GoFile, qualifier: str) -> set[str]:
    """What a file selects from a package that it calls so."""
    name = qualifier.encode()
    places = (at for each in test.declarations for at in uses(test.source, test.node(each), name))
    found = (_FIELD.match(test.source, at + len(name)) for at in places)
    return {match[1].decode() for match in found if match is not None}
