"""Which functions `go test` runs, told by name and parameter."""

import re

from tree_sitter import Node

_NAME = rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*"
_TEST = re.compile(r"(Test|Benchmark|Example|Fuzz)(?P<rest>.*)", re.DOTALL)
_PARAMETER = re.compile(rb"\(\s*(?:" + _NAME + rb"\s+)?\*\s*(?:" + _NAME + rb"\s*\.\s*)?([TBF])\s*,?\s*\)")
_PARAMETER_OF = {"Test": b"T", "Benchmark": b"B", "Fuzz": b"F"}


def split_test_name(name: str) -> tuple[str, str] | None:
    """("Test", "Xxx") of `TestXxx`; None where Go would not take it for the name of a test.

    Go's rule: what follows the prefix does not begin with a lower-case letter.
    """
    found = _TEST.fullmatch(name)
    return None if found is None or found["rest"][:1].islower() else (found[1], found["rest"])


def test_kind(source: bytes, name: str, function: Node) -> str | None:
    """The kind (test, benchmark, example, fuzz) of a function that `go test` would run, else None."""
    parts = split_test_name(name)
    if parts is None or function.child_by_field_name("type_parameters") is not None:
        return None
    parameters = function.child_by_field_name("parameters")
    text = source[parameters.start_byte : parameters.end_byte] if parameters is not None else b""
    if parts[0] == "Example":
        plain = not text[1:-1].strip() and function.child_by_field_name("result") is None
        return "example" if plain else None
    parameter = _PARAMETER.fullmatch(text)
    return parts[0].lower() if parameter is not None and parameter[1] == _PARAMETER_OF[parts[0]] else None
