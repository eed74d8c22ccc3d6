"""How much a test file's use of names speaks for each source file of its folder."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from goutbench.curate.pairing.naming import name_relation, name_relations
from goutbench.golang.analysis.test_usage import TestUse
from goutbench.golang.syntax.file import Declaration, GoFile
from goutbench.golang.syntax.test_functions import split_test_name

_KINDS = {"func": 1.0, "method": 0.8, "type": 0.45, "var": 0.3, "const": 0.2}
_CALLED = ("func", "method")
_ONLY_MENTIONED = 0.5  # for a source of which no function or method is used, only types and values
_HELPED = 0.5  # what stands in a helper of the test file, against what stands in a test
_NAMED = 2.0  # for each test that is called after a name and uses it
_FILE_NAME = 1.5
# fmt: off
_COMMON_METHODS = frozenset({
    "Add", "Bytes", "Close", "Delete", "Done", "Equal", "Err", "Error", "Exec", "Get", "Init", "Key", "Len",
    "Less", "List", "Lock", "Name", "New", "Next", "Now", "Read", "Reset", "Run", "Send", "Set", "Size",
    "Start", "Stop", "String", "Swap", "Type", "Unlock", "Unwrap", "Update", "Value", "Wait", "Write",
})
# fmt: on
"""Methods that other packages' types have as well: they say little of whose they are."""
_COMMON = 0.15


@dataclass(frozen=True, slots=True)
class Name:
    """A name of the package: of which kind, and in which source files."""

    kind: str
    files: frozenset[bytes]
    receivers: frozenset[str]


def declared(files: Mapping[bytes, GoFile]) -> tuple[dict[str, Name], dict[str, Name]]:
    """The top-level names of source files, and the names of methods."""
    found: dict[bool, dict[str, list[tuple[Declaration, bytes]]]] = {
        True: defaultdict(list),
        False: defaultdict(list),
    }
    for path, file in files.items():
        for each in file.declarations:
            for name in each.names:
                if name not in ("_", "init", "main"):
                    found[each.kind == "method"][name].append((each, path))
    names, methods = (
        {name: _name(places) for name, places in table.items()} for table in (found[False], found[True])
    )
    return names, methods


def _name(places: list[tuple[Declaration, bytes]]) -> Name:
    receivers = frozenset(each.receiver for each, _ in places if each.receiver)
    return Name(places[0][0].kind, frozenset(path for _, path in places), receivers)


def without(methods: dict[str, Name], tests: Iterable[GoFile]) -> dict[str, Name]:
    """The methods that no type of a test file has too: those of mocks and helpers say nothing of sources."""
    own = {
        each.names[0] for file in tests for each in file.declarations if each.kind == "method" and each.names
    }
    return {name: each for name, each in methods.items() if name not in own}


def spread_of(uses: Iterable[tuple[TestUse, ...]]) -> Counter[str]:
    """In how many test files of the folder a name is used; methods are written with a dot."""
    return Counter(
        name
        for tests in uses
        for name in {
            *(name for test in tests for name in test.names | test.helped),
            *(f".{name}" for test in tests for name in test.selected | test.helped_selected),
        }
    )


def scores_of(
    path: bytes,
    tests: tuple[TestUse, ...],
    names: Mapping[str, Name],
    methods: Mapping[str, Name],
    spread: Mapping[str, int],
    sources: Iterable[bytes],
    *,
    file_names: bool,
) -> dict[bytes, float]:
    scores: dict[bytes, float] = defaultdict(float)
    called: set[bytes] = set()
    mentioned = frozenset[str]().union(*(test.names | test.helped for test in tests))
    for name, amount in sorted(_amounts(tests).items()):  # sorted: sums must not hang on the order
        known = methods.get(name[1:]) if name[0] == "." else names.get(name)
        if known is None:
            continue
        worth = _KINDS[known.kind] * math.log2(1 + amount) / math.sqrt(spread[name])
        if known.kind == "method":
            worth *= _COMMON if name[1:] in _COMMON_METHODS else 1.0
            worth *= 1.0 if known.receivers & mentioned else 0.6
        _add(scores, path, known, worth)
        if known.kind in _CALLED:
            called |= known.files
    for name, hits in sorted(_named(tests, names, methods).items()):
        known = methods[name[1:]] if name[0] == "." else names[name]
        _add(scores, path, known, _KINDS[known.kind] * math.log2(1 + hits))
    for source in scores.keys() - called:
        scores[source] *= _ONLY_MENTIONED
    if file_names:
        for source, relation in name_relations(path, sources).items():
            scores[source] += min(_FILE_NAME * relation, scores.get(source, 0.0))
    return scores


def _amounts(tests: tuple[TestUse, ...]) -> dict[str, float]:
    """How many tests use a name; one half each where only a helper of theirs does."""
    amounts: dict[str, float] = defaultdict(float)
    for test in tests:
        for found, dot, weight in (
            (test.names, "", 1.0),
            (test.selected, ".", 1.0),
            (test.helped, "", _HELPED),
            (test.helped_selected, ".", _HELPED),
        ):
            for name in found:
                amounts[dot + name] += weight
    return amounts


def _named(
    tests: tuple[TestUse, ...], names: Mapping[str, Name], methods: Mapping[str, Name]
) -> dict[str, float]:
    """The names that tests are called after, with how much that says."""
    hits: dict[str, float] = defaultdict(float)
    lower = {name.lower(): name for name in sorted(names)}
    lower_methods = {name.lower(): name for name in sorted(methods)}
    for test in tests:
        parts = split_test_name(test.name)
        rest = parts[1].strip("_") if parts is not None else ""
        words = _words(rest)
        for end in range(len(words), 0, -1):
            key = "".join(words[:end]).lower()
            if len(key) < 3:
                break
            if key in lower:
                if lower[key] in test.names | test.helped:
                    hits[lower[key]] += _NAMED
                words = words[end:]
                break
        for end in range(len(words), 0, -1):
            key = "".join(words[:end]).lower()
            if key in lower_methods and lower_methods[key] in test.selected | test.helped_selected:
                hits["." + lower_methods[key]] += _NAMED
                break
    return hits


def _words(name: str) -> list[str]:
    """`ParseURL_bad` as Parse, URL, bad."""
    found: list[str] = []
    for at, letter in enumerate(name):
        if letter == "_":
            found.append("")
            continue
        starts = letter.isupper() and (
            at == 0 or not name[at - 1].isupper() or (at + 1 < len(name) and name[at + 1].islower())
        )
        if starts or not found:
            found.append("")
        found[-1] += letter
    return [word for word in found if word]


def _add(scores: dict[bytes, float], test: bytes, name: Name, worth: float) -> None:
    """Credit the files that declare a name; of variants by platform the test's own, else each a share."""
    files = name.files
    if len(files) > 1:
        related = {each for each in files if name_relation(test, each) >= 1.0}
        files = frozenset(related) or files
    for each in files:
        scores[each] += worth / len(files)
