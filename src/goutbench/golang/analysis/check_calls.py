"""Which calls of a declaration are checks, and which helpers of its package it uses."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property

from tree_sitter import Node

from goutbench.golang.analysis.assertion_names import (
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
)
from goutbench.golang.analysis.calls import CallSite
from goutbench.golang.analysis.test_entries import is_suite_method
from goutbench.golang.analysis.testing_variables import LINE, TestingNames

_METHOD_VALUE = re.compile(rb"\.(?:Errorf?|Fatalf?|Fail|FailNow)\b(?!\s*\()")
_NAME_BEFORE = re.compile(rb"\b\w+$")
_ASSIGNED = re.compile(rb"\b([A-Za-z_]\w{0,60})(?:\s*,\s*\w{1,60})*\s*:?=\s*$")
_EXITS = re.compile(rb"\bpanic\(|\bos\.Exit\(|\blog\.(?:Fatal|Panic)")
_LOCAL = re.compile(
    rb"\b(\w{1,60})\s*(?:,\s*(\w{1,60})\s*)?:?=[^=]|\b(\w{1,60})[ \t]+(?:\w{1,60}\.)?\w{0,60}[Ff]unc"
)
_METHOD = re.compile(r"(?i:assert)|require[A-Z]|Require")
_T_OWNERS = frozenset({"t", "tb", "T", "TB", "T()", "TB()", "GinkgoT()"})
_ASSERTER_OWNERS = frozenset({"Require()", "Assert()"})


@dataclass(slots=True)
class CheckCount:
    """The number of checks, indices of declarations that are used, and used names of other files."""

    count: int
    uses: set[int]
    elsewhere: set[str]


class DeclarationChecks:
    """Reads one declaration; `is_elsewhere` says whether another file of the package declares a name."""

    def __init__(self, names: TestingNames, index: int, is_elsewhere: Callable[[str], bool]) -> None:
        self.names, self.is_elsewhere = names, is_elsewhere
        self.source = names.source
        self.declaration = names.file.declarations[index]
        self.span = self.declaration.node_start, self.declaration.node_end
        kinds = names.variables(index)
        self.testing = {name for name, kind in kinds.items() if kind != "asserter"}
        self.libraries = {name for name, kind in kinds.items() if kind == "library"}
        self.asserters = {name for name, kind in kinds.items() if kind == "asserter"}
        self.built = names.built_from(frozenset(self.testing), self.declaration)
        self.handed = _as_argument(frozenset(self.testing | self.built))
        self.checks = CheckCount(0, {*self.declaration.references, *self.declaration.maybe}, set())

    def read(self, calls: Iterable[CallSite]) -> CheckCount:
        """The checks among the calls."""
        self.checks.count = sum(self.is_check(call) for call in calls) + len(self.method_values())
        name = self.declaration.names[0] if self.declaration.names else ""
        if self.declaration.kind == "func" and NAMED_ASSERTION.match(name):
            self.checks.count += _EXITS.search(self.source, *self.span) is not None
        return self.checks

    def method_values(self) -> list[tuple[int, int]]:
        """Where a failure method is used as a value: the span of `t.Errorf` in `report := t.Errorf`."""
        spans = []
        for match in _METHOD_VALUE.finditer(self.source, *self.span) if self.testing else ():
            at = match.start()
            name = _NAME_BEFORE.search(self.source, max(0, at - 60), at)
            if name is not None and name[0] in self.testing:
                node = self.names.file.tree.root_node.descendant_for_byte_range(at - 1, at - 1)
                if node is not None and node.type == "identifier":
                    spans.append((node.start_byte, match.end()))
        return spans

    def is_check(self, call: CallSite) -> bool:
        owner, name = call.owner, call.name
        variable = owner.encode() if call.is_plain else b""
        if name in FAILURE_METHODS and (owner in _T_OWNERS or variable in self.testing):
            return True
        if owner in _ASSERTER_OWNERS:
            return name[:1].isupper()
        if variable in self.asserters:
            return name not in NO_CHECKS and _is_complete(call)
        if variable in self.testing:
            if name in ("Run", "Fuzz"):
                return self.runs_unknown_function(call)
            if variable in self.libraries:
                return name not in NO_CHECKS
            return name.removesuffix("f") in ASSERTIONS and name not in self.names.methods
        if call.is_plain and owner in self.names.paths:
            return self.is_check_of_package(call, self.names.paths[owner])
        return self.is_check_of_method(call) if owner else self.is_check_of_function(call)

    def is_check_of_package(self, call: CallSite, path: str) -> bool:
        name, handed = call.name, self.is_handed(call)
        if path in CONTAINER_PACKAGES and name in CONTAINERS:
            return path.endswith("/suite") and handed and not self.runs_suite()
        if path in LIBRARIES:
            if name.startswith(("New", "With", "Default")):
                self.add_asserter(call)
                return False
            # testify's Eventually gets a testing variable, and Gomega's is continued by a method
            return (handed and name not in NO_CHECKS) or (name in DOT_IMPORTED and _is_complete(call))
        if handed:
            return not HARMLESS.match(f"{call.owner}.{name}")
        return name.startswith(("Assert", "Require")) and _is_statement(call.node)

    def is_check_of_function(self, call: CallSite) -> bool:
        name = call.name
        if self.names.dotted:
            if name in DOT_IMPORTED:
                return _is_complete(call)
            if name in ("NewWithT", "NewGomegaWithT", "NewGomega"):
                self.add_asserter(call)
                return False
            if name in CONTAINERS:
                return False
        if not self.is_handed(call) and not (NAMED_ASSERTION.match(name) and _is_statement(call.node)):
            return False
        return self.is_unknown(name) and not HARMLESS.match(name)

    def is_check_of_method(self, call: CallSite) -> bool:
        name = call.name
        if name in self.names.methods:
            return False  # the declaration refers to it
        if call.is_plain and call.owner == self.declaration.receiver_name and self.is_suite():
            return name.removesuffix("f") in ASSERTIONS
        if name in FAILURE_METHODS and call.is_plain and self.has_foreign_type(call.owner):
            return _is_statement(call.node)
        if self.is_elsewhere(name):
            self.checks.elsewhere.add(name)
            return False
        if self.is_handed(call) or (call.is_plain and call.owner.encode() in self.built):
            if name in self.names.function_fields:
                return self.names.holds_assertions
            return not HARMLESS.match(name)
        return _METHOD.match(name) is not None and _is_statement(call.node)

    def has_foreign_type(self, name: str) -> bool:
        """Whether a parameter has a type of another file of the package, which may embed a `T`."""
        body = self.declaration.body
        end = body[0] if body is not None else self.span[0]
        pattern = re.compile(rb"\b" + re.escape(name.encode()) + rb"[ \t]+\*(\w{1,60})[ \t]*[,)]")
        match = pattern.search(self.source, self.span[0], end)
        if match is None or re.search(r"(?i)log", name + match[1].decode()):
            return False
        return match[1].decode() not in self.names.types

    def is_suite(self) -> bool:
        receiver = self.declaration.receiver or ""
        return receiver in self.names.testers or receiver not in self.names.types

    def is_handed(self, call: CallSite) -> bool:
        """Whether an argument is a testing variable, or a literal that contains one."""
        arguments = call.node.child(call.node.child_count - 1)
        if arguments is None or arguments.end_byte - arguments.start_byte < 3:
            return False
        span = arguments.byte_range
        if self.handed.match(self.source, *span):
            return True
        return self.handed.search(self.source, *span) is not None and any(
            self.contains_testing_variable(argument) for argument in arguments.named_children
        )

    def contains_testing_variable(self, argument: Node) -> bool:
        text = argument.text or b""
        if argument.type in ("func_literal", "call_expression") and not text.endswith(b"T()"):
            return False
        return self.handed.search(b"(" + text + b")") is not None

    def runs_unknown_function(self, call: CallSite) -> bool:
        """Whether a subtest is a function that neither the file nor the declaration contains."""
        arguments = call.node.child_by_field_name("arguments")
        last = arguments.named_children[-1] if arguments is not None and arguments.named_children else None
        if last is None or last.type != "identifier":
            return False
        return self.is_unknown((last.text or b"").decode("utf-8", "replace"))

    def is_unknown(self, name: str) -> bool:
        """Whether a function is neither of the package nor a local variable; one of a sibling is noted."""
        if name in self.names.declared:
            return False
        if self.is_elsewhere(name):
            self.checks.elsewhere.add(name)
            return False
        return name.encode() not in self.local

    @cached_property
    def local(self) -> set[bytes]:
        """The variables and parameters of the declaration that may hold a function."""
        matches = _LOCAL.findall(self.source, *self.span)
        return {name for names in matches for name in names if name}

    def add_asserter(self, call: CallSite) -> None:
        """Note the variable to which the result of a constructor is assigned."""
        start = call.node.start_byte
        line = max(self.source.rfind(b"\n", 0, start) + 1, start - LINE)
        if match := _ASSIGNED.search(self.source, line, start):
            self.asserters.add(match[1])

    def runs_suite(self) -> bool:
        """Whether a suite of this file runs, whose methods are used then."""
        declarations = self.names.file.declarations
        used = [declarations[index] for index in self.declaration.references]
        types = {name for declaration in used if declaration.kind == "type" for name in declaration.names}
        methods = {i for i, d in enumerate(declarations) if d.receiver in types and is_suite_method(d)}
        self.checks.uses |= methods
        return bool(methods)


@cache
def _as_argument(names: frozenset[bytes]) -> re.Pattern[bytes]:
    """Matches a testing variable that is an argument or an element of a literal."""
    others = (rb"[\w.]{1,80}\.T\(\)", rb"(?:\w{1,60}\.)?GinkgoT\(\)")
    alternatives = b"|".join((*sorted(map(re.escape, names)), *others))
    return re.compile(rb"[(,{:]\s*&?(?:" + alternatives + rb")(?:\.T|\.TB)?\s*[,)}\n]")


def _is_complete(call: CallSite) -> bool:
    """Whether an assertion checks by itself, or a method of its result is called, as in `Expect(x).To(…)`."""
    if call.name not in FLUENT:
        return True
    return call.node.parent is not None and call.node.parent.type == "selector_expression"


def _is_statement(node: Node) -> bool:
    return node.parent is not None and node.parent.type in ("expression_statement", "defer_statement")
