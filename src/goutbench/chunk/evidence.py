"""Which test functions exercise a function, and the evidence for it: for training on single functions."""

import re
from collections.abc import Iterator

from goutbench.golang.syntax.file import Declaration, GoFile
from goutbench.golang.syntax.imports import package_name_guesses
from goutbench.golang.syntax.references import Span, identifiers_in, uses
from goutbench.golang.syntax.test_functions import split_test_name
from goutbench.records import Exercise

_CALLED = re.compile(rb"\s*(?:\[[^\]\n]*\]\s*)?\(")
_KINDS = ("call", "table", "name", "method name")  # the strongest first


def exercises(file: GoFile, tests: GoFile) -> dict[int, tuple[Exercise, ...]]:
    """For every function and method of `file`, by index, the test functions of `tests` that exercise it."""
    functions = [i for i, declaration in enumerate(file.declarations) if declaration.is_function]
    names = [identifiers_in(tests.source, _span(d)) for d in tests.declarations]
    uses_of = {i: _uses_of(file, tests, file.declarations[i], names) for i in functions}
    named_after = _named_after(file, tests, functions)
    reached = {test.declaration: _reached(tests, test.declaration) for test in tests.tests}
    by_function: dict[int, tuple[Exercise, ...]] = {}
    for i in functions:
        rows = []
        for test in tests.tests:
            evidence = [kind for kind in _KINDS if kind in uses_of[i].get(test.declaration, ())]
            if (test.declaration, i) in named_after:
                evidence.append("name")
            for helper in reached[test.declaration]:
                declaration = tests.declarations[helper]
                label = declaration.names[0] if declaration.names else declaration.kind
                label = f"{declaration.receiver}.{label}" if declaration.receiver else label
                evidence += [f"via {label}: {kind}" for kind in _KINDS if kind in uses_of[i].get(helper, ())]
            if evidence:
                rows.append(Exercise(test.name, test.kind, tuple(sorted(evidence, key=_rank))))
        rows.sort(key=lambda row: (_rank(row.evidence[0]), "name" not in row.evidence))
        by_function[i] = tuple(rows)
    return by_function


def _rank(evidence: str) -> tuple[bool, int]:
    """The order of evidence: direct before indirect, and "method name" last."""
    via, _, kind = evidence.rpartition(": ")
    return kind == "method name", _KINDS.index(kind) + len(_KINDS) * bool(via)


def _uses_of(
    file: GoFile, tests: GoFile, function: Declaration, names: list[set[bytes]]
) -> dict[int, set[str]]:
    """How every declaration of the test file uses the function, by index; `names` are their identifiers."""
    name = function.names[0].encode()
    mentioning = [index for index, present in enumerate(names) if name in present]
    if function.kind == "method":
        sources = _sources_of(file, function.receiver or "")
        return {
            index: {"call" if sources & names[index] else "method name"}
            for index in mentioning
            if tests.source.find(b"." + name, *_span(tests.declarations[index])) >= 0
        }
    kinds = {index: set(_mentions(file, tests, name, tests.declarations[index])) for index in mentioning}
    return {index: evidence for index, evidence in kinds.items() if evidence}


def _sources_of(file: GoFile, type_name: str) -> set[bytes]:
    """The names by which a test gets a value of a type: the type, and what mentions it outside of a body."""
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


def _span(declaration: Declaration) -> Span:
    return declaration.node_start, declaration.node_end


def _mentions(file: GoFile, tests: GoFile, name: bytes, declaration: Declaration) -> Iterator[str]:
    """ "call" or "table" for every use of a function in a declaration of the test file."""
    source, node = tests.source, tests.node(declaration)
    unqualified = file.package == tests.package or any(spec.name == "." for spec in tests.imports)
    ends = [at + len(name) for at in uses(source, node, name)] if unqualified else []
    selected = re.compile(rb"\s*\.\s*" + re.escape(name) + rb"(?![\w\x80-\xff])")
    for spec in tests.imports:  # an external test imports the focal package
        if spec.local_name is not None and (file.package or "") in package_name_guesses(spec.path):
            qualifier = spec.local_name.encode()
            matches = (selected.match(source, at + len(qualifier)) for at in uses(source, node, qualifier))
            ends += [match.end() for match in matches if match is not None]
    for end in ends:
        yield "call" if _CALLED.match(source, end) else "table"


def _reached(tests: GoFile, start: int) -> list[int]:
    """The declarations that a test uses directly or through others, the nearest first.

    A suite type brings its test methods: a runner calls them by reflection.
    """
    order, seen = [start], {start}
    for index in order:
        declaration = tests.declarations[index]
        used = [*declaration.references]
        if declaration.kind == "type":
            used += [
                i
                for i, method in enumerate(tests.declarations)
                if method.kind == "method"
                and method.receiver in declaration.names
                and split_test_name(method.names[0])
            ]
        new = [target for target in dict.fromkeys(used) if target not in seen]
        seen.update(new)
        order += new
    return order[1:]


def _named_after(file: GoFile, tests: GoFile, functions: list[int]) -> set[tuple[int, int]]:
    """Pairs (test, function) where the test is named after the function; the longest matching name wins."""
    pairs = set()
    for test in tests.tests:
        parts = split_test_name(test.name)
        subject = parts[1].lstrip("_") if parts else ""
        scores = {i: score for i in functions if (score := _name_score(subject, file.declarations[i]))}
        best = max(scores.values(), default=0)
        pairs |= {(test.declaration, i) for i, score in scores.items() if score == best}
    return pairs


def _name_score(subject: str, function: Declaration) -> int:
    """How much of a test's subject the function's name explains; a match with the same case scores one more.

    0 if the subject does not start with the name.
    """
    name = function.names[0]
    forms = [f"{function.receiver}_{name}", f"{function.receiver}{name}"] if function.receiver else []
    for form in [*forms, name]:
        suffix = subject[len(form) :]
        same = subject[: len(form)].lower() == form.lower()
        if same and (not suffix or suffix[0] == "_" or suffix[0].isupper() or suffix[0].isdigit()):
            return 2 * len(form) + (subject[: len(form)] == form)
    return 0
