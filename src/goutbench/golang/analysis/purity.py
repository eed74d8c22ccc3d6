"""Functions that only compute: their results depend on their arguments alone, as far as the syntax shows.

A model needs no context to test them: a call and a comparison are a test.
"""

import re

from tree_sitter import Node, QueryCursor

from goutbench.golang.syntax.file import Declaration, GoFile, go_query
from goutbench.golang.syntax.identifiers import PREDECLARED
from goutbench.golang.syntax.links import free_names

_EFFECTS = """
[(go_statement) (channel_type) (send_statement) (select_statement) (defer_statement)] @it
(unary_expression operator: "<-") @it
"""
_PLAIN_TYPES = PREDECLARED & frozenset(
    """
    bool string byte rune int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64
    float32 float64 complex64 complex128
    """.split()  # noqa: SIM905
)
_NOT_PLAIN = frozenset({
    "channel_type", "function_type", "generic_type", "interface_type", "pointer_type", "qualified_type",
    "struct_type",
})  # fmt: skip
_IMPURE_BUILTINS = frozenset({"print", "println", "recover", "close"})
_PURE_PACKAGES = frozenset(
    """
    bytes cmp encoding/ascii85 encoding/base32 encoding/base64 encoding/binary encoding/hex errors
    hash/adler32 hash/crc32 hash/crc64 hash/fnv html maps math math/bits math/cmplx path slices sort strconv
    strings unicode unicode/utf16 unicode/utf8
    """.split()  # noqa: SIM905
)
_PURE_FMT = frozenset({b"Sprintf", b"Sprint", b"Sprintln", b"Errorf", b"Append", b"Appendf"})


def pure_functions(file: GoFile) -> frozenset[str]:
    """The names of the functions that take and return plain values and only compute.

    Plain values are those of Go's predeclared types, and slices, arrays and maps of them; a result may also
    be an error. A function only computes if it has no goroutine, channel or deferred call, no variable of
    the package, no method of the file's own types, only imports that have no side effects and no state, and
    calls only functions of the file that only compute. It may change the elements of its arguments.
    """
    scope = _FileScope(file)
    called = {
        index: calls
        for index, declaration in enumerate(file.declarations)
        if declaration.kind == "func" and (calls := scope.pure_calls(declaration)) is not None
    }
    while impure := {index for index, calls in called.items() if not calls <= called.keys()}:
        called = {index: calls for index, calls in called.items() if index not in impure}
    candidates = (file.declarations[index] for index in called)
    return frozenset(
        function.names[0]
        for function in candidates
        if function.names[0] != "_" and _has_plain_signature(file.node(function))
    )


class _FileScope:
    """The names of a file: the indices of its declarations, and the paths of its imports."""

    def __init__(self, file: GoFile) -> None:
        self.file = file
        self.imports = {spec.local_name: spec.path for spec in file.imports if spec.local_name}
        self.declarations = {
            name: index
            for index, declaration in enumerate(file.declarations)
            if declaration.kind != "method"
            for name in declaration.names
        }

    def pure_calls(self, declaration: Declaration) -> set[int] | None:
        """The functions of the file that a function uses; None if it has side effects of its own."""
        node = self.file.node(declaration)
        if declaration.body is None or declaration.maybe or QueryCursor(go_query(_EFFECTS)).captures(node):
            return None
        names = free_names(self.file, declaration)
        own = names & self.declarations.keys()
        kinds = {
            index: self.file.declarations[index].kind for index in map(self.declarations.__getitem__, own)
        }
        if "var" in kinds.values() or not all(self.only_computes(name, node) for name in names - own):
            return None
        return {index for index, kind in kinds.items() if kind == "func"}

    def only_computes(self, name: str, node: Node) -> bool:
        """Whether a name that the file does not declare is a package or builtin without side effects."""
        path = self.imports.get(name)
        if path == "fmt":
            selected = rb"\b" + re.escape(name.encode()) + rb"\s*\.\s*(\w+)"
            return set(re.findall(selected, node.text or b"")) <= _PURE_FMT
        return name in PREDECLARED - _IMPURE_BUILTINS if path is None else path in _PURE_PACKAGES


def _has_plain_signature(function: Node) -> bool:
    """Whether a function takes at least one value, returns at least one, and all are plain."""
    parameters, result = function.child_by_field_name("parameters"), function.child_by_field_name("result")
    if parameters is None or result is None or function.child_by_field_name("type_parameters") is not None:
        return False
    return (
        bool(parameters.named_children)
        and _all_types_in(parameters, _PLAIN_TYPES)
        and _all_types_in(result, _PLAIN_TYPES | {"error"})
    )


def _all_types_in(node: Node, names: frozenset[str]) -> bool:
    """Whether all types below a node have these names, or are slices, arrays and maps of such types."""
    if node.type in _NOT_PLAIN:
        return False
    if node.type == "type_identifier":
        return (node.text or b"").decode() in names
    return all(_all_types_in(child, names) for child in node.named_children)
