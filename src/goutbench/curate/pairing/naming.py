"""What the name of a test file says of the source file it is for, beside `foo.go` and `foo_test.go`."""

from collections.abc import Iterable

from goutbench.golang.analysis.build_constraints import MACHINES, SYSTEMS

_PLATFORMS = SYSTEMS | MACHINES | {"unix"}


_SUPPORT = frozenset(
    {"fake", "fakes", "fuzz", "fuzzer", "mock", "mocks", "test", "testing", "tests", "testutil", "testutils"}
)


def folder_of(path: bytes) -> bytes:
    """The folder of a path in a repository; empty for its root."""
    return path.rpartition(b"/")[0]


def name_relations(test: bytes, sources: Iterable[bytes]) -> dict[bytes, float]:
    """How well the names of a test and the source files of its folder go together, above 0 and up to 1.

    Of `foo.go` and `foo_bar.go`, `foo_bar_baz_test.go` goes with the second alone.
    """
    found = {source: name_relation(test, source) for source in sources}
    best = max(found.values(), default=0.0)
    longest = max((_length(each) for each, relation in found.items() if relation == best), default=0)
    return {
        each: relation
        for each, relation in found.items()
        if relation > 0 and relation == best and _length(each) == longest
    }


def name_relation(test: bytes, source: bytes) -> float:
    """How well the names of a test and a source file of one folder go together, from 0 to 1.

    1 where the source's stem begins the test's (`foo_internal_test.go`, `foo_linux_test.go` for `foo.go`), or
    where both differ only by a platform (`foo_test.go` for `foo_linux.go`); a half where they only begin with
    the same word of several.
    """
    own, other = _stem(test, b"_test.go").split("_"), _stem(source, b".go").split("_")
    if own[: len(other)] == other or _without_platform(own) == _without_platform(other):
        return 1.0
    return 0.5 if other[: len(own)] == own or (len(own) > 1 and own[0] == other[0]) else 0.0


def _stem(path: bytes, ending: bytes) -> str:
    return path.rpartition(b"/")[2].removesuffix(ending).decode("utf-8", "replace")


def _without_platform(words: list[str]) -> list[str]:
    while len(words) > 1 and words[-1] in _PLATFORMS:
        words = words[:-1]
    return words


def is_support(source: bytes) -> bool:
    """Whether a source file's name says that it is there for tests: `block_test_util.go`, `add_fuzzer.go`."""
    return not _SUPPORT.isdisjoint(_stem(source, b".go").lower().split("_"))


def _length(source: bytes) -> int:
    return len(_without_platform(_stem(source, b".go").split("_")))
