"""Which names of a test neither the test file nor its prompt declares.

Training on such tests teaches a model to invent names.
"""

import re

from goutbench.golang.syntax.file import GoFile
from goutbench.golang.syntax.identifiers import PREDECLARED
from goutbench.golang.syntax.imports import package_name_guesses
from goutbench.golang.syntax.links import free_names
from goutbench.golang.syntax.references import uses

_FIELD = re.compile(rb"\s*\.\s*([A-Za-z_]\w*)")


def undeclared_names(test: GoFile, prompt_code: GoFile) -> frozenset[str]:
    """The names of the package that a test file uses, and that neither it nor the prompt's code declares.

    Only names of declarations count: fields, methods and keys of literals need a type checker. A dot import
    counts as the name ".", because nothing shows which names it introduces.
    """
    declared = prompt_code.top_level_names()
    imported = {spec.local_name for spec in test.imports if spec.local_name}
    used = {name for declaration in test.declarations for name in free_names(test, declaration)}
    undeclared = used - test.top_level_names() - declared - imported - PREDECLARED
    package = prompt_code.package
    for spec in test.imports:
        if spec.name == ".":
            undeclared.add(".")
        elif spec.local_name and package and package in (spec.local_name, *package_name_guesses(spec.path)):
            undeclared |= _selected_from(test, spec.local_name) - declared
    return frozenset(undeclared)


def _selected_from(test: GoFile, qualifier: str) -> set[str]:
    """The names that a file selects from the package that it refers to as `qualifier`."""
    name = qualifier.encode()
    nodes = map(test.node, test.declarations)
    ends = (at + len(name) for node in nodes for at in uses(test.source, node, name))
    return {match[1].decode() for end in ends if (match := _FIELD.match(test.source, end))}
