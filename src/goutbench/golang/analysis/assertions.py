"""Which tests of a file can fail through a check.

A check is a call that fails a running test: a failure method of a testing variable, an assertion of a library,
or a helper that does either. A panic is no check, nor is the exit of the process. The expected output of an
example is one. Code that cannot run (`if false`, after an unconditional return or skip) is left out.

This reads the syntax only. A helper of the file, or of its siblings in the package, is followed; one that is
declared elsewhere is taken to check when it gets a testing variable, unless its name says that it does not.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

from tree_sitter import Node, QueryCursor

from goutbench.golang.analysis.assertion_names import (
    ASSERTER_TYPES,
    ASSERTIONS,
    CONTAINER_PACKAGES,
    CONTAINERS,
    DOT_IMPORTED,
    FAILURE_METHODS,
    FLUENT,
    HARMLESS,
    LIBRARIES,
    NAMED_ASSERTION,
    NO_CHECKS,
    TESTING_TYPES,
)
from goutbench.golang.analysis.calls import Call, calls_of
from goutbench.golang.analysis.test_entries import is_ginkgo_spec, is_suite_method
from goutbench.golang.syntax.file import Declaration, GoFile, go_query

_NAME = rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*"
_TYPED = re.compile(rb"\b(\w{1,60})[ \t]+(\*?)(?:(\w{1,60})\.)?(\w{1,60})[ \t]*[,)\n]")
_EARLIER = re.compile(rb"(?:\b\w{1,60}\s*,\s*)+$")
_TESTING_TYPE = re.compile(rb"(?:" + TESTING_TYPES + rb")")
_ASSERTER_TYPE = re.compile(rb"(?:" + ASSERTER_TYPES + rb")")
_FROM_T = re.compile(rb"\b(" + _NAME + rb")\s*:?=\s*(?:[\w.]+\.T|GinkgoT|[\w]+\.GinkgoT)\(\)")
_EMBEDS_T = re.compile(rb"\n\s*(?:\*?testing\.(?:T|B|TB|F)|\*?(?:\w+\.)?Assertions|\*?(?:\w+\.)?\w*Suite)\s*(?:\n|\}|//)")
_METHOD_VALUE = re.compile(rb"\b(\w+)\.(?:Errorf?|Fatalf?|Fail|FailNow)\b(?!\s*\()")
_FUNCTION_FIELD = re.compile(rb"\b([A-Za-z_]\w{0,60})[ \t]+func\(")
_OUTPUT = re.compile(rb"(?i)//\s*(?:unordered\s+)?output:")
_ENDS = re.compile(rb"\.\s*(?:Skip|SkipNow|Skipf)\s*\(")
_EXITS = re.compile(rb"\bpanic\(|\bos\.Exit\(|\blog\.(?:Fatal|Panic)")
_ASSIGNED = re.compile(rb"\b(" + _NAME + rb")(?:\s*,\s*\w+)*\s*:?=\s*$")
_LINE = 200
"""Bytes before a call in which the variable is searched that its result is assigned to."""
_T_OWNERS = frozenset({"t", "tb", "T", "TB", "T()", "TB()", "GinkgoT()"})
_ASSERTER_OWNERS = frozenset({"Require()", "Assert()"})


@dataclass(frozen=True, slots=True)
class TestChecks:
    """A test, or a top-level Ginkgo spec (named "_"), and whether a check can fail it.

    `kind` is "test", "fuzz", "example" (with expected output), "method" (of a suite) or "spec".
    """

    __test__ = False  # pytest must not collect it

    name: str
    kind: str
    checked: bool


@dataclass(frozen=True, slots=True)
class FileChecks:
    """The tests of a file in order, and the number of its checks, those of helpers included."""

    tests: tuple[TestChecks, ...]
    count: int


def checks_of(file: GoFile, calls: Sequence[Call] | None = None, siblings: Sequence[GoFile] = ()) -> FileChecks:
    """The checks of a test file; `siblings` are other files of its package, whose helpers it may call."""
    own = _File(file, calls_of(file) if calls is None else calls)
    others = [_File(sibling, calls_of(sibling)) for sibling in siblings]
    package = _Package([own, *others])
    checked = package.checked()
    tests = tuple(
        TestChecks(name, kind, kind == "example" or (0, index) in checked) for name, kind, index in own.tests()
    )
    return FileChecks(tests, own.count)


class _Package:
    """Files of one package, as a graph of declarations."""

    def __init__(self, files: Sequence["_File"]) -> None:
        self.files = files
        self.functions: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self.methods: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, file in enumerate(files):
            for index, declaration in enumerate(file.file.declarations):
                table = self.methods if declaration.kind == "method" else self.functions
                for name in declaration.names:
                    table[name].append((number, index))

    def checked(self) -> set[tuple[int, int]]:
        """The declarations (file, index) that contain a check or lead to one."""
        users: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        pending: list[tuple[int, int]] = []
        for number, file in enumerate(self.files):
            for index, found in enumerate(file.scan(partial(self.is_of_another, number))):
                if found.checks:
                    pending.append((number, index))
                for target in found.uses:
                    users[number, target].append((number, index))
                for name in found.elsewhere:
                    for other in (*self.functions[name], *self.methods[name]):
                        if other[0] != number:
                            users[other].append((number, index))
        reached = set(pending)
        while pending:
            new = [user for user in users[pending.pop()] if user not in reached]
            reached.update(new)
            pending += new
        return reached

    def is_of_another(self, number: int, name: str) -> bool:
        """Whether another file than this one declares a function, variable or method of this name."""
        places = (*self.functions.get(name, ()), *self.methods.get(name, ()))
        return any(place[0] != number for place in places)


@dataclass(slots=True)
class _Found:
    """What a declaration contains: a number of checks, declarations of its file, names of other files."""

    checks: int
    uses: set[int]
    elsewhere: set[str]


class _File:
    """A file, its calls by declaration, and what its imports and types are called."""

    def __init__(self, file: GoFile, calls: Sequence[Call]) -> None:
        self.file = file
        self.source = file.source
        self.count = 0
        starts = [declaration.node_start for declaration in file.declarations]
        self.calls: list[list[Call]] = [[] for _ in starts]
        for call in calls:
            index = bisect_right(starts, call.node.start_byte) - 1
            if index >= 0:
                self.calls[index].append(call)
        self.paths = {spec.local_name: spec.path for spec in file.imports if spec.local_name}
        self.dotted = any(spec.name == "." and spec.path in LIBRARIES for spec in file.imports)
        self.names = file.top_level_names()
        self.methods = {d.names[0] for d in file.declarations if d.kind == "method"}
        types = [d for d in file.declarations if d.kind == "type"]
        self.types = {name for d in types for name in d.names}
        self.function_fields = {name.decode() for name in _FUNCTION_FIELD.findall(self.source)}
        self.testers = {
            name for d in types if _EMBEDS_T.search(self.source, d.node_start, d.node_end) for name in d.names
        }

    def tests(self) -> Iterator[tuple[str, str, int]]:
        """Name, kind and index of every declaration that runs as a test."""
        functions = {test.declaration: test.kind for test in self.file.tests}
        for index, declaration in enumerate(self.file.declarations):
            kind = functions.get(index)
            if kind == "example" and not self.has_output(declaration):
                continue
            if kind is None:
                if is_suite_method(declaration) and self.is_in_suite(declaration):
                    kind = "method"
                elif is_ginkgo_spec(self.file, declaration):
                    kind = "spec"
            if kind is not None and kind != "benchmark":
                yield declaration.names[0], kind, index

    def has_output(self, declaration: Declaration) -> bool:
        """Whether the last comment of an example states its output."""
        start, end = declaration.body or (declaration.node_start, declaration.node_end)
        lines = self.source[start:end].rstrip(b"}\n\t ").split(b"\n")
        last = []
        for line in reversed(lines):
            if not line.strip().startswith(b"//"):
                break
            last.append(line)
        return any(_OUTPUT.match(line.strip()) for line in last) or bool(_OUTPUT.search(lines[-1]))

    def is_in_suite(self, declaration: Declaration) -> bool:
        """Whether a method has the parameters of a test, and a receiver that may be a suite."""
        body = declaration.body or (declaration.node_end, 0)
        signature = self.source[declaration.node_start : body[0]]
        parameters = signature.partition(declaration.names[0].encode())[2].strip()
        if re.fullmatch(rb"\(\s*\)", parameters):
            receiver = declaration.receiver or ""
            return receiver in self.testers or receiver not in self.types or "suite" in receiver.lower()
        return bool(re.fullmatch(rb"\(\s*(?:\w+\s+)?\*?\s*(?:\w+\.)?(?:T|C)\s*\)", parameters))

    def scan(self, is_sibling: Callable[[str], bool]) -> Iterator[_Found]:
        """What each declaration contains."""
        dead = self.dead_spans()
        for index, declaration in enumerate(self.file.declarations):
            scope = _Scope(self, declaration, is_sibling)
            spans = [span for span in dead if declaration.node_start <= span[0] < declaration.node_end]
            calls = self.calls[index]
            if declaration.body is not None and (end := self.last_live(declaration, calls)) is not None:
                spans.append((end, declaration.node_end))
            found = scope.found([c for c in calls if not _inside(c.node.start_byte, spans)])
            if spans:
                found.uses = {target for target in found.uses if self.is_live(declaration, target, spans)}
            self.count += found.checks
            yield found

    def dead_spans(self) -> list[tuple[int, int]]:
        """The blocks of `if false`."""
        if b"if false" not in self.source:
            return []
        captures = QueryCursor(go_query("(if_statement condition: (false) consequence: (_) @dead)"))
        return [node.byte_range for node in captures.captures(self.file.tree.root_node).get("dead", ())]

    def last_live(self, declaration: Declaration, calls: list[Call]) -> int | None:
        """Where the statements of a test end that can run: at an unconditional skip or return, if any."""
        if not declaration.names[0].startswith("Test"):
            return None
        for call in calls:
            if call.name in ("Skip", "SkipNow", "Skipf") and _is_statement_of(call.node, declaration):
                return call.node.end_byte
        return None

    def is_live(self, declaration: Declaration, target: int, spans: list[tuple[int, int]]) -> bool:
        """Whether a declaration is mentioned outside of code that cannot run."""
        return any(
            not _inside(match.start(), spans)
            for name in self.file.declarations[target].names
            for match in re.compile(rb"\b" + name.encode() + rb"\b").finditer(
                self.source, declaration.node_start, declaration.node_end
            )
        )


class _Scope:
    """One declaration: its testing variables, and the values that are built from them."""

    def __init__(self, owner: _File, declaration: Declaration, is_sibling: Callable[[str], bool]) -> None:
        self.owner, self.declaration, self.is_sibling = owner, declaration, is_sibling
        self.source = owner.source
        self.span = declaration.node_start, declaration.node_end
        self.plain: set[bytes] = set()
        self.rich: set[bytes] = set()
        self.asserters: set[bytes] = set()
        self.elsewhere: set[str] = set()
        self.suites: set[int] = set()
        self.local: dict[str, bool] = {}
        self.read_parameters()

    def read_parameters(self) -> None:
        text = self.source[slice(*self.span)]
        for match in _TYPED.finditer(text):
            name, pointer, package, kind = match.groups(b"")
            found = {name, *_earlier(text, match.start())}
            if _TESTING_TYPE.fullmatch(kind) and (package or pointer or kind.startswith(b"Testing") or kind == b"TB"):
                (self.plain if package == b"testing" else self.rich).update(found)
            elif _ASSERTER_TYPE.fullmatch(kind):
                self.asserters.update(found)
            elif kind.decode() in self.owner.testers and not package:
                self.plain.update(found)
        self.plain.update(_FROM_T.findall(text))
        receiver = self.declaration.receiver_name
        if receiver and self.declaration.receiver in self.owner.testers:
            self.plain.add(receiver.encode())
        self.plain.discard(b"_")
        self.rich.discard(b"_")
        self.testing = self.plain | self.rich
        if self.testing:
            built = _built_from(frozenset(self.testing))
            self.built = {name for match in built.finditer(text) for name in match.groups() if name}
        else:
            self.built = set()
        self.handed = _handed(frozenset(self.testing | self.built))

    def found(self, calls: list[Call]) -> _Found:
        checks = sum(self.is_check(call) for call in calls) + self.method_values()
        name = self.declaration.names[0] if self.declaration.names else ""
        if self.declaration.kind == "func" and NAMED_ASSERTION.match(name) and _EXITS.search(self.source, *self.span):
            checks += 1
        uses = {*self.declaration.references, *self.declaration.maybe, *self.suites}
        return _Found(checks, uses, self.elsewhere)

    def method_values(self) -> int:
        if not self.testing:
            return 0
        matches = _METHOD_VALUE.finditer(self.source, *self.span)
        return sum(
            match[1] in self.testing and self.is_code(match.start(1)) for match in matches
        )

    def is_code(self, at: int) -> bool:
        node = self.owner.file.tree.root_node.descendant_for_byte_range(at, at)
        return node is not None and node.type == "identifier"

    def is_check(self, call: Call) -> bool:
        owner, name = call.owner, call.name
        key = owner.encode()
        if name in FAILURE_METHODS and (owner in _T_OWNERS or (call.is_plain and key in self.testing)):
            return True
        if owner in _ASSERTER_OWNERS:
            return name[:1].isupper()
        if call.is_plain and key in self.asserters:
            return name not in NO_CHECKS and (name not in FLUENT or _is_continued(call.node))
        if call.is_plain and key in self.testing:
            return self.is_check_of_t(call)
        path = self.owner.paths.get(owner) if call.is_plain and owner else None
        if path is not None:
            return self.is_check_of_package(call, path)
        if not owner:
            return self.is_check_of_function(call)
        return self.is_check_of_method(call)

    def is_check_of_t(self, call: Call) -> bool:
        """Whether a method of a testing variable, other than those of package testing that fail, checks."""
        if call.name in ("Run", "Fuzz"):
            return self.runs_unknown(call)
        return call.owner.encode() in self.rich and call.name not in NO_CHECKS

    def runs_unknown(self, call: Call) -> bool:
        """Whether a subtest is a function that the file does not declare."""
        arguments = call.node.child_by_field_name("arguments")
        last = arguments.named_children[-1] if arguments is not None and arguments.named_children else None
        if last is None or last.type != "identifier":
            return False
        name = (last.text or b"").decode("utf-8", "replace")
        return self.is_unknown(name)

    def is_check_of_package(self, call: Call, path: str) -> bool:
        name = call.name
        handed = self.is_handed(call)
        if path in CONTAINER_PACKAGES and name in CONTAINERS:
            return path.endswith("/suite") and handed and not self.add_suite()
        if path in LIBRARIES:
            if name.startswith(("New", "With", "Default")):
                self.add_asserter(call)
                return False
            if name in DOT_IMPORTED:
                return name not in FLUENT or _is_continued(call.node)
            return handed and name not in NO_CHECKS
        if handed:
            return not HARMLESS.match(f"{call.owner}.{name}")
        return name.startswith(("Assert", "Require")) and _is_statement(call.node)

    def is_check_of_function(self, call: Call) -> bool:
        name = call.name
        if self.owner.dotted:
            if name in DOT_IMPORTED:
                return name not in FLUENT or _is_continued(call.node)
            if name in ("NewWithT", "NewGomegaWithT", "NewGomega"):
                self.add_asserter(call)
                return False
            if name in CONTAINERS:
                return False
        handed = self.is_handed(call)
        if not handed and not (NAMED_ASSERTION.match(name) and _is_statement(call.node)):
            return False
        return self.is_unknown(name) and not HARMLESS.match(name)

    def is_check_of_method(self, call: Call) -> bool:
        name = call.name
        if name in self.owner.methods:
            return False  # the declaration refers to it
        receiver = self.declaration.receiver_name
        if call.is_plain and call.owner == receiver and self.is_suite():
            return name in ASSERTIONS or name.removesuffix("f") in ASSERTIONS
        if self.is_handed(call) or (call.is_plain and call.owner.encode() in self.built):
            if self.is_sibling(name):
                self.elsewhere.add(name)
                return False
            return not self.is_field(name) and not HARMLESS.match(name)
        return bool(re.match(r"(?i)assert|require[A-Z]", name)) and _is_statement(call.node)

    def is_suite(self) -> bool:
        receiver = self.declaration.receiver or ""
        return receiver in self.owner.testers or receiver not in self.owner.types

    def is_field(self, name: str) -> bool:
        """Whether the file declares a field of a function type with this name, whose values it contains."""
        return name in self.owner.function_fields

    def is_unknown(self, name: str) -> bool:
        """Whether a function is neither of the file nor a local variable; one of a sibling is noted."""
        if name in self.owner.names:
            return False
        if self.is_sibling(name):
            self.elsewhere.add(name)
            return False
        if name not in self.local:
            quoted = rb"\b" + name.encode()
            pattern = quoted + rb"(?:\s*,\s*\w+)?\s*(?::=|=[^=]|func\()|" + quoted + rb"\s+(?:\w+\.)?\w*[Ff]unc\w*\b"
            self.local[name] = re.compile(pattern).search(self.source, *self.span) is not None
        return not self.local[name]

    def add_asserter(self, call: Call) -> None:
        start = call.node.start_byte
        line = self.source.rfind(b"\n", 0, start) + 1
        if match := _ASSIGNED.search(self.source, max(line, start - _LINE), start):
            self.asserters.add(match[1])

    def add_suite(self) -> bool:
        """Whether a suite of this file runs: then its methods are used."""
        declarations = self.owner.file.declarations
        types = {
            name for index in self.declaration.references if declarations[index].kind == "type"
            for name in declarations[index].names
        }
        methods = {i for i, d in enumerate(declarations) if d.receiver in types and is_suite_method(d)}
        self.suites |= methods
        return bool(methods)

    def is_handed(self, call: Call) -> bool:
        """Whether an argument is a testing variable, or contains one."""
        node = call.node
        arguments = node.child(node.child_count - 1)
        if arguments is None:
            return False
        start, end = arguments.byte_range
        if end - start > 2 and self.handed.match(self.source, start, end):
            return True
        if end - start < 3 or not self.handed.search(self.source, start, end):
            return False
        return any(self.contains_t(argument) for argument in arguments.named_children)

    def contains_t(self, argument: Node) -> bool:
        if argument.type in ("func_literal", "call_expression") and not (argument.text or b"").endswith(b"T()"):
            return False
        text = b"(" + (argument.text or b"") + b")"
        return self.handed.search(text) is not None


def _earlier(text: bytes, at: int) -> list[bytes]:
    """The names before `at` that share the type of the name there: `a` and `b` of `a, b, c T`."""
    match = _EARLIER.search(text, max(0, at - _LINE), at)
    return re.findall(rb"\w+", match[0]) if match else []


@cache
def _handed(names: frozenset[bytes]) -> re.Pattern[bytes]:
    """Matches a testing variable as an argument or as an element of a literal."""
    alternatives = b"|".join([*sorted(map(re.escape, names)), rb"[\w.]+\.T\(\)", rb"(?:\w+\.)?GinkgoT\(\)"])
    return re.compile(rb"[(,{:]\s*&?(?:" + alternatives + rb")(?:\.T|\.TB)?\s*[,)}\n]")


@cache
def _built_from(names: frozenset[bytes]) -> re.Pattern[bytes]:
    """Matches `x.f = t` and `x := T{…, t, …}`; a group is the name `x`."""
    t = rb"(?:" + b"|".join(sorted(map(re.escape, names))) + rb")"
    return re.compile(
        rb"\b(" + _NAME + rb")\.\w+\s*=\s*" + t + rb"\b"
        rb"|\b(" + _NAME + rb")\s*:?=\s*&?[\w.\[\]*]*\{(?:[^{}]*[,:\n])?\s*" + t + rb"\s*[,}]"
    )


def _inside(at: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= at < end for start, end in spans)


def _is_continued(node: Node) -> bool:
    """Whether a method or field of a call's result is selected."""
    return node.parent is not None and node.parent.type == "selector_expression"


def _is_statement(node: Node) -> bool:
    return node.parent is not None and node.parent.type in ("expression_statement", "defer_statement", "go_statement")


def _is_statement_of(node: Node, declaration: Declaration) -> bool:
    """Whether a call is a statement of the declaration's own block."""
    statement = node.parent
    if statement is None or statement.type != "expression_statement" or declaration.body is None:
        return False
    block = statement.parent
    while block is not None and block.type in ("statement_list",):
        block = block.parent
    return block is not None and block.start_byte == declaration.body[0]
