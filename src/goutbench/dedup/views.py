"""Two views of a Go file's tokens as numbers: its text, and its structure regardless of names.

Neither contains comments, imports, the package clause or formatting. In the structure, a name becomes the
distance to its previous use, so consistent renaming changes nothing (the `prev` encoding of B. Baker,
"Parameterized Pattern Matching", 1996). Keywords, Go's predeclared names, literals, and names selected from
an imported package keep their identity there.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from goutbench.golang.syntax.identifiers import KEYWORDS
from goutbench.golang.syntax.lexer import lex, without_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.uint64]

_NAME = 1  # the lowest bit of a token's number says whether it is a name that can be renamed
_MAX_CACHED = 300_000
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 ÷ golden ratio, odd: a multiplier that mixes
_PREDECLARED = frozenset(
    b"any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune "
    b"string uint uint8 uint16 uint32 uint64 uintptr true false iota nil append cap clear close complex copy "
    b"delete imag len make max min new panic print println real recover _ init main".split()
) | frozenset(word.encode() for word in KEYWORDS)


@dataclass(frozen=True, slots=True)
class Views:
    """`text` has a number for each token, `back` the distance to a name's last use; 0: none, -1: no name."""

    text: "Numbers"
    back: "NDArray[np.int64]"

    def hash_of_text(self) -> str | None:
        """Equal if only comments, imports, package name or formatting differ. None if there is no token."""
        return _digest(self.text) if len(self.text) else None

    def hash_of_structure(self) -> str | None:
        """Equal also if names were changed consistently. None if there is no token."""
        return _digest(self._without_names()) if len(self.text) else None

    def shingles_of_text(self, size: int) -> "Numbers":
        """A number for each run of `size` tokens, in order; none if the file is shorter."""
        count = max(len(self.text) - size + 1, 0)
        total = np.zeros(count, dtype=np.uint64)
        for offset in range(size):
            total = total * _FACTOR + self.text[offset : offset + count]
        return mix(total)

    def shingles_of_structure(self, size: int) -> "Numbers":
        """The same; a name counts only by its earlier use in the run."""
        count = max(len(self.text) - size + 1, 0)
        total = np.zeros(count, dtype=np.uint64)
        tokens, first = self._without_names(), mix(np.zeros(1, dtype=np.uint64))
        for offset in range(size):
            beyond = self.back[offset : offset + count] > offset
            total = total * _FACTOR + np.where(beyond, first, tokens[offset : offset + count])
        return mix(total)

    def _without_names(self) -> "Numbers":
        return np.where(self.back < 0, self.text, mix(self.back.astype(np.uint64)))


def views(source: bytes) -> Views:
    """Both views of a Go file, or of any text: the tokens are Go's."""
    tokens, imports = without_header(lex(source))
    numbers = _numbers()
    if len(numbers) > _MAX_CACHED:
        numbers.clear()
    text = np.fromiter(map(numbers.__getitem__, tokens), dtype=np.uint64, count=len(tokens))
    text = text[numbers.essential(text)]
    packages = [numbers[name or path[1:-1].rsplit(b"/", 1)[-1] or b"_"] for name, path in imports]
    return Views(text, numbers.distances(text, packages))


class _Numbers(dict[bytes, int]):
    """The number of each token, the same on every machine."""

    def __missing__(self, token: bytes) -> int:
        number = int.from_bytes(hashlib.blake2b(token, digest_size=8).digest(), "little") & ~_NAME
        is_name = token[0] >= 128 or token[:1].isalpha() or token[:1] == b"_"
        self[token] = number | _NAME if is_name and token not in _PREDECLARED else number
        return self[token]

    def essential(self, text: "Numbers") -> "NDArray[np.bool_]":
        """No semicolons and no commas before a closing bracket: those depend on line breaks."""
        closes = np.isin(text, np.array([self[b")"], self[b"}"], self[b"]"]], dtype=np.uint64))
        trailing = (text == np.uint64(self[b","])) & np.append(closes[1:], False)
        essential: NDArray[np.bool_] = ~trailing & (text != np.uint64(self[b";"]))
        return essential

    def distances(self, text: "Numbers", packages: list[int]) -> "NDArray[np.int64]":
        """The distance of each name to its previous use; see `Views.back`. Names of packages are no names."""
        is_name = (text & np.uint64(_NAME)).astype(bool)
        if packages:
            dots = np.append(text[1:] == np.uint64(self[b"."]), False)
            (qualifiers,) = np.nonzero(np.isin(text, np.array(packages, dtype=np.uint64)) & dots[: len(text)])
            is_name[qualifiers] = False
            is_name[np.minimum(qualifiers + 2, len(text) - 1)] = False
        (positions,) = np.nonzero(is_name)
        order = np.argsort(text[positions], kind="stable")
        sorted_positions, sorted_names = positions[order], text[positions][order]
        repeated = sorted_names[1:] == sorted_names[:-1]
        back = np.full(len(text), -1, dtype=np.int64)
        back[positions] = 0
        back[sorted_positions[1:][repeated]] = np.diff(sorted_positions)[repeated]
        return back


@cache
def _numbers() -> _Numbers:
    return _Numbers()


def mix(numbers: "Numbers") -> "Numbers":
    """The finaliser of splitmix64 (S. Vigna): every bit of the input affects every bit of the result."""
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def fold_rows(rows: "NDArray[np.uint16]") -> "Numbers":
    """A number for each row of a matrix; equal rows have equal numbers."""
    total = np.zeros(len(rows), dtype=np.uint64)
    for column in rows.T:
        total = mix(total * _FACTOR + column)
    return total


def _digest(numbers: "Numbers") -> str:
    return hashlib.blake2b(numbers.astype("<u8").tobytes(), digest_size=16).hexdigest()
