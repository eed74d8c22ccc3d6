"""A test that calls every exported function and method of a file with simple values, and checks nothing.

Each call has its own goroutine, a panic ends only the call, and a call that does not return is left after a
tenth of a second. Generic functions are called with `int` where any type will do. Functions of cgo types, of
generic receivers and of other constraints are left out.
"""

import re
from collections.abc import Collection

from tree_sitter import Node

from goutbench.golang.syntax.file import Declaration, GoFile, name_nodes, node_text
from goutbench.golang.syntax.parser import parse

_VALUES = {
    "string": '"a"',
    "bool": "true",
    "error": "nil",
    "any": "nil",
    "interface{}": "nil",
    "[]byte": '[]byte("a")',
    "[]string": '[]string{"a"}',
    "[]int": "[]int{1}",
    **dict.fromkeys(
        ("int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "uintptr",
         "byte", "rune", "float32", "float64", "complex64", "complex128"),
        "1",
    ),
}  # fmt: skip
_ANY_TYPE = re.compile(r"any|comparable|interface\{\}|cmp\.Ordered|constraints\.(?:Ordered|Integer|Signed)")
_QUALIFIER = re.compile(r"(?<![\w.\"])([A-Za-z_]\w*)\.")
_CODE = """package {package}

import (
	goutbenchTesting "testing"
	goutbenchTime "time"
{imports})

func TestGoutbenchSmoke(*goutbenchTesting.T) {{
	for _, call := range []func(){{
{calls}
	}} {{
		done := make(chan struct{{}})
		go func() {{
			defer close(done)
			defer func() {{ _ = recover() }}()
			call()
		}}()
		select {{
		case <-done:
		case <-goutbenchTime.After(100 * goutbenchTime.Millisecond):
		}}
	}}
}}
"""


def smoke_test(source: bytes) -> bytes:
    """The test file, in the package of the focal file."""
    file = parse(source)
    imported = {spec.local_name: spec for spec in file.imports if spec.local_name}
    calls = [
        call
        for declaration in file.declarations
        if declaration.is_function and (call := _call(file, declaration))
        if set(_QUALIFIER.findall(call)) <= imported.keys()
    ]
    used = {name for call in calls for name in _QUALIFIER.findall(call)}
    imports = {name: f'\t{spec.name or ""} "{spec.path}"\n' for name, spec in imported.items()}
    return _CODE.format(
        package=file.package or "main",
        imports="".join(sorted(imports[name].replace("\t ", "\t") for name in used)),
        calls="\n".join(f"\t\tfunc() {{ {call} }}," for call in calls),
    ).encode()


def _call(file: GoFile, declaration: Declaration) -> str:
    """The call of an exported function; empty if there is none."""
    name, receiver = declaration.names[0], declaration.receiver or "X"
    node = file.node(declaration)
    if not (name[:1].isupper() and receiver[:1].isupper()):
        return ""
    types = _type_parameters(file.source, node)
    values = _values(file, node, types or ())
    if types is None or values is None or any("C." in value for value in values):
        return ""
    if declaration.kind == "method":
        of_generic = "[" in node_text(file.source, node).partition(")")[0]
        return "" if of_generic else f"new({receiver}).{name}({', '.join(values)})"
    instance = f"[{', '.join(['int'] * len(types))}]" if types else ""
    return f"{name}{instance}({', '.join(values)})"


def _type_parameters(source: bytes, node: Node) -> list[str] | None:
    """The names of a function's type parameters; None where `int` may not do for each."""
    parameters = node.child_by_field_name("type_parameters")
    names: list[str] = []
    for parameter in parameters.named_children if parameters is not None else ():
        constraint = parameter.child_by_field_name("type")
        if constraint is None or not _ANY_TYPE.fullmatch(node_text(source, constraint)):
            return None
        names += [node_text(source, name) for name in name_nodes(parameter)]
    return names


def _values(file: GoFile, node: Node, type_parameters: Collection[str]) -> list[str] | None:
    """A value for each parameter of a function; none for a variadic one."""
    source, has_context = file.source, any(spec.path == spec.local_name == "context" for spec in file.imports)
    parameters = node.child_by_field_name("parameters")
    values: list[str] = []
    for parameter in parameters.named_children if parameters is not None else ():
        if parameter.type != "parameter_declaration":
            continue
        type_node = parameter.child_by_field_name("type")
        if type_node is None:
            return None
        text = node_text(source, type_node)
        for name in type_parameters:
            text = re.sub(rf"\b{re.escape(name)}\b", "int", text)
        value = "context.Background()" if has_context and text == "context.Context" else _value(text)
        values += [value] * (len(name_nodes(parameter)) or 1)
    return values


def _value(type_text: str) -> str:
    """A simple value of a type: a constant, a new object for a pointer, otherwise the zero value."""
    if type_text in _VALUES:
        return _VALUES[type_text]
    return f"new({type_text[1:]})" if type_text.startswith("*") else f"*new({type_text})"
