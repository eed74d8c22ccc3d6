"""The names that each test of a file uses: of its own package, or of an imported one.

This reads the syntax only. The method that a selected name refers to needs a type checker; here, selected
names are only distinguished from functions of imported packages and methods of `testing.T`.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node, QueryCursor

from goutbench.golang.syntax.file import Declaration, GoFile, go_query
from goutbench.golang.syntax.references import identifiers_in, uses
from goutbench.golang.syntax.test_functions import split_test_name

_QUERY = """
(selector_expression operand: (_) @owner field: (field_identifier) @name)
(qualified_type package: (package_identifier) @owner name: (type_identifier) @name)
"""
_TESTING_NAMES = frozenset({"t", "b", "f", "tb", "tt", "require", "assert"})
_GINKGO_CONTAINERS = frozenset({"Describe", "Context", "When", "It", "DescribeTable", "FDescribe"})


@dataclass(frozen=True, slots=True)
class TestUse:
    """The names that one test (or a top-level Ginkgo spec, named "_") mentions.

    `names` and `selected` occur in the test itself; `helped` and `helped_selected` occur only in declarations
    of the file that the test refers to, directly or not. Selected names follow a dot and may be methods.
    """

    __test__ = False  # pytest must not collect it

    name: str
    names: frozenset[str]
    selected: frozenset[str]
    helped: frozenset[str]
    helped_selected: frozenset[str]


def uses_by_test(file: GoFile, names: Collection[str], qualifiers: Collection[str]) -> tuple[TestUse, ...]:
    """Which top-level `names` of a package each test of a file uses.

    Unqualified names count if `qualifiers` is empty or contains ".". Qualified names count after one of the
    `qualifiers`, by which the file refers to the package. A file without tests has no uses.
    """
    tests = list(_test_declarations(file))
    if not tests:
        return ()
    names_in, selected_in = _mentions(file, names, qualifiers)
    test_uses = []
    for index in tests:
        helpers = _helpers(file, index, set(tests))
        helped = {name for helper in helpers for name in names_in[helper]}
        helped_selected = {name for helper in helpers for name in selected_in[helper]}
        declared = file.declarations[index].names
        test_uses.append(
            TestUse(
                name=declared[0] if declared else "_",
                names=frozenset(names_in[index]),
                selected=frozenset(selected_in[index]),
                helped=frozenset(helped - names_in[index]),
                helped_selected=frozenset(helped_selected - selected_in[index]),
            )
        )
    return tuple(test_uses)


def _test_declarations(file: GoFile) -> Iterator[int]:
    """The declarations that contain tests: functions, methods of suites, and top-level Ginkgo specs."""
    functions = {test.declaration for test in file.tests if test.kind != "benchmark"}
    for index, declaration in enumerate(file.declarations):
        if index in functions or _is_suite_method(declaration) or _is_ginkgo_spec(file, declaration):
            yield index


def _is_suite_method(declaration: Declaration) -> bool:
    parts = split_test_name(declaration.names[0]) if declaration.kind == "method" else None
    return parts is not None and parts[0] == "Test" and parts[1] != ""


def _is_ginkgo_spec(file: GoFile, declaration: Declaration) -> bool:
    """Whether a declaration has the form `var _ = Describe(…)`."""
    if declaration.kind != "var" or declaration.names != ("_",):
        return False
    text = file.source[declaration.node_start : declaration.node_end]
    callee = text.partition(b"=")[2].partition(b"(")[0].strip().rpartition(b".")[2]
    return callee.decode("utf-8", "replace") in _GINKGO_CONTAINERS


def _helpers(file: GoFile, test: int, tests: set[int]) -> set[int]:
    """The declarations that a test refers to, directly or not; other tests are ignored."""
    reached, pending = {test}, [test]
    while pending:
        new = set(file.declarations[pending.pop()].references) - reached - tests
        reached |= new
        pending += new
    return reached - {test}


def _mentions(
    file: GoFile, names: Collection[str], qualifiers: Collection[str]
) -> tuple[list[set[str]], list[set[str]]]:
    """For each declaration, the names of the package in it, and the selected names that may be methods."""
    not_values = _TESTING_NAMES | {spec.local_name for spec in file.imports if spec.local_name}
    unqualified = {name.encode(): name for name in names} if not qualifiers or "." in qualifiers else {}
    names_in = [set(_used_names(file, declaration, unqualified)) for declaration in file.declarations]
    selected_in: list[set[str]] = [set() for _ in file.declarations]
    index = 0
    matches = QueryCursor(go_query(_QUERY)).matches(file.tree.root_node)
    selectors = [(captures["owner"][0], captures["name"][0]) for _, captures in matches]
    for owner, name in sorted(selectors, key=lambda selector: selector[1].start_byte):
        while index < len(names_in) and file.declarations[index].node_end <= name.start_byte:
            index += 1
        if index == len(names_in):
            break
        text, owner_text = _text(name), _text(owner)
        if owner_text in qualifiers:
            if text in names:
                names_in[index].add(text)
        elif owner_text not in not_values and owner.type != "package_identifier":
            selected_in[index].add(text)
    return names_in, selected_in


def _used_names(file: GoFile, declaration: Declaration, names: Mapping[bytes, str]) -> Iterator[str]:
    """Which of the names a declaration uses from outside itself."""
    mentioned = names.keys() & identifiers_in(file.source, (declaration.node_start, declaration.node_end))
    node = file.node(declaration) if mentioned else None
    for name in mentioned:
        if node is not None and next(uses(file.source, node, name), None) is not None:
            yield names[name]


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
