"""Go's keywords and predeclared identifiers, and new names that no text contains."""

import re
from collections.abc import Collection, Iterable

KEYWORDS = frozenset({
    "break", "case", "chan", "const", "continue", "default", "defer", "else", "fallthrough", "for", "func",
    "go", "goto", "if", "import", "interface", "map", "package", "range", "return", "select", "struct",
    "switch", "type", "var",
})  # fmt: skip

PREDECLARED = frozenset({
    "any", "bool", "byte", "comparable", "complex64", "complex128", "error", "float32", "float64", "int",
    "int8", "int16", "int32", "int64", "rune", "string", "uint", "uint8", "uint16", "uint32", "uint64",
    "uintptr", "true", "false", "iota", "nil", "append", "cap", "clear", "close", "complex", "copy", "delete",
    "imag", "len", "make", "max", "min", "new", "panic", "print", "println", "real", "recover",
})  # fmt: skip
"""Names that every file can use without declaring them (Go specification, "Predeclared identifiers")."""

_EXAMPLE = re.compile(r"Example(?:[^a-z].*)?", re.DOTALL)


class UnusedNames:
    """Creates names that none of the texts contains, so that no scope can capture them."""

    def __init__(self, used: Collection[str]) -> None:
        self._used = set(used)

    def is_used(self, name: str) -> bool:
        """Whether a text contains the name, or it was reserved or created here."""
        return name in self._used

    def reserve(self, name: str) -> None:
        """Marks a name as used."""
        self._used.add(name)

    def like(self, name: str) -> str:
        """`TestX2`, `helper3`; of an example, with a suffix that `go vet` accepts: `ExampleX_v2`."""
        for number in range(2, 1_000_000):
            candidate = f"{name}{number}"
            if _EXAMPLE.fullmatch(name):
                candidate = f"{name}V{number}" if name.count("_") > 1 else f"{name}_v{number}"
            if candidate not in self._used:
                self._used.add(candidate)
                return candidate
        raise AssertionError("unreachable: no merge has a million names")


def all_identifiers(texts: Iterable[bytes]) -> set[str]:
    """Every identifier and number in the texts, including those in strings and comments."""
    return {
        identifier.decode("utf-8", "replace")
        for text in texts
        for identifier in re.findall(rb"[\w\x80-\xff]+", text)
    }
