"""Which test functions exercise a function, and the evidence for it: for training on single functions."""

import re
from collections.abc import Iterator
from functools import cached_property

from goutbench.golang.syntax.file import Declaration, GoFile
from goutbench.golang.syntax.imports import package_name_guesses
from goutbench.golang.syntax.parser import parse, parse_declarations
from goutbench.golang.syntax.references import Span, identifiers_in, surely_used, uses
from goutbench.golang.syntax.test_functions import split_test_name
from goutbench.records import Exercise

_CALLED = re.compile(rb"\s*(?:\[[^\]\n]*\]\s*)?\(")
_KINDS = ("call", "table", "name", "method name")  # the strongest first


def exercises(file: GoFile, tests: GoFile) -> dict[int, tuple[Exercise, ...]]:
    """For every function and method of `file`, by index, the test functions of `tests` that exercise it."""
    matcher = _Matcher(file, tests)
    named_after = matcher.named_after()
    reached = {test.declaration: matcher.reached(test.declaration) for test in tests.tests}
    by_function: dict[int, tuple[Exercise, ...]] = {}
    for i in matcher.functions:
        kinds = matcher.uses_of(file.declarations[i])
        rows = []
        for test in tests.tests:
            evidence = [kind for kind in _KINDS if kind in kinds.get(test.declaration, ())]
            if (test.declaration, i) in named_after:
                evidence.append("name")
            for helper in reached[test.declaration]:
                declaration = tests.declarations[helper]
                label = declaration.names[0] if declaration.names else declaration.kind
                label = f"{declaration.receiver}.{label}" if declaration.receiver else label
                evidence += [f"via {label}: {kind}" for kind in _KINDS if kind in kinds.get(helper, ())]
            if evidence:
                rows.append(Exercise(test.name, test.kind, tuple(sorted(evidence, key=_rank))))
        rows.sort(key=lambda row: (_rank(row.evidence[0]), "name" not in row.evidence))
        by_function[i] = tuple(rows)
    return by_function


def exercised(file: GoFile, tests: bytes) -> list[int]:
    """The functions and methods of `file`, by index, that `exercises` finds evidence for in a test file.

    The names of tests and the bytes of their bodies mostly decide. If not, the bodies that mention a function
    are parsed, and only if a helper uses it the whole file.
    """
    matcher = _Matcher(file, parse_declarations(tests))
    named_after = {i for _, i in matcher.named_after()}
    is_used: dict[int, bool | None] = {
        i: True if i in named_after else matcher.is_used_by_bytes(file.declarations[i])
        for i in matcher.functions
    }
    if doubtful := [i for i, used in is_used.items() if used is None]:
        names = [file.declarations[i].names[0].encode() for i in doubtful]
        matcher = _Matcher(file, parse_declarations(tests, keep=names))
        is_used |= {i: matcher.is_used_by_tests(file.declarations[i]) for i in doubtful}
    if doubtful := [i for i, used in is_used.items() if used is None]:
        matcher = _Matcher(file, parse(tests))
        is_used |= {i: matcher.is_used(file.declarations[i]) for i in doubtful}
    return [i for i, used in is_used.items() if used]


def _rank(evidence: str) -> tuple[bool, int]:
    """The order of evidence: direct before indirect, and "method name" last."""
    via, _, kind = evidence.rpartition(": ")
    return kind == "method name", _KINDS.index(kind) + len(_KINDS) * bool(via)


class _Matcher:
    """Matches the functions of a file with the declarations of a test file."""

    def __init__(self, file: GoFile, tests: GoFile) -> None:
        self.file, self.tests = file, tests
        self.functions = [i for i, declaration in enumerate(file.declarations) if declaration.is_function]
        self.names = [identifiers_in(tests.source, _span(d)) for d in tests.declarations]

    def uses_of(self, function: Declaration) -> dict[int, set[str]]:
        """How every declaration of the test file uses the function, by index."""
        name = function.names[0].encode()
        mentioning = [index for index, present in enumerate(self.names) if name in present]
        declarations = self.tests.declarations
        if function.kind == "method":
            sources = self._sources_of(function.receiver or "")
            return {
                index: {"call" if sources & self.names[index] else "method name"}
                for index in mentioning
                if self.tests.source.find(b"." + name, *_span(declarations[index])) >= 0
            }
        kinds = {index: set(self._mentions(name, declarations[index])) for index in mentioning}
        return {index: evidence for index, evidence in kinds.items() if evidence}

    def is_used(self, function: Declaration) -> bool:
        """Whether a test, or what it uses of its file, uses the function."""
        users = self._users(function)
        return any(index in self._direct or index in self._reached_by_all for index in users)

    def is_used_by_tests(self, function: Declaration) -> bool | None:
        """The same by what tests do themselves; None if another declaration uses the function."""
        users = list(self._users(function))
        return True if self._direct.intersection(users) else None if users else False

    def is_used_by_bytes(self, function: Declaration) -> bool | None:
        """The same by the bytes of the tests alone; None if these do not decide."""
        name, source, package = function.names[0].encode(), self.tests.source, self.tests.package
        mentioning = [index for index, present in enumerate(self.names) if name in present]
        for index in self._direct.intersection(mentioning):
            span = _span(self.tests.declarations[index])
            if function.kind == "method":
                is_used = source.find(b"." + name, *span) >= 0
            else:
                is_plain = self.file.package == package and self._is_plain(index)
                is_used = is_plain and surely_used(source, span, name)
            if is_used:
                return True
        return None if mentioning else False

    def _users(self, function: Declaration) -> Iterator[int]:
        """The declarations of the test file that use the function, by index."""
        name, source = function.names[0].encode(), self.tests.source
        for index, present in enumerate(self.names):
            if name in present:
                declaration = self.tests.declarations[index]
                if function.kind == "method":
                    is_user = source.find(b"." + name, *_span(declaration)) >= 0
                else:
                    is_user = next(self._mentions(name, declaration), None) is not None
                if is_user:
                    yield index

    def _is_plain(self, index: int) -> bool:
        """Whether `surely_used` is valid for a declaration of the test file."""
        source, span = self.tests.source, _span(self.tests.declarations[index])
        unclear = b"interface" in self.names[index] or source.find(b"`", *span) >= 0
        return not unclear and source.find(b"/*", *span) < 0

    @cached_property
    def _direct(self) -> frozenset[int]:
        return frozenset(test.declaration for test in self.tests.tests)

    @cached_property
    def _reached_by_all(self) -> frozenset[int]:
        """What the tests use of their file, directly or through others."""
        return frozenset(index for test in self.tests.tests for index in self.reached(test.declaration))

    def _sources_of(self, type_name: str) -> set[bytes]:
        """The names by which a test gets a value of a type: the type, and what mentions it in a signature."""
        file = self.file
        names: set[bytes] = set()
        for declaration in file.declarations:
            if declaration.kind == "type":
                is_source = type_name in declaration.names
            elif declaration.kind in ("func", "var"):
                end = declaration.body[0] if declaration.body is not None else declaration.node_end
                is_source = type_name.encode() in identifiers_in(file.source, (declaration.node_start, end))
            else:
                continue
            if is_source:
                names.update(name.encode() for name in declaration.names)
        return names

    def _mentions(self, name: bytes, declaration: Declaration) -> Iterator[str]:
        """ "call" or "table" for every use of a function in a declaration of the test file."""
        source, node, package = self.tests.source, self.tests.node(declaration), self.file.package
        imports = self.tests.imports
        unqualified = package == self.tests.package or any(spec.name == "." for spec in imports)
        ends = [at + len(name) for at in uses(source, node, name)] if unqualified else []
        selected = re.compile(rb"\s*\.\s*" + re.escape(name) + rb"(?![\w\x80-\xff])")
        for spec in imports:  # an external test imports the focal package
            if spec.local_name is not None and (package or "") in package_name_guesses(spec.path):
                qualifier = spec.local_name.encode()
                starts = uses(source, node, qualifier)
                matches = (selected.match(source, start + len(qualifier)) for start in starts)
                ends += [match.end() for match in matches if match is not None]
        for end in ends:
            yield "call" if _CALLED.match(source, end) else "table"

    def reached(self, start: int) -> list[int]:
        """The declarations that a test uses directly or through others, the nearest first.

        A suite type brings its test methods: a runner calls them by reflection.
        """
        declarations = self.tests.declarations
        order, seen = [start], {start}
        for index in order:
            used = [*declarations[index].references]
            if declarations[index].kind == "type":
                used += [
                    i
                    for i, method in enumerate(declarations)
                    if method.kind == "method"
                    and method.receiver in declarations[index].names
                    and split_test_name(method.names[0])
                ]
            new = [target for target in dict.fromkeys(used) if target not in seen]
            seen.update(new)
            order += new
        return order[1:]

    def named_after(self) -> set[tuple[int, int]]:
        """Pairs (test, function) where the test is named after the function; the longest name wins."""
        forms: dict[tuple[int, str], list[tuple[int, str]]] = {}
        for i in self.functions:
            for form in _forms(self.file.declarations[i]):
                forms.setdefault((len(form), form.lower()), []).append((i, form))
        lengths = sorted({length for length, _ in forms})
        pairs = set()
        for test in self.tests.tests:
            parts = split_test_name(test.name)
            subject = parts[1].lstrip("_") if parts else ""
            scores: dict[int, int] = {}
            for length in lengths:
                for i, form in forms.get((length, subject[:length].lower()), ()):
                    scores[i] = max(scores.get(i, 0), _name_score(subject, form))
            best = max(scores.values(), default=0)
            pairs |= {(test.declaration, i) for i, score in scores.items() if score == best > 0}
        return pairs


def _span(declaration: Declaration) -> Span:
    return declaration.node_start, declaration.node_end


def _forms(function: Declaration) -> list[str]:
    """The names by which a test's name can name a function."""
    name = function.names[0]
    return [
        *((f"{function.receiver}_{name}", f"{function.receiver}{name}") if function.receiver else ()),
        name,
    ]


def _name_score(subject: str, form: str) -> int:
    """How much of a test's subject a function's name explains; a match with the same case scores one more.

    The subject starts with the name, but for the case. 0 if it goes on with a lower-case letter.
    """
    suffix = subject[len(form) :]
    if suffix and not (suffix[0] == "_" or suffix[0].isupper() or suffix[0].isdigit()):
        return 0
    return 2 * len(form) + (subject[: len(form)] == form)
