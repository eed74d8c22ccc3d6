"""How many tokens a text has: the seam for the tokenizer of the model in use.

A counter is a Protocol; `estimate` and `bytes` need nothing, any `tokenizer.json` (of the Hugging Face
`tokenizers` library) is named by its path. Nothing is ever fetched.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from goutbench.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

DEFAULT = "estimate"

_PIECE = re.compile(rb" ?[A-Z]?[a-z]{1,6}|[A-Z]{1,2}|\d| ?[^\sA-Za-z\d]|\s+")


class TokenCounter(Protocol):
    """Counts tokens; `at_most` bounds the count by the bytes alone, or is None where no bound is known."""

    @property
    def name(self) -> str: ...

    def count(self, texts: Sequence[str]) -> list[int]: ...

    def at_most(self, source: bytes) -> int | None: ...


@dataclass(frozen=True, slots=True)
class ByteCounter:
    """One token a byte: the bound that no byte-level BPE passes, about three times what it really takes."""

    name: str = "bytes"

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.encode()) for text in texts]

    def at_most(self, source: bytes) -> int | None:
        return _as_text_bytes(source)


@dataclass(frozen=True, slots=True)
class EstimateCounter:
    """Pieces of words, digits and signs, without a vocabulary: the default.

    On Go sources of 2,000 bytes and more it was 0.90 to 1.10 times the count of a 49,152-entry byte-level
    BPE (64 files, median 1.01). It is no bound: leave a tenth to spare, or name the model's tokenizer.
    """

    name: str = "estimate"

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(_PIECE.findall(text.encode())) for text in texts]

    def at_most(self, source: bytes) -> int | None:
        return _as_text_bytes(source)


@dataclass(frozen=True, slots=True)
class FileCounter:
    """A tokenizer of the `tokenizers` library, without its special tokens."""

    name: str
    tokenizer: "Tokenizer"
    per_byte: int  # tokens that a byte makes at most, 0 where that is not known

    def count(self, texts: Sequence[str]) -> list[int]:
        encoded = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding) for encoding in encoded]

    def at_most(self, source: bytes) -> int | None:
        if not self.per_byte:
            return None
        # a normaliser may lengthen text that is not ASCII: at most threefold (Unicode Annex 15, NFC in UTF-8)
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

    Raises ConfigError where nothing of that name is on this machine.
    """
    if isinstance(tokenizer, str) and tokenizer in COUNTERS:
        return COUNTERS[tokenizer]()
    if isinstance(tokenizer, str | Path):
        return _from_file(Path(tokenizer))
    if callable(tokenizer):
        return CallableCounter(getattr(tokenizer, "__name__", "function"), tokenizer)
    return FileCounter("tokenizer", tokenizer, _per_byte(tokenizer))


def tokenizer_file(path: Path) -> Path:
    """The tokenizer.json that a path names, by itself or by its folder; it need not be there."""
    return path / "tokenizer.json" if path.is_dir() else path


def _from_file(path: Path) -> TokenCounter:
    from tokenizers import Tokenizer

    file = tokenizer_file(path)
    hint = f"give the path of a tokenizer.json, or one of: {', '.join(COUNTERS)}"
    if not file.is_file():
        raise ConfigError("no such tokenizer", where=str(path), hint=hint)
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exception
        raise ConfigError(f"not a tokenizer: {error}", where=str(file), hint=hint) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return FileCounter(str(path), tokenizer, _per_byte(tokenizer))


def _per_byte(tokenizer: "Tokenizer") -> int:
    """One where each token stands for a byte at least, as in BPE that starts from the bytes as they are; two
    where each piece of the text, which may be one byte, gets a space in front; else 0: not known."""
    import json

    settings = json.loads(tokenizer.to_str())
    normalizer = (settings.get("normalizer") or {}).get("type")
    parts = _parts(settings.get("pre_tokenizer"))
    byte_level = [part for part in parts if part.get("type") == "ByteLevel"]
    if settings["model"].get("type") != "BPE" or not byte_level or normalizer not in (None, "NFC"):
        return 0
    return 2 if any(part.get("add_prefix_space", True) for part in byte_level) else 1


def _parts(component: dict[str, Any] | None) -> list[dict[str, Any]]:
    if component is None:
        return []
    return [component, *component.get("pretokenizers", [])]


def _as_text_bytes(source: bytes) -> int:
    """The length of the source as UTF-8 text, in which each byte that is not UTF-8 becomes three."""
    if source.isascii():
        return len(source)
    return len(source.decode("utf-8", "replace").encode())
