"""Which names a test file uses, test by test: of its own package, or of the package that it imports.

All of it is read off the syntax. Whose method a selected name is, only a type checker would know; here it is
told apart from the functions of imported packages and from those of `testing.T`, and no more.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tree_sitter import Node, QueryCursor

from goutbench.golang.syntax.file import Declaration, GoFile, go_query
from goutbench.golang.syntax.references import uses, words
from goutbench.golang.syntax.test_functions import split_test_name

_QUERY = """
(selector_expression operand: (_) @owner field: (field_identifier) @name)
(qualified_type package: (package_identifier) @owner name: (type_identifier) @name)
"""
_RUNNERS = frozenset({"t", "b", "f", "tb", "tt", "require", "assert"})
_CONTAINERS = frozenset({"Describe", "Context", "When", "It", "DescribeTable", "FDescribe"})


@dataclass(frozen=True, slots=True)
class TestUse:
    """What one test (or a spec of Ginkgo, named "_") mentions.

    `names` and `selected` stand in the test itself, `helped` and `helped_selected` in what it refers to in
    the same file, in any number of steps. Selected names are those after a dot that may be methods.
    """

    __test__ = False  # its name is Go's word, not pytest's

    name: str
    names: frozenset[str]
    selected: frozenset[str]
    helped: frozenset[str]
    helped_selected: frozenset[str]


def uses_by_test(file: GoFile, names: Collection[str], qualifiers: Collection[str]) -> tuple[TestUse, ...]:
    """What each test of a file uses of the top-level `names` of a package.

    They count where they stand by themselves if `qualifiers` is empty or holds ".", and after one of the
    `qualifiers`, by which the file knows the package. A file without a test gives nothing.
    """
    tests = list(_tests(file))
    if not tests:
        return ()
    direct = _direct(file, names, qualifiers)
    found, others = [], set(tests)
    for index in tests:
        plain, selected = direct[index]
        below = _reached(file, index, others) - {index}
        helped = frozenset[str]().union(*(direct[each][0] for each in below))
        helped_selected = frozenset[str]().union(*(direct[each][1] for each in below))
        label = file.declarations[index].names[0] if file.declarations[index].names else "_"
        found.append(TestUse(label, plain, selected, helped - plain, helped_selected - selected))
    return tuple(found)


def _tests(file: GoFile) -> Iterator[int]:
    """The declarations that hold tests: functions, methods of suites, and top-level specs."""
    own = {test.declaration for test in file.tests if test.kind != "benchmark"}
    for index, each in enumerate(file.declarations):
        if index in own or _is_suite_method(each) or _is_spec(file, each):
            yield index


def _is_suite_method(declaration: Declaration) -> bool:
    parts = split_test_name(declaration.names[0]) if declaration.kind == "method" else None
    return parts is not None and parts[0] == "Test" and parts[1] != ""


def _is_spec(file: GoFile, declaration: Declaration) -> bool:
    """`var _ = Describe(…)`, as Ginkgo has it."""
    if declaration.kind != "var" or declaration.names != ("_",):
        return False
    text = file.source[declaration.node_start : declaration.node_end]
    callee = text.partition(b"=")[2].partition(b"(")[0].strip().rpartition(b".")[2]
    return callee.decode("utf-8", "replace") in _CONTAINERS


def _reached(file: GoFile, start: int, tests: set[int]) -> set[int]:
    """The declaration and those that it refers to, except other tests."""
    reached, left = {start}, [start]
    while left:
        new = set(file.declarations[left.pop()].references) - reached - tests
        reached |= new
        left += new
    return reached


def _direct(
    file: GoFile, names: Collection[str], qualifiers: Collection[str]
) -> list[tuple[frozenset[str], frozenset[str]]]:
    """For each declaration, the names of the package that stand in it, and what may be methods."""
    known = {name.encode(): name for name in names}
    packages = {each.known_as for each in file.imports if each.known_as}
    plain = [
        {known[w] for w in _own(file, each, set(known))} if not qualifiers or "." in qualifiers else set()
        for each in file.declarations
    ]
    selected: list[set[str]] = [set() for _ in file.declarations]
    spans = [(each.node_start, each.node_end) for each in file.declarations]
    at = 0
    for owner, name in _selections(file):
        while at < len(spans) and spans[at][1] <= name.start_byte:
            at += 1
        if at == len(spans):
            break
        word, before = _text(name), _text(owner)
        if before in qualifiers:
            if word in names:
                plain[at].add(word)
        elif before not in packages and before not in _RUNNERS and owner.type != "package_identifier":
            selected[at].add(word)
    return [(frozenset(a), frozenset(b)) for a, b in zip(plain, selected, strict=True)]


def _own(file: GoFile, declaration: Declaration, known: set[bytes]) -> Iterator[bytes]:
    """Which of the names a declaration uses from outside itself."""
    span = (declaration.node_start, declaration.node_end)
    found = words(file.source, span) & known
    node = file.node(declaration) if found else None
    for word in found:
        if node is not None and next(uses(file.source, node, word), None) is not None:
            yield word


def _selections(file: GoFile) -> list[tuple[Node, Node]]:
    """Every `owner.name` of the file, in order of the names."""
    matches = QueryCursor(go_query(_QUERY)).matches(file.tree.root_node)
    pairs = [(found["owner"][0], found["name"][0]) for _, found in matches]
    return sorted(pairs, key=lambda pair: pair[1].start_byte)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
