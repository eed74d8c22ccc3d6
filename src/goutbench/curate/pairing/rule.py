"""What every pairing rule returns, and what it must implement."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, order=True)
class PathPair:
    """The paths of a source file and of a test for it, the rule that paired them, and its confidence."""

    code: bytes
    test: bytes
    rule: str = "same-name"
    confidence: float = 1.0  # from 0 to 1


@dataclass(frozen=True, slots=True)
class Pairing:
    """The pairs of a repository. `unmatched` may give reasons why a test file is in no pair."""

    pairs: list[PathPair]
    unmatched: Mapping[bytes, str] = field(default_factory=dict)


class PairingRule(Protocol):
    """A way to pair the files of a repository."""

    def reads(self, paths: Collection[bytes]) -> set[bytes]:
        """The regular Go files whose contents the rule needs."""

    def pair(self, paths: Collection[bytes], contents: Mapping[bytes, bytes]) -> Pairing:
        """Pair these files; `contents` are of the readable ones among those that `reads` returned."""


def is_test(path: bytes) -> bool:
    """Whether `go test` treats the file as a test file."""
    return path.endswith(b"_test.go")


def folder_of(path: bytes) -> bytes:
    """The folder of a path in a repository; empty for the root."""
    return path.rpartition(b"/")[0]
