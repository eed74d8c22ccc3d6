"""The names that each test of a file uses: of its own package, or of an imported one.

This reads the syntax only. The method that a selected name refers to needs a type checker; here, selected
names are only distinguished from functions of imported packages and methods of `testing.T`.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node, QueryCursor

from goutbench.golang.analysis.test_entries import is_ginkgo_spec, is_suite_method
from goutbench.golang.syntax.file import Declaration, GoFile, go_query
from goutbench.golang.syntax.references import identifiers_in, uses

_QUERY = """
(selector_expression operand: (_) @owner field: (field_identifier) @name)
(qualified_type package: (package_identifier) @owner name: (type_identifier) @name)
"""
_TESTING_NAMES = frozenset({"t", "b", "f", "tb", "tt", "require", "assert"})


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
    return tuple(_TestFile(file).uses(names, qualifiers))


class _TestFile:
    """A test file, and the indices of its declarations that contain tests."""

    def __init__(self, file: GoFile) -> None:
        self.file = file
        functions = {test.declaration for test in file.tests if test.kind != "benchmark"}
        self.tests = [
            index
            for index, declaration in enumerate(file.declarations)
            if index in functions or is_suite_method(declaration) or is_ginkgo_spec(file, declaration)
        ]

    def uses(self, names: Collection[str], qualifiers: Collection[str]) -> Iterator[TestUse]:
        if not self.tests:
            return
        names_in, selected_in = self.mentions(names, qualifiers)
        for index in self.tests:
            helpers = self.helpers(index)
            helped = {name for helper in helpers for name in names_in[helper]}
            helped_selected = {name for helper in helpers for name in selected_in[helper]}
            declared = self.file.declarations[index].names
            yield TestUse(
                name=declared[0] if declared else "_",
                names=frozenset(names_in[index]),
                selected=frozenset(selected_in[index]),
                helped=frozenset(helped - names_in[index]),
                helped_selected=frozenset(helped_selected - selected_in[index]),
            )

    def helpers(self, test: int) -> set[int]:
        """The declarations that a test refers to, directly or not; other tests are ignored."""
        reached, pending = {test}, [test]
        while pending:
            new = set(self.file.declarations[pending.pop()].references) - reached - set(self.tests)
            reached |= new
            pending += new
        return reached - {test}

    def mentions(
        self, names: Collection[str], qualifiers: Collection[str]
    ) -> tuple[list[set[str]], list[set[str]]]:
        """For each declaration, the names of the package in it, and selected names that may be methods."""
        declarations = self.file.declarations
        not_values = _TESTING_NAMES | {spec.local_name for spec in self.file.imports if spec.local_name}
        unqualified = {name.encode(): name for name in names} if not qualifiers or "." in qualifiers else {}
        names_in = [set(self.used_names(declaration, unqualified)) for declaration in declarations]
        selected_in: list[set[str]] = [set() for _ in declarations]
        index = 0
        matches = QueryCursor(go_query(_QUERY)).matches(self.file.tree.root_node)
        selectors = [(captures["owner"][0], captures["name"][0]) for _, captures in matches]
        for owner, name in sorted(selectors, key=lambda selector: selector[1].start_byte):
            while index < len(declarations) and declarations[index].node_end <= name.start_byte:
                index += 1
            if index == len(declarations):
                break
            text, owner_text = _text(name), _text(owner)
            if owner_text in qualifiers:
                if text in names:
                    names_in[index].add(text)
            elif owner_text not in not_values and owner.type != "package_identifier":
                selected_in[index].add(text)
        return names_in, selected_in

    def used_names(self, declaration: Declaration, names: Mapping[bytes, str]) -> Iterator[str]:
        """Which of the names a declaration uses from outside itself."""
        source = self.file.source
        mentioned = names.keys() & identifiers_in(source, (declaration.node_start, declaration.node_end))
        node = self.file.node(declaration) if mentioned else None
        for name in mentioned:
            if node is not None and next(uses(source, node, name), None) is not None:
                yield names[name]


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
