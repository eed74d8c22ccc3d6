"""What a Go file is like: how complex, how concurrent, and in which style its tests are written.

All of it is read off the syntax, so it says what a file mentions and not what a type checker would resolve.
"""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass

from tree_sitter import Node, QueryCursor

from goutbench.golang.syntax.file import GoFile, go_query

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
_LOCKS = frozenset({"Mutex", "RWMutex", "WaitGroup", "Once", "Cond", "Map", "Pool"})
_FAILING = frozenset({"Error", "Errorf", "Fatal", "Fatalf", "Fail", "FailNow"})
_ASSERTING = {
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
"""Import paths of what tests assert with."""
_MOCKING = ("gomock", "testify/mock", "sqlmock", "httpmock", "counterfeiter", "/mock", "mock_", "mocks")
_DOUBLES = ("mock", "fake", "stub", "spy")


@dataclass(frozen=True, slots=True)
class Complexity:
    """Cyclomatic complexity of one function, as gocyclo counts it: 1, and 1 for each `if`, `for`, `case` that
    is not `default`, `&&` and `||`, those of function literals inside it included."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class CodeFeatures:
    """A file's functions and what they mention. `goroutines` counts `go` statements; `channels` channel
    types, sends, receives and `select`; `locks` counts types of package sync and uses of sync/atomic."""

    functions: tuple[Complexity, ...]
    goroutines: int
    channels: int
    locks: int
    interfaces: int

    @property
    def complexity(self) -> int:
        """The most complex function's; 0 where there is none."""
        return max((function.value for function in self.functions), default=0)

    @property
    def concurrent(self) -> bool:
        """Whether goroutines, channels or locks occur at all."""
        return bool(self.goroutines or self.channels or self.locks)


@dataclass(frozen=True, slots=True)
class Style:
    """How a test file tests. `assertions` counts calls that can fail a test: Error, Fatal and Fail of a
    testing variable, and calls into (or on a value of) an assertion library. `table_driven`: a function loops
    over a literal of several cases. `mocks`: a mocking library or a package of mocks is imported, or a type
    declared whose name says mock, fake, stub or spy."""

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
        """Whether tests are declared and nothing in the file could make one fail but a panic."""
        return bool(self.tests) and not self.assertions


def code_features(file: GoFile) -> CodeFeatures:
    """The features of a file as code under test."""
    found = _captures(file)
    concurrent = {each.path for each in file.imports} & {"sync", "sync/atomic"}
    locks = [_text(file, node) for node in found.get("type", ())] if concurrent else []
    calls = [_callee(file, node) for node in found.get("call", ())] if concurrent else []
    return CodeFeatures(
        functions=_complexities(file, found.get("branch", [])),
        goroutines=len(found.get("goroutine", ())),
        channels=len(found.get("channel", ())),
        locks=sum(
            (text.startswith("sync.") and text[5:] in _LOCKS) or text.startswith("atomic.") for text in locks
        )
        + sum(owner == "atomic" for owner, _ in calls),
        interfaces=len(found.get("interface", ())),
    )


def style_of(file: GoFile) -> Style:
    """The features of a file as a test file."""
    found = _captures(file)
    kinds = Counter(test.kind for test in file.tests)
    names = {each.known_as or each.name or each.path: each.path for each in file.imports}
    asserting = {name for name, path in names.items() if path in _ASSERTING}
    calls = [_callee(file, node) for node in found.get("call", ())]
    return Style(
        tests=kinds["test"],
        benchmarks=kinds["benchmark"],
        fuzz=kinds["fuzz"],
        examples=kinds["example"],
        subtests=sum(name == "Run" and owner in _RUNNERS for owner, name in calls),
        parallel=sum(name == "Parallel" and owner in _RUNNERS for owner, name in calls),
        assertions=sum(_asserts(owner, name, asserting, set(names) - asserting) for owner, name in calls),
        table_driven=_table_driven(file),
        mocks=_mocks(file),
        libraries=tuple(sorted({_ASSERTING[names[name]] for name in asserting})),
    )


_RUNNERS = frozenset({"t", "b", "tb", "st", "tt", "s", "f"})
"""What testing's variables are called, those of subtests included."""
_CHECKS = frozenset({
    "Assert", "Check", "CmpEquals", "Consistently", "Contains", "DeepEqual", "DeepEquals",
    "ElementsMatch", "Empty", "Equal", "EqualError", "EqualValues", "Error", "ErrorContains", "ErrorIs",
    "Eventually", "Expect", "Fail", "FailNow", "False", "Greater", "InDelta", "JSONEq", "Len", "Less",
    "Nil", "NilError", "NoError", "NotContains", "NotEmpty", "NotEqual", "NotNil", "NotPanics",
    "NotZero", "Panics", "Regexp", "True", "Zero", "Ω",
})  # fmt: skip
"""What assertion libraries call their assertions, as methods of their own objects."""


_BARE = frozenset({"Expect", "Eventually", "Consistently", "Fail", "Ω"})
"""Those that are called without an owner, where the library is imported under no name."""


def _asserts(owner: str, name: str, libraries: set[str], packages: set[str]) -> bool:
    """Whether a call is an assertion; `libraries` and `packages` are the names of imported ones."""
    if owner in _RUNNERS and name in _FAILING:
        return True
    if not owner:
        return "." in libraries and name in _BARE
    if owner in libraries:
        return name[:1].isupper() and not name.startswith("New")
    return bool(libraries) and name in _CHECKS and owner not in packages


def _captures(file: GoFile) -> dict[str, list[Node]]:
    return QueryCursor(go_query(_QUERY)).captures(file.tree.root_node)


def _complexities(file: GoFile, branches: list[Node]) -> tuple[Complexity, ...]:
    places = sorted(node.start_byte for node in branches)
    found = []
    for declaration in file.declarations:
        if declaration.is_function and declaration.body is not None:
            start, end = declaration.body
            count = bisect_left(places, end) - bisect_left(places, start)
            owner = f"{declaration.receiver}." if declaration.receiver else ""
            found.append(Complexity(owner + declaration.names[0], 1 + count))
    return tuple(found)


def _text(file: GoFile, node: Node) -> str:
    return file.source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _callee(file: GoFile, call: Node) -> tuple[str, str]:
    """What a call calls: the last part of its owner (empty for a bare name), and the name."""
    function = call.child_by_field_name("function")
    if function is None:
        return "", ""
    if function.type != "selector_expression":
        return "", _text(file, function) if function.type == "identifier" else ""
    operand, field = function.child_by_field_name("operand"), function.child_by_field_name("field")
    if operand is None or field is None:
        return "", ""
    owner = operand.child_by_field_name("field") if operand.type == "selector_expression" else operand
    known = owner is not None and owner.type in ("identifier", "field_identifier")
    return _text(file, owner) if known and owner is not None else "", _text(file, field)


def _mocks(file: GoFile) -> bool:
    if any(word in each.path for each in file.imports for word in _MOCKING):
        return True
    names = (name for each in file.declarations if each.kind == "type" for name in each.names)
    return any(word in name.lower() for name in names for word in _DOUBLES)


def _table_driven(file: GoFile) -> bool:
    shared = _package_tables(file)
    functions = (file.node(each) for each in file.declarations if each.is_function)
    return any(_loops_over_cases(file, function, shared) for function in functions)


def _loops_over_cases(file: GoFile, function: Node, shared: set[str]) -> bool:
    """Whether a function ranges over a literal of several elements, or over a variable that holds one."""
    tables = shared | {_text(file, name) for name, value in _assigned(function) if _is_table(value)}
    for loop in _below(function, "range_clause"):
        over = loop.child_by_field_name("right")
        if over is not None and (_is_table(over) or _text(file, over) in tables):
            return True
    return False


def _package_tables(file: GoFile) -> set[str]:
    return {
        _text(file, name)
        for each in file.declarations
        if each.kind == "var"
        for name, value in _assigned(file.node(each))
        if _is_table(value)
    }


def _assigned(node: Node) -> list[tuple[Node, Node]]:
    found = []
    for each in (*_below(node, "short_var_declaration"), *_below(node, "var_spec")):
        left = each.child_by_field_name("left") or each.child_by_field_name("name")
        right = each.child_by_field_name("right") or each.child_by_field_name("value")
        if left is None or right is None or not right.named_children:
            continue
        name = left.named_children[0] if left.type == "expression_list" else left
        found.append((name, right.named_children[0] if right.type == "expression_list" else right))
    return found


def _is_table(node: Node) -> bool:
    """A slice, array or map literal of at least two elements."""
    kind, body = node.child_by_field_name("type"), node.child_by_field_name("body")
    if node.type != "composite_literal" or kind is None or body is None:
        return False
    kinds = ("slice_type", "array_type", "implicit_length_array_type", "map_type")
    return kind.type in kinds and len([child for child in body.named_children if child.type != "comment"]) > 1


def _below(node: Node, kind: str) -> list[Node]:
    return QueryCursor(go_query(f"({kind}) @it")).captures(node).get("it", [])
