"""A test file without its assertions: what they got is still evaluated, and nothing is checked.

Each call that can fail a test becomes a call of `goutbenchIgnore` with the same arguments, so that they are
still evaluated and no variable becomes unused:

    t.Errorf("got %d", n)         goutbenchIgnore(t, "got %d", n)
    assert.Equal(t, 1, f())       goutbenchIgnore(t, 1, f())
    Expect(f()).To(Equal(1))      goutbenchIgnore(goutbenchIgnore(f()), goutbenchIgnore(Equal(1)))

Functions that an assertion would call, as testify's Panics does, are not called. The expected output of an
example is a check, too: a test calls the example instead. Helpers of other files keep their assertions,
unless their names begin as those of assertions do.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from tree_sitter import Node

from goutbench.golang.analysis.assertion_names import (
    ASSERTIONS,
    DOT_IMPORTED,
    FAILURE_METHODS,
    FLUENT,
    LIBRARIES,
    NAMED_ASSERTION,
)
from goutbench.golang.analysis.assertions import check_calls_in, check_values_in, has_output
from goutbench.golang.analysis.calls import CallSite
from goutbench.golang.syntax.file import Declaration, GoFile
from goutbench.golang.syntax.parser import parse

_HELPER = b"goutbenchIgnore"
_OPEN = _HELPER + b"("
_HELPER_CODE = b"\nfunc " + _HELPER + b"(...interface{}) bool { return true }\n"
_LOCAL = re.compile(rb"\b([A-Za-z_]\w*)\s*:=")
_OUTPUT = re.compile(rb"(?i)(//\s*(?:unordered\s+)?output):")
_MORE_ASSERTIONS = frozenset({"Ok", "NotOk", "Equals"})
_STATEMENTS = ("expression_statement", "defer_statement", "go_statement")
_DOT_IMPORT_USE = b"\nvar _ interface{} = %s\n"

_Edit = tuple[int, int, bytes]
"""Start and end of what is replaced, in bytes, and the replacement."""


def without_assertions(source: bytes) -> bytes:
    """The test file without its assertions; the file itself where it has none."""
    file = parse(source)
    packages = {spec.local_name: spec.path for spec in file.imports if spec.local_name}
    local = {name.decode("utf-8", "replace") for name in _LOCAL.findall(source)}
    calls = [call for call in check_calls_in(file) if _is_assertion(call, packages, local)]
    edits = [edit for call in calls for edit in _call_edits(source, call, packages)]
    edits += [(start, end, _value(source[start:end])) for start, end in check_values_in(file)]
    examples = [file.declarations[test.declaration] for test in file.tests if test.kind == "example"]
    with_output = [example for example in examples if has_output(file, example)]
    edits += [edit for example in with_output for edit in _output_edits(source, example)]
    if not edits:
        return source
    text = _apply(source, edits) + _HELPER_CODE
    text += b"".join(_DOT_IMPORT_USE % name for name in _used_of_dot_imports(file, calls))
    if with_output:
        text += _test_of_examples([example.names[0] for example in with_output])
    return _with_needed_imports(text, _used_imports(file), testing=bool(with_output))


def _is_assertion(call: CallSite, packages: Mapping[str, str], local: Collection[str]) -> bool:
    """Whether a check is a known assertion, or a statement that is named as one.

    Other helpers that get a testing variable may prepare what is tested.
    """
    if call.name in ("Run", "Fuzz"):
        return False
    if call.name in FAILURE_METHODS or (call.is_plain and packages.get(call.owner) in LIBRARIES):
        return True
    if not call.owner and call.name in local:
        return False
    if call.name in DOT_IMPORTED:
        return True
    name = call.name.removesuffix("f")
    named = NAMED_ASSERTION.match(name) or name in ASSERTIONS or name in _MORE_ASSERTIONS
    parent = call.node.parent
    return bool(named) and parent is not None and parent.type in _STATEMENTS


def _call_edits(source: bytes, call: CallSite, packages: Mapping[str, str]) -> Iterator[_Edit]:
    node = call.node
    function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    if function is None or arguments is None:
        return
    chained = list(_chain(node)) if call.name in FLUENT else []
    yield node.start_byte, node.start_byte, _OPEN * len(chained)
    owner = function.child_by_field_name("operand")
    if owner is None or (call.is_plain and call.owner in packages and not _is_shadowed(source, call)):
        yield node.start_byte, arguments.start_byte + 1, _OPEN
    else:  # the variable stays used
        yield node.start_byte, node.start_byte, _OPEN
        yield owner.end_byte, arguments.start_byte + 1, b", "
    yield from _without_spread(arguments)
    end = node.end_byte
    for outer, later in chained:
        yield end, later.start_byte + 1, b", " + _OPEN
        yield from _without_spread(later)
        yield outer.end_byte, outer.end_byte, b")"
        end = outer.end_byte


def _is_shadowed(source: bytes, call: CallSite) -> bool:
    """Whether `assert := assert.New(t)` before the call makes a variable of the package's name."""
    name, function = re.escape(call.owner.encode()), call.node
    while function.parent is not None and function.parent.parent is not None:
        function = function.parent
    before = source[function.start_byte : call.node.start_byte]
    return re.search(rb"\b" + name + rb"\s*:=\s*" + name + rb"\.", before) is not None


def _chain(node: Node) -> Iterator[tuple[Node, Node]]:
    """The calls on the result of a call, on the result of that one, …; each with its arguments."""
    while (selector := node.parent) is not None and selector.type == "selector_expression":
        outer = selector.parent
        if outer is None or outer.type != "call_expression":
            return
        if (arguments := outer.child_by_field_name("arguments")) is None:
            return
        yield outer, arguments
        node = outer


def _without_spread(arguments: Node) -> Iterator[_Edit]:
    """`args...` becomes `args`, since other arguments stand before it now."""
    for argument in arguments.named_children:
        if argument.type == "variadic_argument":
            yield argument.end_byte - 3, argument.end_byte, b""


def _value(method: bytes) -> bytes:
    """A function that does nothing, in place of a failure method that is used as a value."""
    if method.endswith(b"f"):
        return b"func(string, ...interface{}) {}"
    return b"func(...interface{}) {}" if method.endswith((b"Error", b"Fatal")) else b"func() {}"


def _output_edits(source: bytes, example: Declaration) -> Iterator[_Edit]:
    """`// Output:` without its colon is a comment."""
    for match in _OUTPUT.finditer(source, *(example.body or (0, 0))):
        yield match.end(1), match.end(), b""


def _apply(source: bytes, edits: list[_Edit]) -> bytes:
    """The source after the edits; at one place insertions come first, in their order."""
    pieces, end = [], 0
    for start, stop, text in sorted(edits, key=lambda edit: edit[:2]):
        pieces += [source[end:start], text]
        end = stop
    return b"".join([*pieces, source[end:]])


def _used_of_dot_imports(file: GoFile, calls: Sequence[CallSite]) -> list[bytes]:
    """Functions of dot imports that the file calls no more, so that the imports stay used."""
    if not any(spec.name == "." and spec.path in LIBRARIES for spec in file.imports):
        return []
    return sorted({call.name.encode() for call in calls if not call.owner and call.name in DOT_IMPORTED})


def _test_of_examples(names: Sequence[str]) -> bytes:
    body = "".join(f"\t{name}()\n" for name in names)
    return f"\nfunc TestGoutbenchExamples(*testing.T) {{\n{body}}}\n".encode()


def _with_needed_imports(text: bytes, used_before: set[int], *, testing: bool) -> bytes:
    """The file with `testing` imported, if it is needed, and with a blank name for what is used no more."""
    file = parse(text)
    unused = used_before - _used_imports(file)
    edits: list[_Edit] = []
    for spec in (file.imports[index] for index in unused):
        if spec.name not in ("_", "."):
            quoted = text.rindex(spec.path.encode(), spec.start, spec.end) - 1
            edits.append((spec.start, quoted, b"_ "))
    if testing and not any(spec.path == "testing" for spec in file.imports) and file.package_span:
        edits.append((file.package_span[1], file.package_span[1], b'\n\nimport "testing"\n'))
    return _apply(text, edits)


def _used_imports(file: GoFile) -> set[int]:
    """The indices of the imports that declarations use."""
    return {index for declaration in file.declarations for index in declaration.imports}
