"""Which test file belongs to which source file. A rule is an object and a line in RULES."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from goutbench.curate.pairing.by_use import THRESHOLD, chosen, ranked_in_folders
from goutbench.curate.pairing.naming import folder_of
from goutbench.errors import ConfigError

_GO, _TEST = b".go", b"_test.go"


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """Two paths that belong together, the rule that says so, and how sure it is: from 0 to 1."""

    code: bytes
    test: bytes
    rule: str = "same-name"
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Pairing:
    """What a rule says of a repository: matches, and of test files without one what more it knows."""

    matches: list[Match]
    unmatched: Mapping[bytes, str] = field(default_factory=dict)


class PairingRule(Protocol):
    """A way to find a repository's pairs."""

    def reads(self, paths: Collection[bytes]) -> set[bytes]:
        """Which of a repository's regular Go files the rule has to see the contents of."""

    def pair(self, paths: Collection[bytes], contents: Mapping[bytes, bytes]) -> Pairing:
        """Pair these files, given what could be read of those that `reads` named."""


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


class SameName:
    """The paper's rule, by paths alone."""

    def reads(self, paths: Collection[bytes]) -> set[bytes]:
        return set()

    def pair(self, paths: Collection[bytes], contents: Mapping[bytes, bytes]) -> Pairing:
        return Pairing(same_name(paths))


class ByUse:
    """By paths, then each test file left over with the sources of its folder that it exercises."""

    def reads(self, paths: Collection[bytes]) -> set[bytes]:
        folders = {folder_of(path) for path in _without_source(paths)}
        return {path for path in paths if folder_of(path) in folders}

    def pair(self, paths: Collection[bytes], contents: Mapping[bytes, bytes]) -> Pairing:
        evidence = ranked_in_folders(contents)
        matches, unmatched = same_name(paths), {}
        for test in _without_source(paths):
            found = chosen(evidence.get(test, ()))
            matches += [Match(each.source, test, "by-use", each.confidence) for each in found]
            if not found and test not in evidence:
                unmatched[test] = "it holds no test of its folder's package"
            elif not found:
                best = max((each.confidence for each in evidence[test]), default=0.0)
                unmatched[test] = f"the best confidence is {best:.2f}, under {THRESHOLD}"
        return Pairing(sorted(matches), unmatched)


RULES: dict[str, PairingRule] = {"same-name": SameName(), "by-use": ByUse()}


def _without_source(paths: Collection[bytes]) -> list[bytes]:
    """The test files that have no source of their name, in path order."""
    paired = {match.test for match in same_name(paths)}
    return sorted(path for path in paths if is_test(path) and path not in paired)


def pairing_rule(name: str) -> PairingRule:
    """The rule of that name. Raises ConfigError for an unknown one."""
    if name not in RULES:
        hint = f"one of {', '.join(sorted(RULES))}"
        raise ConfigError(f"there is no pairing rule {name!r}", where="pairing", hint=hint)
    return RULES[name]
