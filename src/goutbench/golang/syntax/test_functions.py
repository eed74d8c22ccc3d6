"""Decides by name and parameters which functions `go test` runs."""

import re

from tree_sitter import Node

_NAME = rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*"
_TEST = re.compile(r"(Test|Benchmark|Example|Fuzz)(.*)", re.DOTALL)
_PARAMETER = re.compile(rb"\(\s*(?:" + _NAME + rb"\s+)?\*\s*(?:" + _NAME + rb"\s*\.\s*)?([TBF])\s*,?\s*\)")
_PARAMETER_OF = {"Test": b"T", "Benchmark": b"B", "Fuzz": b"F"}


def split_test_name(name: str) -> tuple[str, str] | None:
    """Splits `TestXxx` into ("Test", "Xxx"); None if Go does not accept it as the name of a test.

    Go's rule: the text after the prefix does not begin with a lower-case letter.
    """
    match = _TEST.fullmatch(name)
    return None if match is None or match[2][:1].islower() else (match[1], match[2])


def test_kind(source: bytes, name: str, function: Node) -> str | None:
    """The kind (test, benchmark, example, fuzz) of a function that `go test` runs, else None."""
    parts = split_test_name(name)
    if parts is None or function.child_by_field_name("type_parameters") is not None:
        return None
    parameters = function.child_by_field_name("parameters")
    text = source[parameters.start_byte : parameters.end_byte] if parameters is not None else b""
    if parts[0] == "Example":
        is_example = not text[1:-1].strip() and function.child_by_field_name("result") is None
        return "example" if is_example else None
    parameter = _PARAMETER.fullmatch(text)
    return parts[0].lower() if parameter is not None and parameter[1] == _PARAMETER_OF[parts[0]] else None
