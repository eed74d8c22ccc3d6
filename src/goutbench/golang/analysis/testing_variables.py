"""What a test file calls the variables that can fail a test, and the values that are built from them."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache, cached_property

from goutbench.golang.analysis.assertion_names import ASSERTER_TYPES, LIBRARIES, PACKAGE_NAMES, TESTING_TYPES
from goutbench.golang.syntax.file import Declaration, GoFile

LINE = 200
"""Bytes before a type or a call in which the variable that it belongs to is searched."""

_NAME = rb"[A-Za-z_\x80-\xff][\w\x80-\xff]{0,60}"
_TYPES = TESTING_TYPES + rb"|" + ASSERTER_TYPES
_TYPE = re.compile(rb"[ \t*.](" + _TYPES + rb")[ \t]*[,)\n]")
_TYPED = re.compile(rb"((?:\b\w{1,60}\s*,\s*)*\b\w{1,60})[ \t]+(\*?)(?:(\w{1,60})\.)?(" + _TYPES + rb")$")
_ASSERTER_TYPE = re.compile(ASSERTER_TYPES)
_FROM_CALL = re.compile(rb"\b(" + _NAME + rb")\s*:?=\s*(?:[\w.]{1,80}\.T|(?:\w{1,60}\.)?GinkgoT)\(\)")
_EMBEDS = re.compile(
    rb"[\n{;]\s*\*?(?:testing\.(?:T|B|TB|F)|(?:\w{1,60}\.)?(?:Assertions|\w{0,60}Suite))\s*(?:[\n};]|//)"
)
_FUNCTION_FIELD = re.compile(rb"\b([A-Za-z_]\w{0,60})[ \t]+func\(")


class TestingNames:
    """The names of a file: of its packages, declarations, and of the variables that can fail a test.

    `testers` are its types that embed a type of package testing, a suite or testify's assertions.
    """

    __test__ = False  # pytest must not collect it

    def __init__(self, file: GoFile) -> None:
        self.file, self.source = file, file.source
        self.paths = {
            name: spec.path
            for spec in file.imports
            for name in (spec.local_name, None if spec.name else PACKAGE_NAMES.get(spec.path))
            if name
        }
        self.dotted = any(spec.name == "." and spec.path in LIBRARIES for spec in file.imports)
        self.declared = file.top_level_names()
        self.methods = {d.names[0] for d in file.declarations if d.kind == "method"}
        types = [d for d in file.declarations if d.kind == "type"]
        self.types = {name for d in types for name in d.names}
        self.testers = {
            name for d in types if _EMBEDS.search(self.source, d.node_start, d.node_end) for name in d.names
        }
        self._assigned: dict[frozenset[bytes], bool] = {}
        starts = [declaration.node_start for declaration in file.declarations]
        self._variables: list[list[tuple[bytes, str]]] = [[] for _ in starts]
        for name, kind, at in self._typed_variables():
            if (index := bisect_right(starts, at) - 1) >= 0:
                self._variables[index].append((name, kind))

    @cached_property
    def function_fields(self) -> set[str]:
        """The fields and parameters of the file whose type is a function."""
        return {name.decode("utf-8", "replace") for name in _FUNCTION_FIELD.findall(self.source)}

    @cached_property
    def holds_assertions(self) -> bool:
        """Whether the file uses an assertion of a library as a value: `{wantErr: require.Error}`."""
        libraries = [re.escape(name.encode()) for name, path in self.paths.items() if path in LIBRARIES]
        value = rb"[:,{]\s*(?:" + b"|".join(libraries) + rb")\.[A-Z]\w{0,60}\s*[,}]"
        return bool(libraries) and re.search(value, self.source) is not None

    def variables(self, index: int) -> dict[bytes, str]:
        """The variables of a declaration that can fail a test, and their kind.

        The kind is "testing" for those of package testing, "asserter" for those that only assert, else
        "library".
        """
        declaration = self.file.declarations[index]
        variables = dict(self._variables[index])
        span = declaration.node_start, declaration.node_end
        if self.source.find(b"T()", *span) >= 0:
            variables.update((name, "testing") for name in _FROM_CALL.findall(self.source, *span))
        if self.testers:
            pattern = _typed_as(frozenset(self.testers))
            variables.update((name, "testing") for name in pattern.findall(self.source, *span))
            if declaration.receiver_name and declaration.receiver in self.testers:
                variables[declaration.receiver_name.encode()] = "testing"
        variables.pop(b"_", None)
        return variables

    def built_from(self, names: frozenset[bytes], declaration: Declaration) -> set[bytes]:
        """The variables of a declaration that get a testing variable as a field."""
        if not names or not self._gives_away(names):
            return set()
        matches = _built_from(names).finditer(self.source, declaration.node_start, declaration.node_end)
        return {name for match in matches for name in match.groups() if name}

    def _gives_away(self, names: frozenset[bytes]) -> bool:
        """Whether one of the names is assigned, or an element of a literal, anywhere in the file."""
        if names not in self._assigned:
            alternatives = b"|".join(sorted(map(re.escape, names)))
            match = re.search(rb"[=:{,]\s*(?:" + alternatives + rb")\s*[,}\n]", self.source)
            self._assigned[names] = match is not None
        return self._assigned[names]

    def _typed_variables(self) -> Iterator[tuple[bytes, str, int]]:
        """Name, kind and place of the parameters and variables whose type can fail a test."""
        for match in _TYPE.finditer(self.source):
            end = match.end(1)
            first = max(0, end - LINE)
            start = max(first, self.source.rfind(b"(", first, end), self.source.rfind(b"\n", first, end))
            typed = _TYPED.search(self.source, start, end)
            if typed is None:
                continue
            names, pointer, package, kind = typed.groups(b"")
            if _ASSERTER_TYPE.fullmatch(kind):
                variable = "asserter"
            elif package or pointer or kind == b"TB" or kind.startswith(b"Testing"):
                variable = "testing" if package == b"testing" else "library"
            else:
                continue  # a type parameter
            for name in re.findall(rb"\w+", names):
                yield name, variable, match.start(1)


@cache
def _typed_as(types: frozenset[str]) -> re.Pattern[bytes]:
    alternatives = "|".join(sorted(map(re.escape, types))).encode()
    return re.compile(rb"\b(\w{1,60})[ \t]+\*?(?:" + alternatives + rb")\b[ \t]*[,)]")


@cache
def _built_from(names: frozenset[bytes]) -> re.Pattern[bytes]:
    """Matches `x.f = t` and `x := T{…, t, …}`; one of the groups is `x`."""
    t = rb"(?:" + b"|".join(sorted(map(re.escape, names))) + rb")"
    return re.compile(
        rb"\b(" + _NAME + rb")\.\w{1,60}\s*=\s*" + t + rb"\b"
        rb"|\b(" + _NAME + rb")\s*:?=\s*&?[\w.\[\]*]{0,80}\{(?:[^{}]*[,:\n])?\s*" + t + rb"\s*[,}]"
    )
