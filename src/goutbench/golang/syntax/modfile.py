"""Reads a module's path and Go version from its go.mod."""

import re
from typing import NamedTuple

_MODULE = re.compile(r'^[ \t]*module[ \t]+["`]?([^\s"`]+)', re.MULTILINE)
_GO = re.compile(r"^[ \t]*go[ \t]+([0-9][\w.-]*)", re.MULTILINE)


class Module(NamedTuple):
    """A module's path and its Go version; each is empty if the file does not declare it."""

    path: str = ""
    go: str = ""


def read_module(text: str) -> Module:
    """The module that a go.mod declares; never raises."""
    path, go = _MODULE.search(text), _GO.search(text)
    return Module(path[1] if path else "", go[1] if go else "")
