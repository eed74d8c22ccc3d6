"""Names that a file does not have yet, and those that Go has."""

import re
from collections.abc import Collection, Iterable

# What a reply may mean without declaring it (specification, "Predeclared identifiers").
PREDECLARED = frozenset(
    {
        "any",
        "bool",
        "byte",
        "comparable",
        "complex64",
        "complex128",
        "error",
        "float32",
        "float64",
        "int",
        "int8",
    }
    | {"int16", "int32", "int64", "rune", "string", "uint", "uint8", "uint16", "uint32", "uint64", "uintptr"}
    | {"true", "false", "iota", "nil", "append", "cap", "clear", "close", "complex", "copy", "delete", "imag"}
    | {"len", "make", "max", "min", "new", "panic", "print", "println", "real", "recover"}
)
_EXAMPLE = re.compile(r"Example(?:[^a-z].*)?", re.DOTALL)


class FreshNames:
    """New names that no text of the merge contains, so that none can be captured by another scope."""

    def __init__(self, words: Collection[str]) -> None:
        self.words = set(words)

    def like(self, name: str) -> str:
        """`TestX2`, `helper3`; of an example a name that `go vet` takes for a suffix, as `ExampleX_v2`."""
        for number in range(2, 1_000_000):
            candidate = f"{name}{number}"
            if _EXAMPLE.fullmatch(name):
                candidate = f"{name}V{number}" if name.count("_") > 1 else f"{name}_v{number}"
            if candidate not in self.words:
                self.words.add(candidate)
                return candidate
        raise AssertionError("unreachable: a merge has fewer names")


def words_of(texts: Iterable[bytes]) -> set[str]:
    """Every word of the texts, those in strings and comments too."""
    return {
        word.decode("utf-8", "replace") for text in texts for word in re.findall(rb"[\w\x80-\xff]+", text)
    }
