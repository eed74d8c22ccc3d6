"""Which test file belongs to which source file. A rule is a function and a line in RULES."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from goutbench.errors import ConfigError

_GO, _TEST = b".go", b"_test.go"


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """Two paths that a rule holds together."""

    code: bytes
    test: bytes


class PairingRule(Protocol):
    """From the paths of a repository's regular Go files to matches, in path order."""

    def __call__(self, paths: Collection[bytes]) -> list[Match]: ...


def is_test(path: bytes) -> bool:
    """Whether `go test` takes the file for a test file."""
    return path.endswith(_TEST)


def same_name(paths: Collection[bytes]) -> list[Match]:
    """The paper's rule: `X.go` with `X_test.go` in the same directory.

    Counting its published numbers again shows that this, and not the base name alone, is what was done.
    """
    known = set(paths)
    sources = sorted(path for path in known if path.endswith(_GO) and not is_test(path))
    matches = (Match(path, path.removesuffix(_GO) + _TEST) for path in sources)
    return [match for match in matches if match.test in known]


RULES: dict[str, PairingRule] = {"same-name": same_name}


def pairing_rule(name: str) -> PairingRule:
    """The rule of that name. Raises ConfigError for an unknown one."""
    if name not in RULES:
        mend = f"one of {', '.join(sorted(RULES))}"
        raise ConfigError(f"there is no pairing rule {name!r}", where="pairing", mend=mend)
    return RULES[name]
