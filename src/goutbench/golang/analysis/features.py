"""Measures Go files: complexity and concurrency of code, and the style of tests.

This reads the syntax only: it counts what a file mentions, not what a type checker resolves.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node, QueryCursor

from goutbench.golang.syntax.file import GoFile, go_query, node_text

_QUERY = """
[(if_statement) (for_statement) (expression_case) (type_case) (communication_case)] @branch
(binary_expression operator: ["&&" "||"]) @branch
(go_statement) @goroutine
[(channel_type) (send_statement) (select_statement)] @channel
(unary_expression operator: "<-") @channel
(interface_type) @interface
(call_expression) @call
(qualified_type) @type
"""
_LOCK_TYPES = frozenset({"Mutex", "RWMutex", "WaitGroup", "Once", "Cond", "Map", "Pool"})
_FAILURE_METHODS = frozenset({"Error", "Errorf", "Fatal", "Fatalf", "Fail", "FailNow"})
_ASSERTION_LIBRARIES = {
    "github.com/stretchr/testify/assert": "testify",
    "github.com/stretchr/testify/require": "testify",
    "github.com/stretchr/testify/suite": "testify",
    "github.com/onsi/gomega": "gomega",
    "github.com/onsi/ginkgo": "ginkgo",
    "github.com/onsi/ginkgo/v2": "ginkgo",
    "github.com/frankban/quicktest": "quicktest",
    "gotest.tools/v3/assert": "gotest.tools",
    "gotest.tools/assert": "gotest.tools",
    "github.com/alecthomas/assert/v2": "alecthomas/assert",
    "gopkg.in/check.v1": "check.v1",
}
"""Assertion libraries by import path."""
_MOCK_PACKAGES = ("gomock", "testify/mock", "sqlmock", "httpmock", "counterfeiter", "/mock", "mock_", "mocks")
_TEST_DOUBLES = ("mock", "fake", "stub", "spy")
_TESTING_VARIABLES = frozenset({"t", "b", "tb", "st", "tt", "s", "f"})
"""Usual names of `*testing.T` and its relatives, including those of subtests."""
_ASSERTIONS = frozenset({
    "Assert", "Check", "CmpEquals", "Consistently", "Contains", "DeepEqual", "DeepEquals",
    "ElementsMatch", "Empty", "Equal", "EqualError", "EqualValues", "Error", "ErrorContains", "ErrorIs",
    "Eventually", "Expect", "Fail", "FailNow", "False", "Greater", "InDelta", "JSONEq", "Len", "Less",
    "Nil", "NilError", "NoError", "NotContains", "NotEmpty", "NotEqual", "NotNil", "NotPanics",
    "NotZero", "Panics", "Regexp", "True", "Zero", "Ω",
})  # fmt: skip
"""Assertions of the libraries, as methods of their objects."""
_DOT_IMPORTED_ASSERTIONS = frozenset({"Expect", "Eventually", "Consistently", "Fail", "Ω"})
"""Assertions that dot imports make available without a qualifier."""
_TABLE_TYPES = frozenset({"slice_type", "array_type", "implicit_length_array_type", "map_type"})


@dataclass(frozen=True, slots=True)
class Complexity:
    """Cyclomatic complexity of one function, as gocyclo counts it.

    It is 1, plus 1 for each `if`, `for`, `case`, `&&` and `||`, including those in its function literals.
    """

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class CodeFeatures:
    """The complexity of a file's functions, and counts of concurrency features and interface types.

    `goroutines` counts `go` statements; `channels` channel types, sends, receives and `select`; `locks` types
    of package sync and uses of sync/atomic.
    """

    functions: tuple[Complexity, ...]
    goroutines: int
    channels: int
    locks: int
    interfaces: int

    @property
    def complexity(self) -> int:
        """The complexity of the most complex function; 0 without functions."""
        return max((function.value for function in self.functions), default=0)

    @property
    def concurrent(self) -> bool:
        """Whether goroutines, channels or locks occur."""
        return bool(self.goroutines or self.channels or self.locks)


@dataclass(frozen=True, slots=True)
class TestStyle:
    """How a test file tests.

    `assertions` counts calls that can fail a test: Error, Fatal and Fail of a testing variable, and calls
    into (or on a value of) an assertion library. `table_driven`: a function loops over a literal with several
    elements. `mocks`: the file imports a mocking library or a package of mocks, or declares a type with mock,
    fake, stub or spy in its name.
    """

    __test__ = False  # pytest must not collect it

    tests: int
    benchmarks: int
    fuzz: int
    examples: int
    subtests: int
    parallel: int
    assertions: int
    table_driven: bool
    mocks: bool
    libraries: tuple[str, ...]

    @property
    def assertion_free(self) -> bool:
        """Whether the file declares tests and only a panic can make them fail."""
        return bool(self.tests) and not self.assertions


def code_features(file: GoFile) -> CodeFeatures:
    """The features of a file as code under test."""
    return _Measurement(file).code_features()


def style_of(file: GoFile) -> TestStyle:
    """The style of a test file."""
    return _Measurement(file).style()


class _Measurement:
    """One file with the captures of the query."""

    def __init__(self, file: GoFile) -> None:
        self.file = file
        self.captures = QueryCursor(go_query(_QUERY)).captures(file.tree.root_node)

    def code_features(self) -> CodeFeatures:
        locks = 0
        if {spec.path for spec in self.file.imports} & {"sync", "sync/atomic"}:
            types = (self.text(node) for node in self.captures.get("type", ()))
            locks = sum(
                (text.startswith("sync.") and text[5:] in _LOCK_TYPES) or text.startswith("atomic.")
                for text in types
            ) + sum(owner == "atomic" for owner, _ in self.calls())
        return CodeFeatures(
            functions=tuple(self.complexities()),
            goroutines=len(self.captures.get("goroutine", ())),
            channels=len(self.captures.get("channel", ())),
            locks=locks,
            interfaces=len(self.captures.get("interface", ())),
        )

    def style(self) -> TestStyle:
        kinds = Counter(test.kind for test in self.file.tests)
        paths = {spec.local_name or spec.name or spec.path: spec.path for spec in self.file.imports}
        libraries = {name for name, path in paths.items() if path in _ASSERTION_LIBRARIES}
        calls = list(self.calls())
        on_testing = Counter(name for owner, name in calls if owner in _TESTING_VARIABLES)
        return TestStyle(
            tests=kinds["test"],
            benchmarks=kinds["benchmark"],
            fuzz=kinds["fuzz"],
            examples=kinds["example"],
            subtests=on_testing["Run"],
            parallel=on_testing["Parallel"],
            assertions=sum(_is_assertion(call, libraries, set(paths) - libraries) for call in calls),
            table_driven=self.is_table_driven(),
            mocks=self.uses_mocks(),
            libraries=tuple(sorted({_ASSERTION_LIBRARIES[paths[name]] for name in libraries})),
        )

    def complexities(self) -> Iterator[Complexity]:
        offsets = sorted(node.start_byte for node in self.captures.get("branch", ()))
        for declaration in self.file.declarations:
            if declaration.is_function and declaration.body is not None:
                start, end = declaration.body
                branches = bisect_left(offsets, end) - bisect_left(offsets, start)
                receiver = f"{declaration.receiver}." if declaration.receiver else ""
                yield Complexity(receiver + declaration.names[0], 1 + branches)

    def calls(self) -> Iterator[tuple[str, str]]:
        """Owner and name of every called function; the owner is the last part of its path, or empty."""
        for call in self.captures.get("call", ()):
            function = call.child_by_field_name("function")
            owner, name = "", ""
            if function is not None and function.type == "identifier":
                name = self.text(function)
            elif function is not None and function.type == "selector_expression":
                operand, field = (function.child_by_field_name(part) for part in ("operand", "field"))
                if operand is not None and field is not None:
                    name = self.text(field)
                    if operand.type == "selector_expression":
                        operand = operand.child_by_field_name("field")
                    if operand is not None and operand.type in ("identifier", "field_identifier"):
                        owner = self.text(operand)
            yield owner, name

    def uses_mocks(self) -> bool:
        if any(part in spec.path for spec in self.file.imports for part in _MOCK_PACKAGES):
            return True
        types = (name.lower() for d in self.file.declarations if d.kind == "type" for name in d.names)
        return any(double in name for name in types for double in _TEST_DOUBLES)

    def is_table_driven(self) -> bool:
        """Whether a function loops over a literal with several elements, or over a variable that has one."""
        variables = [self.file.node(d) for d in self.file.declarations if d.kind == "var"]
        shared = {name for node in variables for name in self.tables(node)}
        functions = (self.file.node(d) for d in self.file.declarations if d.is_function)
        return any(self.loops_over_table(function, shared) for function in functions)

    def loops_over_table(self, function: Node, shared: set[str]) -> bool:
        tables = shared | set(self.tables(function))
        for loop in _descendants(function, "range_clause"):
            over = loop.child_by_field_name("right")
            if over is not None and (_is_table(over) or self.text(over) in tables):
                return True
        return False

    def tables(self, node: Node) -> Iterator[str]:
        """The variables below a node whose declaration assigns a table."""
        for spec in (*_descendants(node, "short_var_declaration"), *_descendants(node, "var_spec")):
            target = spec.child_by_field_name("left") or spec.child_by_field_name("name")
            value = spec.child_by_field_name("right") or spec.child_by_field_name("value")
            if target is None or value is None or not value.named_children:
                continue
            if _is_table(value.named_children[0] if value.type == "expression_list" else value):
                yield self.text(target.named_children[0] if target.type == "expression_list" else target)

    def text(self, node: Node) -> str:
        return node_text(self.file.source, node)


def _is_assertion(call: tuple[str, str], libraries: set[str], packages: set[str]) -> bool:
    """Whether a call is an assertion; `libraries` and `packages` are the names of imported packages."""
    owner, name = call
    if owner in _TESTING_VARIABLES and name in _FAILURE_METHODS:
        return True
    if not owner:
        return "." in libraries and name in _DOT_IMPORTED_ASSERTIONS
    if owner in libraries:
        return name[:1].isupper() and not name.startswith("New")
    return bool(libraries) and name in _ASSERTIONS and owner not in packages


def _is_table(node: Node) -> bool:
    """Whether a node is a slice, array or map literal with at least two elements."""
    kind, body = node.child_by_field_name("type"), node.child_by_field_name("body")
    if node.type != "composite_literal" or kind is None or body is None or kind.type not in _TABLE_TYPES:
        return False
    return sum(child.type != "comment" for child in body.named_children) > 1


def _descendants(node: Node, kind: str) -> list[Node]:
    return QueryCursor(go_query(f"({kind}) @it")).captures(node).get("it", [])
