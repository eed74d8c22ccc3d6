"""The rule `by-use`: pairs a test file with the source files of its package that it exercises.

The score of a source file is a sum over the names that it declares, of how many tests use each name. A name
counts less if many test files of the folder use it (it serves the set-up) or many source files declare it. A
test whose own name contains the name of a function, method or type counts more, and so does a file name such
as `foo_internal_test.go` for `foo.go`. The confidence of a source file depends on its score and on how the
score compares with the test's best one.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from goutbench.curate.pairing.rule import Pairing, PathPair, folder_of, is_test
from goutbench.curate.pairing.same_name import same_name
from goutbench.curate.pairing.scoring import (
    add_file_names,
    declared_names,
    is_support,
    name_spread,
    score_sources,
)
from goutbench.golang.analysis.build_constraints import builds_on_linux
from goutbench.golang.analysis.test_usage import uses_by_test
from goutbench.golang.syntax.file import GoFile
from goutbench.golang.syntax.parser import parse

THRESHOLD = 0.5
"""The least confidence with which a source file is paired."""
MOST_SOURCES = 3
"""At most so many source files are paired with one test file, the most confident ones."""

_SATURATION = 2.0  # the score at which the strength is 1 - 1/e
_TESTING = frozenset({"testing", "github.com/stretchr/testify/assert", "github.com/stretchr/testify/require"})
"""A source file that imports one of these supports tests, and no test targets it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How strongly a test file targets a source file; `confidence` is between 0 and 1."""

    source: bytes
    score: float
    confidence: float


class ByUse:
    """Pairs by name, then pairs each remaining test file with the source files that it exercises."""

    def reads(self, paths: Collection[bytes]) -> set[bytes]:
        folders = {folder_of(path) for path in _unpaired_tests(paths)}
        return {path for path in paths if folder_of(path) in folders}

    def pair(self, paths: Collection[bytes], contents: Mapping[bytes, bytes]) -> Pairing:
        evidence = rank_by_folder(contents)
        pairs, unmatched = same_name(paths), {}
        for test in _unpaired_tests(paths):
            sources = select_sources(evidence.get(test, ()))
            pairs += [PathPair(source.source, test, "by-use", source.confidence) for source in sources]
            if not sources and test not in evidence:
                unmatched[test] = "it has no test of its folder's package"
            elif not sources:
                best = max((source.confidence for source in evidence[test]), default=0.0)
                unmatched[test] = f"the best confidence is {best:.2f}, under {THRESHOLD}"
        return Pairing(sorted(pairs), unmatched)


def _unpaired_tests(paths: Collection[bytes]) -> list[bytes]:
    """The test files without a source file of their name, in path order."""
    paired = {pair.test for pair in same_name(paths)}
    return sorted(path for path in paths if is_test(path) and path not in paired)


def rank_by_folder(files: Mapping[bytes, bytes], *, file_names: bool = True) -> dict[bytes, list[Evidence]]:
    """`rank_sources` for the Go files of any number of folders."""
    folders: dict[bytes, tuple[dict[bytes, bytes], dict[bytes, bytes]]] = defaultdict(lambda: ({}, {}))
    for path, text in files.items():
        folders[folder_of(path)][is_test(path)][path] = text
    evidence: dict[bytes, list[Evidence]] = {}
    for sources, tests in folders.values():
        evidence |= rank_sources(sources, tests, file_names=file_names)
    return evidence


def rank_sources(
    sources: Mapping[bytes, bytes], tests: Mapping[bytes, bytes], *, file_names: bool = True
) -> dict[bytes, list[Evidence]]:
    """For each test file of one folder, the source files that it may target, the likeliest first.

    The result lacks files without a test. An empty list means that there is no evidence for any source file.
    Without `file_names`, the names of the files do not count.
    """
    source_files = {path: parse(text) for path, text in sorted(sources.items())}
    test_files = {path: parse(text) for path, text in sorted(tests.items())}
    packages = {file.package for file in source_files.values() if file.package}
    declared = declared_names(source_files, test_files.values())
    uses = {
        path: uses_by_test(file, declared.names, qualifiers)
        for path, file in test_files.items()
        if (qualifiers := _qualifiers(file, path, packages)) is not None
    }
    spread = name_spread(uses.values())
    support = {
        path
        for path, file in source_files.items()
        if is_support(path) or any(module.path in _TESTING for module in file.imports)
    }
    unbuilt = {path for path, text in sources.items() if not _is_built(path, text)}
    evidence = {}
    for path, test_uses in uses.items():
        if test_uses:
            scores = score_sources(path, test_uses, declared, spread)
            if file_names:
                add_file_names(scores, path, source_files)
            excluded = support | unbuilt if _is_built(path, tests[path]) else support
            evidence[path] = _rank({source: s for source, s in scores.items() if source not in excluded})
    return evidence


def select_sources(evidence: Iterable[Evidence]) -> list[Evidence]:
    """The source files that a test is paired with."""
    return [source for source in evidence if source.confidence >= THRESHOLD][:MOST_SOURCES]


def _is_built(path: bytes, text: bytes) -> bool:
    return builds_on_linux(path.rpartition(b"/")[2].decode("utf-8", "replace"), text)


def _qualifiers(file: GoFile, path: bytes, packages: set[str]) -> frozenset[str] | None:
    """The names by which a test file refers to its folder's package: none if it is in the package itself.

    None where it does not refer to the package. The import path of the repository's root is unknown here, so
    an import is the folder's package if its path ends in the folder's path. If no import does, one counts
    that has the package's name.
    """
    if file.package in packages:
        return frozenset()
    package = (file.package or "").removesuffix("_test")
    if package not in packages:
        return None
    folder = "/" + folder_of(path).decode("utf-8", "replace")
    exact = {
        i.local_name or i.name for i in file.imports if folder != "/" and ("/" + i.path).endswith(folder)
    }
    names = exact or {i.local_name for i in file.imports if i.local_name == package}
    return frozenset(name for name in names if name and name != "_") or frozenset({package})


def _rank(scores: Mapping[bytes, float]) -> list[Evidence]:
    best = max(scores.values(), default=0.0)
    evidence = [
        Evidence(source, round(score, 6), round((1 - math.exp(-score / _SATURATION)) * score / best, 4))
        for source, score in scores.items()
        if score > 0
    ]
    return sorted(evidence, key=lambda source: (-source.score, source.source))
