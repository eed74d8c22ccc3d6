"""How strongly the names in a test file, and its own name, point at the source files of its folder."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from goutbench.golang.analysis.platforms import MACHINES, SYSTEMS
from goutbench.golang.analysis.test_usage import TestUse
from goutbench.golang.syntax.file import Declaration, GoFile
from goutbench.golang.syntax.test_functions import split_test_name

_PLATFORMS = SYSTEMS | MACHINES | {"unix"}
_SUPPORT = frozenset(
    {"fake", "fakes", "fuzz", "fuzzer", "mock", "mocks", "test", "testing", "tests", "testutil", "testutils"}
)

_KIND_WEIGHTS = {"func": 1.0, "method": 0.8, "type": 0.45, "var": 0.3, "const": 0.2}
_CALLABLE = ("func", "method")
_NOT_CALLED = 0.5  # factor for a source file of which only types and values are used
_IN_HELPER = 0.5  # weight of a use in a helper of the test file; a use in a test weighs 1
_IN_TEST_NAME = 2.0  # for each test whose name contains the name that it uses
_IN_FILE_NAME = 1.5
_UNMENTIONED_RECEIVER = 0.6  # factor for a method whose receiver type is not mentioned
# fmt: off
_COMMON_METHODS = frozenset({
    "Add", "Bytes", "Close", "Delete", "Done", "Equal", "Err", "Error", "Exec", "Get", "Init", "Key", "Len",
    "Less", "List", "Lock", "Name", "New", "Next", "Now", "Read", "Reset", "Run", "Send", "Set", "Size",
    "Start", "Stop", "String", "Swap", "Type", "Unlock", "Unwrap", "Update", "Value", "Wait", "Write",
})
# fmt: on
"""Methods that types of many packages have: they hardly tell which type is meant."""
_COMMON = 0.15  # factor for these


@dataclass(frozen=True, slots=True)
class DeclaredName:
    """A name that source files declare: its kind, the files, and the receiver types of a method."""

    kind: str
    files: frozenset[bytes]
    receivers: frozenset[str]

    @classmethod
    def of(cls, occurrences: list[tuple[Declaration, bytes]]) -> "DeclaredName":
        receivers = frozenset(declaration.receiver for declaration, _ in occurrences if declaration.receiver)
        return cls(occurrences[0][0].kind, frozenset(path for _, path in occurrences), receivers)


@dataclass(frozen=True, slots=True)
class DeclaredNames:
    """What the source files of a folder declare: `names` on the top level, and `methods`."""

    names: Mapping[str, DeclaredName]
    methods: Mapping[str, DeclaredName]

    def find(self, name: str) -> DeclaredName | None:
        """The declaration of a name; a method's is written with a dot."""
        return self.methods.get(name[1:]) if name[0] == "." else self.names.get(name)


def declared_names(sources: Mapping[bytes, GoFile], tests: Iterable[GoFile]) -> DeclaredNames:
    """The names of source files, without methods that a type of a test file also has.

    Those are methods of mocks and helpers, and their uses are no evidence for a source file.
    """
    names: dict[str, list[tuple[Declaration, bytes]]] = defaultdict(list)
    methods: dict[str, list[tuple[Declaration, bytes]]] = defaultdict(list)
    for path, file in sources.items():
        for declaration in file.declarations:
            for name in declaration.names:
                if name not in ("_", "init", "main"):
                    table = methods if declaration.kind == "method" else names
                    table[name].append((declaration, path))
    for file in tests:
        for declaration in file.declarations:
            if declaration.kind == "method" and declaration.names:
                methods.pop(declaration.names[0], None)
    return DeclaredNames(
        {name: DeclaredName.of(occurrences) for name, occurrences in names.items()},
        {name: DeclaredName.of(occurrences) for name, occurrences in methods.items()},
    )


def name_spread(uses: Iterable[tuple[TestUse, ...]]) -> Counter[str]:
    """The number of test files of a folder that use each name; methods are written with a dot."""
    return Counter(
        name
        for tests in uses
        for name in {
            *(name for test in tests for name in test.names | test.helped),
            *(f".{name}" for test in tests for name in test.selected | test.helped_selected),
        }
    )


def score_sources(
    path: bytes, tests: tuple[TestUse, ...], declared: DeclaredNames, spread: Mapping[str, int]
) -> dict[bytes, float]:
    """The score of each source file that declares a name which the tests of a file use."""
    scores: dict[bytes, float] = defaultdict(float)
    called: set[bytes] = set()
    mentioned = frozenset[str]().union(*(test.names | test.helped for test in tests))
    for name, amount in sorted(_amounts(tests).items()):  # sorted, since a float sum depends on the order
        declaration = declared.find(name)
        if declaration is None:
            continue
        weight = _KIND_WEIGHTS[declaration.kind] * math.log2(1 + amount) / math.sqrt(spread[name])
        if declaration.kind == "method":
            weight *= _COMMON if name[1:] in _COMMON_METHODS else 1.0
            weight *= 1.0 if declaration.receivers & mentioned else _UNMENTIONED_RECEIVER
        _credit(scores, path, declaration, weight)
        if declaration.kind in _CALLABLE:
            called |= declaration.files
    for name, hits in sorted(_names_in_test_names(tests, declared).items()):
        declaration = declared.find(name)
        assert declaration is not None
        _credit(scores, path, declaration, _KIND_WEIGHTS[declaration.kind] * math.log2(1 + hits))
    for source in scores.keys() - called:
        scores[source] *= _NOT_CALLED
    return scores


def add_file_names(scores: dict[bytes, float], test: bytes, sources: Iterable[bytes]) -> None:
    """Raise the scores of source files whose names go with the test file's, to at most twice the score."""
    for source, relation in name_relations(test, sources).items():
        score = scores.get(source, 0.0)
        scores[source] = score + min(_IN_FILE_NAME * relation, score)


def _amounts(tests: tuple[TestUse, ...]) -> dict[str, float]:
    """The number of tests that use each name; a use in a helper only counts as one half."""
    amounts: dict[str, float] = defaultdict(float)
    for test in tests:
        for names, dot, weight in (
            (test.names, "", 1.0),
            (test.selected, ".", 1.0),
            (test.helped, "", _IN_HELPER),
            (test.helped_selected, ".", _IN_HELPER),
        ):
            for name in names:
                amounts[dot + name] += weight
    return amounts


def _names_in_test_names(tests: tuple[TestUse, ...], declared: DeclaredNames) -> dict[str, float]:
    """The weight of each declared name that begins, or follows in, the names of tests that use it."""
    weights: dict[str, float] = defaultdict(float)
    names = {name.lower(): name for name in sorted(declared.names)}
    methods = {name.lower(): name for name in sorted(declared.methods)}
    for test in tests:
        prefix_and_rest = split_test_name(test.name)
        parts = _camel_case_parts(prefix_and_rest[1].strip("_")) if prefix_and_rest is not None else []
        for end in range(len(parts), 0, -1):
            key = "".join(parts[:end]).lower()
            if len(key) < 3:
                break
            if key in names:
                if names[key] in test.names | test.helped:
                    weights[names[key]] += _IN_TEST_NAME
                parts = parts[end:]
                break
        for end in range(len(parts), 0, -1):
            key = "".join(parts[:end]).lower()
            if key in methods and methods[key] in test.selected | test.helped_selected:
                weights["." + methods[key]] += _IN_TEST_NAME
                break
    return weights


def _camel_case_parts(name: str) -> list[str]:
    """`ParseURL_bad` as Parse, URL, bad."""
    parts: list[str] = []
    for at, letter in enumerate(name):
        if letter == "_":
            parts.append("")
            continue
        starts = letter.isupper() and (
            at == 0 or not name[at - 1].isupper() or (at + 1 < len(name) and name[at + 1].islower())
        )
        if starts or not parts:
            parts.append("")
        parts[-1] += letter
    return [part for part in parts if part]


def _credit(scores: dict[bytes, float], test: bytes, name: DeclaredName, weight: float) -> None:
    """Divide a weight among the files that declare a name. Of platform variants, the test's own gets it."""
    files = name.files
    if len(files) > 1:
        files = frozenset(file for file in files if name_relation(test, file) >= 1.0) or files
    for file in files:
        scores[file] += weight / len(files)


# ── file names ────────────────────────────────────────────────────────────────────────────────────


def name_relations(test: bytes, sources: Iterable[bytes]) -> dict[bytes, float]:
    """The source files of a test's folder whose names fit the test's name best; values are in (0, 1].

    Of `foo.go` and `foo_bar.go`, only the second one fits `foo_bar_baz_test.go`.
    """
    relations = {source: name_relation(test, source) for source in sources}
    best = max(relations.values(), default=0.0)
    longest = max((_parts_count(source) for source, value in relations.items() if value == best), default=0)
    return {
        source: relation
        for source, relation in relations.items()
        if relation > 0 and relation == best and _parts_count(source) == longest
    }


def name_relation(test: bytes, source: bytes) -> float:
    """How well the names of a test and a source file of one folder fit, from 0 to 1.

    1 if the source's stem begins the test's (`foo_internal_test.go` and `foo.go`), or if they differ only in
    a platform (`foo_test.go` and `foo_linux.go`). One half if only the first of several parts is the same.
    """
    test_parts = _stem(test, b"_test.go").split("_")
    source_parts = _stem(source, b".go").split("_")
    if test_parts[: len(source_parts)] == source_parts:
        return 1.0
    if _without_platform(test_parts) == _without_platform(source_parts):
        return 1.0
    begins = source_parts[: len(test_parts)] == test_parts
    return 0.5 if begins or (len(test_parts) > 1 and test_parts[0] == source_parts[0]) else 0.0


def is_support(source: bytes) -> bool:
    """Whether a source file's name says that it supports tests: `block_test_util.go`, `add_fuzzer.go`."""
    return not _SUPPORT.isdisjoint(_stem(source, b".go").lower().split("_"))


def _stem(path: bytes, ending: bytes) -> str:
    return path.rpartition(b"/")[2].removesuffix(ending).decode("utf-8", "replace")


def _without_platform(parts: list[str]) -> list[str]:
    while len(parts) > 1 and parts[-1] in _PLATFORMS:
        parts = parts[:-1]
    return parts


def _parts_count(source: bytes) -> int:
    return len(_without_platform(_stem(source, b".go").split("_")))
