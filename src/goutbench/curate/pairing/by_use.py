"""The rule `by-use`: which source files of its package a test file exercises, with a confidence.

Evidence of a source file is a sum over the names that it declares, of how many tests use them, weighed down
where many test files of the folder use the same name (set-up, not subject) or many source files declare it;
a test whose own name names a function, method or type counts extra, and so does a file name such as
`foo_internal_test.go` for `foo.go`. A confidence is how much evidence there is, times how it compares with
that of the best source of the test.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from goutbench.curate.pairing.naming import folder_of, is_support
from goutbench.curate.pairing.scoring import declared, scores_of, spread_of, without
from goutbench.golang.analysis.build_constraints import builds_on_linux
from goutbench.golang.analysis.test_usage import uses_by_test
from goutbench.golang.syntax.file import GoFile
from goutbench.golang.syntax.parser import parse

THRESHOLD = 0.5
"""Confidence from which on a source is taken."""
MOST_SOURCES = 3
"""Sources that one test is paired with at the most, the most confident first."""

_ENOUGH = 2.0  # the evidence that gives a strength of 1 - 1/e
_TESTING = frozenset({"testing", "github.com/stretchr/testify/assert", "github.com/stretchr/testify/require"})
"""A source that imports one of these is made for tests, and is not their subject."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a source file as the subject of a test file; `confidence` is between 0 and 1."""

    source: bytes
    score: float
    confidence: float


def ranked_in_folders(
    files: Mapping[bytes, bytes], *, file_names: bool = True
) -> dict[bytes, list[Evidence]]:
    """The same as `ranked`, for the Go files of any number of folders."""
    folders: dict[bytes, tuple[dict[bytes, bytes], dict[bytes, bytes]]] = defaultdict(lambda: ({}, {}))
    for path, text in files.items():
        folders[folder_of(path)][path.endswith(b"_test.go")][path] = text
    found: dict[bytes, list[Evidence]] = {}
    for sources, tests in folders.values():
        found |= ranked(sources, tests, file_names=file_names)
    return found


def ranked(
    sources: Mapping[bytes, bytes], tests: Mapping[bytes, bytes], *, file_names: bool = True
) -> dict[bytes, list[Evidence]]:
    """For each test file of one folder, the source files that it may exercise, the likeliest first.

    A file that holds no test is not in the answer; an empty list says that nothing speaks for any source.
    Without `file_names` nothing is made of what files are called.
    """
    parsed = {path: parse(text) for path, text in sorted(sources.items())}
    names, methods = declared(parsed)
    files = {path: parse(text) for path, text in sorted(tests.items())}
    packages = {file.package for file in parsed.values() if file.package}
    uses = {
        path: uses_by_test(file, names, qualifiers)
        for path, file in files.items()
        if (qualifiers := _qualifiers(file, path, packages)) is not None
    }
    methods = without(methods, files.values())
    spread = spread_of(uses.values())
    support = {path for path, file in parsed.items() if is_support(path) or _imports_testing(file)}
    unbuilt = {path for path, text in sources.items() if not _built(path, text)}
    answers = {}
    for path, found in uses.items():
        if found:
            scores = scores_of(path, found, names, methods, spread, parsed, file_names=file_names)
            barred = support | unbuilt if _built(path, tests[path]) else support
            answers[path] = _confident({each: score for each, score in scores.items() if each not in barred})
    return answers


def chosen(evidence: Iterable[Evidence]) -> list[Evidence]:
    """The sources that a test is paired with."""
    return [each for each in evidence if each.confidence >= THRESHOLD][:MOST_SOURCES]


def _built(path: bytes, text: bytes) -> bool:
    return builds_on_linux(path.rpartition(b"/")[2].decode("utf-8", "replace"), text)


def _imports_testing(file: GoFile) -> bool:
    return any(each.path in _TESTING for each in file.imports)


def _qualifiers(file: GoFile, path: bytes, packages: set[str]) -> frozenset[str] | None:
    """By which names a test file knows the folder's package: none for its own; None where it does not.

    Where the import paths of a repository's folders begin is not known here, so an import is the folder's
    package if its path ends in the folder's path, or if nothing does and it goes by the package's name.
    """
    if file.package in packages:
        return frozenset()
    own = (file.package or "").removesuffix("_test")
    if own not in packages:
        return None
    folder = "/" + folder_of(path).decode("utf-8", "replace")
    exact = {
        i.local_name or i.name for i in file.imports if folder != "/" and ("/" + i.path).endswith(folder)
    }
    named = exact or {i.local_name for i in file.imports if i.local_name == own}
    found = frozenset(name for name in named if name and name != "_")
    return found or frozenset({own})


def _confident(scores: Mapping[bytes, float]) -> list[Evidence]:
    best = max(scores.values(), default=0.0)
    found = [
        Evidence(source, round(score, 6), round((1 - math.exp(-score / _ENOUGH)) * score / best, 4))
        for source, score in scores.items()
        if score > 0
    ]
    return sorted(found, key=lambda each: (-each.score, each.source))
