"""Measures Go files: complexity and concurrency of code, and the style of tests.

This reads the syntax only: it counts what a file mentions, not what a type checker resolves.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from tree_sitter import Node, QueryCursor

from goutbench.golang.analysis.assertion_names import LIBRARIES
from goutbench.golang.analysis.assertions import checks_of
from goutbench.golang.analysis.calls import calls_of
from goutbench.golang.syntax.file import GoFile, declaration_keys, go_query, node_text

_QUERY = """
[(if_statement) (for_statement) (expression_case) (type_case) (communication_case)] @branch
(binary_expression operator: ["&&" "||"]) @branch
(go_statement) @goroutine
[(channel_type) (send_statement) (select_statement)] @channel
(unary_expression operator: "<-") @channel
(interface_type) @interface
(qualified_type) @type
"""
_LOCK_TYPES = frozenset({"Mutex", "RWMutex", "WaitGroup", "Once", "Cond", "Map", "Pool"})
_LOCK_METHODS = frozenset({"Lock", "Unlock", "TryLock", "RLock", "RUnlock", "TryRLock"})
_MOCK_PACKAGES = ("gomock", "testify/mock", "sqlmock", "httpmock", "counterfeiter", "/mock", "mock_", "mocks")
_TEST_DOUBLES = ("mock", "fake", "stub", "spy")
_TESTING_VARIABLES = frozenset({"t", "b", "tb", "st", "tt", "s", "f"})
"""Usual names of `*testing.T` and its relatives, including those of subtests."""
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

    `assertions` counts calls that can fail a test, those in the file's helpers included: failure methods of
    a testing variable, assertions of a library, and calls that give a testing variable to a helper of another
    file. `assertion_free_tests` names the tests, fuzz targets, suite methods and Ginkgo specs ("_") that no
    check can fail; `assertion_free` says that the file has tests and all are such. `table_driven`: a function
    loops over a literal with several elements. `mocks`: the file imports a mocking library or a package of
    mocks, or declares a type with mock, fake, stub or spy in its name.
    """

    __test__ = False  # pytest must not collect it

    tests: int
    benchmarks: int
    fuzz: int
    examples: int
    subtests: int
    parallel: int
    assertions: int
    assertion_free: bool
    assertion_free_tests: tuple[str, ...]
    table_driven: bool
    mocks: bool
    libraries: tuple[str, ...]


def code_features(file: GoFile) -> CodeFeatures:
    """The features of a file as code under test."""
    return _Measurement(file).code_features()


def concurrent_functions(file: GoFile) -> frozenset[str]:
    """The keys of the functions with goroutines, channels, locks or contexts, in signature or body.

    Locks are what `code_features` counts, and calls of methods such as `Lock`; contexts are parameters of the
    type and derived contexts. A range over a channel is not seen: that takes types.
    """
    offsets = _Measurement(file).concurrency_offsets()
    return frozenset(
        key
        for key, declaration in zip(declaration_keys(file), file.declarations, strict=True)
        if declaration.is_function
        and bisect_left(offsets, declaration.node_end) > bisect_left(offsets, declaration.node_start)
    )


def style_of(file: GoFile) -> TestStyle:
    """The style of a test file."""
    return _Measurement(file).style()


def uses_mocks(file: GoFile) -> bool:
    """Whether a test file imports a library of mocks, or declares a test double; its bodies do not matter."""
    if any(part in spec.path for spec in file.imports for part in _MOCK_PACKAGES):
        return True
    types = (name.lower() for d in file.declarations if d.kind == "type" for name in d.names)
    return any(double in name for name in types for double in _TEST_DOUBLES)


class _Measurement:
    """One file with the captures of the query."""

    def __init__(self, file: GoFile) -> None:
        self.file = file

    @cached_property
    def captures(self) -> dict[str, list[Node]]:
        return QueryCursor(go_query(_QUERY)).captures(self.file.tree.root_node)

    def code_features(self) -> CodeFeatures:
        locks = 0
        if {spec.path for spec in self.file.imports} & {"sync", "sync/atomic"}:
            types = (self.text(node) for node in self.captures.get("type", ()))
            locks = sum(
                (text.startswith("sync.") and text[5:] in _LOCK_TYPES) or text.startswith("atomic.")
                for text in types
            ) + sum(call.owner == "atomic" for call in calls_of(self.file))
        return CodeFeatures(
            functions=tuple(self.complexities()),
            goroutines=len(self.captures.get("goroutine", ())),
            channels=len(self.captures.get("channel", ())),
            locks=locks,
            interfaces=len(self.captures.get("interface", ())),
        )

    def concurrency_offsets(self) -> list[int]:
        """Where goroutines, channels, locks and contexts are, in order."""
        imported = {spec.local_name: spec.path for spec in self.file.imports if spec.local_name}
        nodes = [*self.captures.get("goroutine", ()), *self.captures.get("channel", ())]
        nodes += [node for node in self.captures.get("type", ()) if _is_shared(self.text(node), imported)]
        nodes += [
            call.node
            for call in calls_of(self.file)
            if _is_shared(f"{call.owner}.{call.name}", imported)
            or (call.owner and call.name in _LOCK_METHODS)
            or (not call.owner and call.name == "close")
        ]
        return sorted(node.start_byte for node in nodes)

    def style(self) -> TestStyle:
        kinds = Counter(test.kind for test in self.file.tests)
        libraries = {LIBRARIES[spec.path] for spec in self.file.imports if spec.path in LIBRARIES}
        calls = calls_of(self.file)
        on_testing = Counter(call.name for call in calls if call.owner in _TESTING_VARIABLES)
        checks = checks_of(self.file, calls)
        return TestStyle(
            tests=kinds["test"],
            benchmarks=kinds["benchmark"],
            fuzz=kinds["fuzz"],
            examples=kinds["example"],
            subtests=on_testing["Run"],
            parallel=on_testing["Parallel"],
            assertions=checks.count,
            assertion_free=checks.assertion_free,
            assertion_free_tests=tuple(test.name for test in checks.tests if not test.checked),
            table_driven=self.is_table_driven(),
            mocks=uses_mocks(self.file),
            libraries=tuple(sorted(libraries)),
        )

    def complexities(self) -> Iterator[Complexity]:
        offsets = sorted(node.start_byte for node in self.captures.get("branch", ()))
        for declaration in self.file.declarations:
            if declaration.is_function and declaration.body is not None:
                start, end = declaration.body
                branches = bisect_left(offsets, end) - bisect_left(offsets, start)
                receiver = f"{declaration.receiver}." if declaration.receiver else ""
                yield Complexity(receiver + declaration.names[0], 1 + branches)

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


def _is_shared(selected: str, imported: Mapping[str, str]) -> bool:
    """Whether `package.Name` is a lock, an atomic value or operation, or a context that can end."""
    package, _, name = selected.partition(".")
    path = imported.get(package)
    if path == "sync":
        return name in _LOCK_TYPES or name.startswith("Once")
    if path == "context":
        return name == "Context" or name.startswith("With")
    return path in ("sync/atomic", "golang.org/x/sync/errgroup")


def _is_table(node: Node) -> bool:
    """Whether a node is a slice, array or map literal with at least two elements."""
    kind, body = node.child_by_field_name("type"), node.child_by_field_name("body")
    if node.type != "composite_literal" or kind is None or body is None or kind.type not in _TABLE_TYPES:
        return False
    return sum(child.type != "comment" for child in body.named_children) > 1


def _descendants(node: Node, kind: str) -> list[Node]:
    return QueryCursor(go_query(f"({kind}) @it")).captures(node).get("it", [])
