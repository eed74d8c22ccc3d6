"""Two views of a Go file's tokens as numbers: its text, and its structure with names left open.

Comments, imports, the package clause and formatting are in neither. In the structure, a name stands for the
distance back to where it was last used, so that consistent renaming changes nothing (the `prev` encoding of
B. Baker, "Parameterized Pattern Matching", 1996). Keywords, Go's predeclared names, literals, and what is
selected from an imported package keep their own identity there.
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

_NAME = 1  # the lowest bit of a token's number says whether it is a name that could be another
_MOST_REMEMBERED = 300_000
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 ÷ golden ratio, odd: a multiplier that mixes
_PREDECLARED = frozenset(
    b"any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune "
    b"string uint uint8 uint16 uint32 uint64 uintptr true false iota nil append cap clear close complex copy "
    b"delete imag len make max min new panic print println real recover _ init main".split()
) | frozenset(word.encode() for word in KEYWORDS)


@dataclass(frozen=True, slots=True)
class Views:
    """`text` numbers every token; `back` is how far back a name was last used, 0: nowhere, -1: no name."""

    text: "Numbers"
    back: "NDArray[np.int64]"

    def hash_of_text(self) -> str | None:
        """Equal where only comments, imports, package name or formatting differ; None: there is no token."""
        return _digest(self.text) if len(self.text) else None

    def hash_of_structure(self) -> str | None:
        """Equal also where names were changed consistently; None where there is no token."""
        return _digest(self._opened()) if len(self.text) else None

    def shingles_of_text(self, size: int) -> "Numbers":
        """A number for each run of `size` tokens, in order; none where the file is shorter."""
        count = max(len(self.text) - size + 1, 0)
        total = np.zeros(count, dtype=np.uint64)
        for offset in range(size):
            total = total * _FACTOR + self.text[offset : offset + count]
        return mixed(total)

    def shingles_of_structure(self, size: int) -> "Numbers":
        """The same, with a name known only by where it stands again in the run."""
        count = max(len(self.text) - size + 1, 0)
        total = np.zeros(count, dtype=np.uint64)
        opened, first = self._opened(), mixed(np.zeros(1, dtype=np.uint64))
        for offset in range(size):
            beyond = self.back[offset : offset + count] > offset
            total = total * _FACTOR + np.where(beyond, first, opened[offset : offset + count])
        return mixed(total)

    def _opened(self) -> "Numbers":
        return np.where(self.back < 0, self.text, mixed(self.back.astype(np.uint64)))


def views(source: bytes) -> Views:
    """Both views of a Go file, or of any text: the tokens are Go's."""
    tokens, imports = without_header(lex(source))
    known = _numbers()
    if len(known) > _MOST_REMEMBERED:
        known.clear()
    text = np.fromiter(map(known.__getitem__, tokens), dtype=np.uint64, count=len(tokens))
    text = text[_essential(text, known)]
    packages = [known[name or _last(path)] for name, path in imports]
    return Views(text, _distances(text, packages, known))


class _Numbers(dict[bytes, int]):
    """Token → number, equal on every machine."""

    def __missing__(self, token: bytes) -> int:
        number = int.from_bytes(hashlib.blake2b(token, digest_size=8).digest(), "little") & ~_NAME
        is_name = token[0] >= 128 or token[:1].isalpha() or token[:1] == b"_"
        self[token] = number | _NAME if is_name and token not in _PREDECLARED else number
        return self[token]


@cache
def _numbers() -> _Numbers:
    return _Numbers()


def _essential(text: "Numbers", known: _Numbers) -> "NDArray[np.bool_]":
    """Not a semicolon, nor a comma before a closing bracket: these come and go with line breaks."""
    closes = np.isin(text, np.array([known[b")"], known[b"}"], known[b"]"]], dtype=np.uint64))
    trailing = (text == np.uint64(known[b","])) & np.append(closes[1:], False)
    essential: NDArray[np.bool_] = ~trailing & (text != np.uint64(known[b";"]))
    return essential


def _distances(text: "Numbers", packages: list[int], known: _Numbers) -> "NDArray[np.int64]":
    is_name = (text & np.uint64(_NAME)).astype(bool)
    if packages:
        dots = np.append(text[1:] == np.uint64(known[b"."]), False)
        (qualifiers,) = np.nonzero(np.isin(text, np.array(packages, dtype=np.uint64)) & dots[: len(text)])
        is_name[qualifiers] = False
        is_name[np.minimum(qualifiers + 2, len(text) - 1)] = False
    (places,) = np.nonzero(is_name)
    order = np.argsort(text[places], kind="stable")
    sorted_places, sorted_names = places[order], text[places][order]
    again = sorted_names[1:] == sorted_names[:-1]
    back = np.full(len(text), -1, dtype=np.int64)
    back[places] = 0
    back[sorted_places[1:][again]] = np.diff(sorted_places)[again]
    return back


def _last(path: bytes) -> bytes:
    return path[1:-1].rsplit(b"/", 1)[-1] or b"_"


def mixed(numbers: "Numbers") -> "Numbers":
    """The finaliser of splitmix64 (S. Vigna): every bit of the input reaches every bit."""
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def folded(rows: "NDArray[np.uint32]") -> "Numbers":
    """One number for each row of a matrix."""
    total = np.zeros(len(rows), dtype=np.uint64)
    for column in rows.T:
        total = mixed(total * _FACTOR + column)
    return total


def _digest(numbers: "Numbers") -> str:
    return hashlib.blake2b(numbers.astype("<u8").tobytes(), digest_size=16).hexdigest()
