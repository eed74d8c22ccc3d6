"""Counts the tokens of texts: the seam for the tokenizer of the model in use.

A counter is a Protocol. `estimate` and `bytes` need no file; any `tokenizer.json` of the Hugging Face
`tokenizers` library is named by its path. Nothing is downloaded.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from goutbench.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

DEFAULT = "estimate"

_PIECE = re.compile(rb" ?[A-Z]?[a-z]{1,6}|[A-Z]{1,2}|\d| ?[^\sA-Za-z\d]|\s+")


class TokenCounter(Protocol):
    """Counts tokens. `at_most` is an upper bound from the number of bytes, or None if none is known."""

    @property
    def name(self) -> str: ...

    def count(self, texts: Sequence[str]) -> list[int]: ...

    def at_most(self, source: bytes) -> int | None: ...


@dataclass(frozen=True, slots=True)
class ByteCounter:
    """One token a byte: the upper bound of byte-level BPE, about three times its real count."""

    name: str = "bytes"

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.encode()) for text in texts]

    def at_most(self, source: bytes) -> int | None:
        return _as_text_bytes(source)


@dataclass(frozen=True, slots=True)
class EstimateCounter:
    """Counts parts of words, digits and signs, without a vocabulary: the default.

    On Go sources of at least 2,000 bytes it counts 0.90 to 1.10 times the tokens of a byte-level BPE with
    49,152 entries (64 files, median 1.01). It is not a bound: leave a margin of a tenth, or name the model's
    tokenizer.
    """

    name: str = "estimate"

    def count(self, texts: Sequence[str]) -> list[int]:
        return [_count_pieces(text.encode()) for text in texts]

    def at_most(self, source: bytes) -> int | None:
        return _as_text_bytes(source)


def _count_pieces(text: bytes) -> int:
    """The number of pieces: those of each paragraph, which recurs from chunk to chunk, and one for each gap.

    No piece goes beyond the blank space between two paragraphs, which is one piece.
    """
    if text[:1].isspace():
        return len(_PIECE.findall(text))
    end = text.rstrip()
    paragraphs = [stripped for part in end.split(b"\n\n") if (stripped := part.strip())]
    return sum(map(_count_in_paragraph, paragraphs)) + len(paragraphs) - (end == text and bool(paragraphs))


@lru_cache(maxsize=1 << 14)
def _count_in_paragraph(text: bytes) -> int:
    return len(_PIECE.findall(text))


@dataclass(frozen=True, slots=True)
class FileCounter:
    """A tokenizer of the `tokenizers` library, without its special tokens."""

    name: str
    tokenizer: "Tokenizer"
    per_byte: int  # the most tokens that one byte can make; 0 if unknown

    def count(self, texts: Sequence[str]) -> list[int]:
        encoded = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding) for encoding in encoded]

    def at_most(self, source: bytes) -> int | None:
        if not self.per_byte:
            return None
        # a normaliser can triple the length of text that is not ASCII (Unicode Annex 15, NFC in UTF-8)
        factor = 1 if source.isascii() else 3
        return factor * self.per_byte * _as_text_bytes(source)


@dataclass(frozen=True, slots=True)
class CallableCounter:
    """Any function from a text to its number of tokens."""

    name: str
    function: Callable[[str], int]

    def count(self, texts: Sequence[str]) -> list[int]:
        return [self.function(text) for text in texts]

    def at_most(self, source: bytes) -> int | None:
        return None


COUNTERS: dict[str, Callable[[], TokenCounter]] = {"estimate": EstimateCounter, "bytes": ByteCounter}


def token_counter(tokenizer: "str | Path | Callable[[str], int] | Tokenizer" = DEFAULT) -> TokenCounter:
    """The counter for a name in `COUNTERS`, a tokenizer.json or its folder, a function, or a Tokenizer.

    Raises ConfigError if there is no such file, or if it is not a tokenizer.
    """
    if isinstance(tokenizer, str) and tokenizer in COUNTERS:
        return COUNTERS[tokenizer]()
    if isinstance(tokenizer, str | Path):
        return _read_counter(Path(tokenizer))
    if callable(tokenizer):
        return CallableCounter(getattr(tokenizer, "__name__", "function"), tokenizer)
    return FileCounter("tokenizer", tokenizer, _per_byte(tokenizer))


def tokenizer_file(path: Path) -> Path:
    """The path of a tokenizer.json, given as itself or as its folder; the file need not exist."""
    return path / "tokenizer.json" if path.is_dir() else path


def _read_counter(path: Path) -> TokenCounter:
    from tokenizers import Tokenizer

    file = tokenizer_file(path)
    hint = f"give the path of a tokenizer.json, or one of: {', '.join(COUNTERS)}"
    if not file.is_file():
        raise ConfigError("tokenizer not found", where=str(path), hint=hint)
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exception
        raise ConfigError(f"not a tokenizer: {error}", where=str(file), hint=hint) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return FileCounter(str(path), tokenizer, _per_byte(tokenizer))


def _per_byte(tokenizer: "Tokenizer") -> int:
    """The most tokens that one byte can make; 0 if unknown.

    It is 1 for BPE that starts from the bytes, and 2 if a space is put before each part of the text, since a
    part can be a single byte.
    """
    import json

    settings = json.loads(tokenizer.to_str())
    normalizer = (settings.get("normalizer") or {}).get("type")
    pre_tokenizer: dict[str, Any] = settings.get("pre_tokenizer") or {}
    parts = [pre_tokenizer, *pre_tokenizer.get("pretokenizers", [])]
    byte_level = [part for part in parts if part.get("type") == "ByteLevel"]
    if settings["model"].get("type") != "BPE" or not byte_level or normalizer not in (None, "NFC"):
        return 0
    return 2 if any(part.get("add_prefix_space", True) for part in byte_level) else 1


def _as_text_bytes(source: bytes) -> int:
    """The length of the source as UTF-8 text, where every byte that is not UTF-8 becomes three bytes."""
    if source.isascii():
        return len(source)
    return len(source.decode("utf-8", "replace").encode())
