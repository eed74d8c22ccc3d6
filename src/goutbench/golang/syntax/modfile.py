"""Reads a module's path, its Go version and what it requires from its go.mod."""

import re
from typing import NamedTuple

_MODULE = re.compile(r'^[ \t]*module[ \t]+["`]?([^\s"`]+)', re.MULTILINE)
_GO = re.compile(r"^[ \t]*go[ \t]+([0-9][\w.-]*)", re.MULTILINE)


_REQUIRE = re.compile(r"^[ \t]*require[ \t]*(?:\((.*?)(?:^[ \t]*\)|\Z)|([^(\n]+))", re.MULTILINE | re.DOTALL)
_REQUIREMENT = re.compile(r'^[ \t]*["`]?([^\s"`/(][^\s"`]*)["`]?[ \t]+v\S+(.*)$', re.MULTILINE)


class Module(NamedTuple):
    """A module's path, its Go version and the paths of the modules that it requires directly, in the order of
    the file; each is empty if the file does not declare it."""

    path: str = ""
    go: str = ""
    requires: tuple[str, ...] = ()


def read_module(text: str) -> Module:
    """The module that a go.mod declares; never raises."""
    declared = "\n".join(block or line for block, line in _REQUIRE.findall(text))
    requires = (path for path, comment in _REQUIREMENT.findall(declared) if "// indirect" not in comment)
    path, go = _MODULE.search(text), _GO.search(text)
    return Module(path[1] if path else "", go[1] if go else "", tuple(dict.fromkeys(requires)))
