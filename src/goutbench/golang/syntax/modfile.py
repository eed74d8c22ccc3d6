"""What a go.mod says of its module: the path and the version of Go."""

import re
from typing import NamedTuple

_MODULE = re.compile(r'^[ \t]*module[ \t]+["`]?([^\s"`]+)', re.MULTILINE)
_GO = re.compile(r"^[ \t]*go[ \t]+([0-9][\w.-]*)", re.MULTILINE)


class Module(NamedTuple):
    """A module's path and its Go version; empty where the file says nothing of them."""

    path: str = ""
    go: str = ""


def read_module(text: str) -> Module:
    """The module that a go.mod declares; nothing is refused."""
    path, go = _MODULE.search(text), _GO.search(text)
    return Module(path[1] if path else "", go[1] if go else "")
