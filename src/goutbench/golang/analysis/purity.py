"""Functions that only compute: results from arguments, as far as the syntax shows.

Small models can be asked about these without a word of the world around: a call and a comparison make a test.
"""

import re
from typing import NamedTuple

from tree_sitter import Node, QueryCursor

from goutbench.golang.syntax.file import Declaration, GoFile, free_names, go_query
from goutbench.golang.syntax.predeclared import PREDECLARED

_WORLD = """
[(go_statement) (channel_type) (send_statement) (select_statement) (defer_statement)] @it
(unary_expression operator: "<-") @it
"""
_VALUES = PREDECLARED & frozenset(
    """
    bool string byte rune int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64
    float32 float64 complex64 complex128
    """.split()  # noqa: SIM905
)
_SPEAKING = frozenset({"print", "println", "recover", "close"})
_COMPUTING = frozenset(
    """
    bytes cmp encoding/ascii85 encoding/base32 encoding/base64 encoding/binary encoding/hex errors
    hash/adler32 hash/crc32 hash/crc64 hash/fnv html maps math math/bits math/cmplx path slices sort strconv
    strings unicode unicode/utf16 unicode/utf8
    """.split()  # noqa: SIM905
)
_FORMATTING = frozenset({b"Sprintf", b"Sprint", b"Sprintln", b"Errorf", b"Append", b"Appendf"})


def pure_functions(file: GoFile) -> frozenset[str]:
    """The names of the functions that take and give plain values and only compute.

    Plain values are those of Go's predeclared types, and slices, arrays and maps of these; a result may be
    an error, too. Only computing means: no goroutine, channel or deferred call, no variable of the package,
    no method of the file's own types, imports that neither touch the outside nor keep state, and of the
    file's own functions only ones that do no more. What a slice or map among the arguments holds may change.
    """
    computing = _computing(file)
    return frozenset(
        each.names[0]
        for index, each in enumerate(file.declarations)
        if index in computing and _plain(file, each) and each.names[0] != "_"
    )


def _computing(file: GoFile) -> set[int]:
    """The functions, by index, that only compute, and call only functions that do."""
    world = _World(
        places={
            name: index
            for index, each in enumerate(file.declarations)
            if each.kind != "method"
            for name in each.names
        },
        imports={spec.known_as: spec.path for spec in file.imports if spec.known_as},
    )
    called = {
        index: found
        for index, each in enumerate(file.declarations)
        if each.kind == "func" and (found := _calls(file, each, world)) is not None
    }
    while worse := {index for index, found in called.items() if not found <= called.keys()}:
        called = {index: found for index, found in called.items() if index not in worse}
    return set(called)


class _World(NamedTuple):
    """What a name of the file stands for: the index of its declaration, or an import's path."""

    places: dict[str, int]
    imports: dict[str, str]


def _calls(file: GoFile, each: Declaration, world: _World) -> set[int] | None:
    """The functions of the file that one uses; None where it does something besides computing."""
    node = file.node(each)
    if each.body is None or each.maybe or QueryCursor(go_query(_WORLD)).captures(node):
        return None
    names = free_names(file, each)
    own = names & world.places.keys()
    used = {world.places[name]: file.declarations[world.places[name]].kind for name in own}
    if "var" in used.values() or not all(_computes(name, node, world) for name in names - own):
        return None
    return {index for index, kind in used.items() if kind == "func"}


def _computes(name: str, node: Node, world: _World) -> bool:
    """Whether a name from outside the file is a package, or a word of Go's own, that only computes."""
    path = world.imports.get(name)
    if path is None:
        return name in PREDECLARED - _SPEAKING
    return path in _COMPUTING or (path == "fmt" and _only_formats(node, name))


def _plain(file: GoFile, each: Declaration) -> bool:
    """Whether a function takes plain values, and gives at least one."""
    node = file.node(each)
    parameters, result = node.child_by_field_name("parameters"), node.child_by_field_name("result")
    if parameters is None or result is None or node.child_by_field_name("type_parameters") is not None:
        return False
    return (
        _values(parameters, _VALUES)
        and bool(parameters.named_children)
        and _values(result, _VALUES | {"error"})
    )


_REFERENCES = frozenset({
    "channel_type", "function_type", "generic_type", "interface_type", "pointer_type", "qualified_type",
    "struct_type",
})  # fmt: skip


def _values(node: Node, names: frozenset[str]) -> bool:
    """Whether all types below a node are of these names, or slices, arrays and maps of them."""
    if node.type in _REFERENCES:
        return False
    if node.type == "type_identifier":
        return (node.text or b"").decode() in names
    return all(_values(child, names) for child in node.named_children)


def _only_formats(node: Node, name: str) -> bool:
    """Whether code uses of package fmt, under that name, only what makes text and errors."""
    selected = rb"\b" + re.escape(name.encode()) + rb"\s*\.\s*(\w+)"
    return set(re.findall(selected, node.text or b"")) <= _FORMATTING
