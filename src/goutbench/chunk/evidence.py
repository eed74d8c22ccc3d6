"""Which tests exercise a function, and what says so: for training on one function at a time."""

import re
from collections.abc import Iterator

from goutbench.golang.syntax.file import Declaration, GoFile
from goutbench.golang.syntax.imports import package_name_guesses
from goutbench.golang.syntax.references import Span, identifiers_in, uses
from goutbench.golang.syntax.test_functions import split_test_name
from goutbench.records import Exercise

_CALLED = re.compile(rb"\s*(?:\[[^\]\n]*\]\s*)?\(")
_DIRECT = ("call", "table", "name", "method name")  # the strongest first


def exercises(file: GoFile, tests: GoFile) -> dict[int, tuple[Exercise, ...]]:
    """For each function and method of `file`, by index, the test functions of `tests` that exercise it."""
    focal = [i for i, d in enumerate(file.declarations) if d.is_function]
    texts = [identifiers_in(tests.source, _span(tests, index)) for index in range(len(tests.declarations))]
    hints = {i: _hints(file, tests, file.declarations[i], texts) for i in focal}
    named = _named(file, tests, focal)
    reached = {test.declaration: _reach(tests, test.declaration) for test in tests.tests}
    found: dict[int, tuple[Exercise, ...]] = {}
    for i in focal:
        rows = []
        for test in tests.tests:
            evidence = [hint for hint in _DIRECT if hint in hints[i].get(test.declaration, ())]
            if (test.declaration, i) in named:
                evidence.append("name")
            for helper in reached[test.declaration]:
                label = _label(tests.declarations[helper])
                evidence += [f"via {label}: {h}" for h in _DIRECT if h in hints[i].get(helper, ())]
            if evidence:
                rows.append(Exercise(test.name, test.kind, tuple(sorted(evidence, key=_rank))))
        found[i] = tuple(sorted(rows, key=lambda row: (_rank(row.evidence[0]), "name" not in row.evidence)))
    return found


def _rank(evidence: str) -> tuple[bool, int]:
    via, _, hint = evidence.rpartition(": ")
    weak = hint == "method name"
    return weak, _DIRECT.index(hint) + len(_DIRECT) * bool(via)


def _hints(
    file: GoFile, tests: GoFile, function: Declaration, texts: list[set[bytes]]
) -> dict[int, set[str]]:
    """What each declaration of the test file does with the function, by index; `texts` are their words."""
    name = function.names[0].encode()
    if function.kind == "method":
        makers = {
            made.encode()
            for other in file.declarations
            if other.kind in ("func", "type", "var") and _yields(file, other, function.receiver or "")
            for made in other.names
        }
        return {
            index: {"call" if makers & text else "method name"}
            for index, text in enumerate(texts)
            if name in text and tests.source.find(b"." + name, *_span(tests, index)) >= 0
        }
    hints = {
        index: set(_mentions(file, tests, name, tests.declarations[index]))
        for index, text in enumerate(texts)
        if name in text
    }
    return {index: found for index, found in hints.items() if found}


def _span(tests: GoFile, index: int) -> Span:
    return tests.declarations[index].node_start, tests.declarations[index].node_end


def _mentions(file: GoFile, tests: GoFile, name: bytes, declaration: Declaration) -> Iterator[str]:
    source, node = tests.source, tests.node(declaration)
    bare = file.package == tests.package or any(spec.name == "." for spec in tests.imports)
    ends = [at + len(name) for at in uses(source, node, name)] if bare else []
    selected = re.compile(rb"\s*\.\s*" + re.escape(name) + rb"(?![\w\x80-\xff])")
    for qualifier in _qualifiers(file, tests):
        matches = (selected.match(source, at + len(qualifier)) for at in uses(source, node, qualifier))
        ends += [match.end() for match in matches if match is not None]
    for end in ends:
        yield "call" if _CALLED.match(source, end) else "table"


def _yields(file: GoFile, other: Declaration, receiver: str) -> bool:
    """Whether a declaration is the type, or its signature or text ahead of a body mentions it."""
    if other.kind == "type":
        return receiver in other.names
    end = other.body[0] if other.body is not None else other.node_end
    return receiver.encode() in identifiers_in(file.source, (other.node_start, end))


def _qualifiers(file: GoFile, tests: GoFile) -> list[bytes]:
    """What an external test calls the focal package; none, where the test is in the package itself."""
    return [
        spec.local_name.encode()
        for spec in tests.imports
        if spec.local_name is not None and (file.package or "") in package_name_guesses(spec.path)
    ]


def _reach(tests: GoFile, start: int) -> list[int]:
    """Other declarations of the test file that a test uses, itself or through them, the nearest first.

    The methods of a suite are reached with its type: a runner calls those named like tests by reflection.
    """
    order, seen = [start], {start}
    for index in order:
        declaration = tests.declarations[index]
        nearby = [*declaration.references]
        if declaration.kind == "type":
            nearby += _suite(tests, declaration)
        fresh = [target for target in dict.fromkeys(nearby) if target not in seen]
        seen.update(fresh)
        order += fresh
    return order[1:]


def _suite(tests: GoFile, type_declaration: Declaration) -> list[int]:
    return [
        index
        for index, d in enumerate(tests.declarations)
        if d.kind == "method" and d.receiver in type_declaration.names and split_test_name(d.names[0])
    ]


def _named(file: GoFile, tests: GoFile, focal: list[int]) -> set[tuple[int, int]]:
    """Pairs (test, function) in which the test is named after the function, by the longest name that fits."""
    pairs = set()
    for test in tests.tests:
        parts = split_test_name(test.name)
        subject = parts[1].lstrip("_") if parts else ""
        fits = {i: fit for i in focal if (fit := _fit(subject, file.declarations[i]))}
        best = max(fits.values(), default=0)
        pairs |= {(test.declaration, i) for i, fit in fits.items() if fit == best}
    return pairs


def _fit(subject: str, function: Declaration) -> int:
    """How much of the test's subject the function's name explains, more where the case fits too; or 0."""
    name = function.names[0]
    forms = [f"{function.receiver}_{name}", f"{function.receiver}{name}"] if function.receiver else []
    for form in [*forms, name]:
        rest = subject[len(form) :]
        same = subject[: len(form)].lower() == form.lower()
        if same and (not rest or rest[0] == "_" or rest[0].isupper() or rest[0].isdigit()):
            return 2 * len(form) + (subject[: len(form)] == form)
    return 0


def _label(declaration: Declaration) -> str:
    name = declaration.names[0] if declaration.names else declaration.kind
    return f"{declaration.receiver}.{name}" if declaration.receiver else name
