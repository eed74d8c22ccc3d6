"""Which tests of a file can fail through a check.

A check is a call that fails a running test: a failure method of a testing variable, an assertion of a
library, or a helper that does either. A panic is no check, nor is the exit of the process, except in a
helper that is named as an assertion. The expected output of an example is one. Code that cannot run (`if
false`, after an unconditional return or skip) is left out.

This reads the syntax only. A helper of the file, or of its siblings in the package, is followed; one that is
declared elsewhere is taken to check when it gets a testing variable, unless its name says that it does not.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from tree_sitter import Node, QueryCursor

from goutbench.golang.analysis.calls import CallSite, calls_of
from goutbench.golang.analysis.check_calls import CheckCount, DeclarationChecks
from goutbench.golang.analysis.test_entries import is_ginkgo_spec, is_suite_method
from goutbench.golang.analysis.testing_variables import TestingNames
from goutbench.golang.syntax.file import Declaration, GoFile, go_query

_OUTPUT = re.compile(rb"(?i)//\s*(?:unordered\s+)?output:")
_SUITE_PARAMETERS = re.compile(rb"\(\s*(?:\w{1,60}\s+)?\*?\s*(?:\w{1,60}\.)?(?:T|C)\s*\)")
_SKIPS = frozenset({"Skip", "SkipNow", "Skipf"})

_Span = tuple[int, int]
_Location = tuple[int, int]
"""A file's number and the index of a declaration."""


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
    """The tests of a file in order, and the number of its checks, those in its helpers included."""

    tests: tuple[TestChecks, ...]
    count: int

    @property
    def assertion_free(self) -> bool:
        """Whether there are tests and a check can fail none of them."""
        return bool(self.tests) and not any(test.checked for test in self.tests)


def checks_of(
    file: GoFile, calls: Sequence[CallSite] | None = None, siblings: Sequence[GoFile] = ()
) -> FileChecks:
    """The checks of a test file; `siblings` are other files of its package, whose helpers it may call.

    `calls` are the file's calls, if the caller has them.
    """
    own = _CheckedFile(file, calls_of(file) if calls is None else calls)
    package = _Package([own, *(_CheckedFile(sibling, calls_of(sibling)) for sibling in siblings)])
    checked = package.checked()
    tests = [
        TestChecks(name, kind, kind == "example" or (0, index) in checked)
        for name, kind, index in own.tests()
    ]
    return FileChecks(tuple(tests), package.counts[0])


def check_calls_in(file: GoFile) -> list[CallSite]:
    """The calls of a file that can fail a test, in code that cannot run too."""
    checked = _CheckedFile(file, calls_of(file))
    readers = checked.readers(lambda name: False)
    return [
        call
        for reader, calls in zip(readers, checked.calls, strict=True)
        for call in calls
        if reader.is_check(call)
    ]


def check_values_in(file: GoFile) -> list[tuple[int, int]]:
    """The spans of failure methods that are used as values, such as `t.Errorf`."""
    readers = _CheckedFile(file, ()).readers(lambda name: False)
    return [span for reader in readers for span in reader.method_values()]


class _Package:
    """Files of one package, as a graph of declarations."""

    def __init__(self, files: Sequence["_CheckedFile"]) -> None:
        self.files = files
        self.counts = [0] * len(files)
        self.locations: dict[str, list[_Location]] = defaultdict(list)
        if len(files) > 1:
            for number, checked in enumerate(files):
                for index, declaration in enumerate(checked.file.declarations):
                    for name in declaration.names:
                        self.locations[name].append((number, index))

    def checked(self) -> set[_Location]:
        """The declarations that contain a check or lead to one."""
        users: dict[_Location, list[_Location]] = defaultdict(list)
        pending: list[_Location] = []
        for number, file in enumerate(self.files):
            for index, checks in enumerate(file.checks(partial(self.is_elsewhere, number))):
                self.counts[number] += checks.count
                if checks.count:
                    pending.append((number, index))
                for target in checks.uses:
                    users[number, target].append((number, index))
                for location in (location for name in checks.elsewhere for location in self.locations[name]):
                    if location[0] != number:
                        users[location].append((number, index))
        reached = set(pending)
        while pending:
            new = [user for user in users[pending.pop()] if user not in reached]
            reached.update(new)
            pending += new
        return reached

    def is_elsewhere(self, number: int, name: str) -> bool:
        """Whether a file other than this one declares a name."""
        return any(location[0] != number for location in self.locations.get(name, ()))


class _CheckedFile:
    """A file with its calls by declaration."""

    def __init__(self, file: GoFile, calls: Sequence[CallSite]) -> None:
        self.file, self.source = file, file.source
        self.names = TestingNames(file)
        starts = [declaration.node_start for declaration in file.declarations]
        self.calls: list[list[CallSite]] = [[] for _ in starts]
        for call in calls:
            if (index := bisect_right(starts, call.node.start_byte) - 1) >= 0:
                self.calls[index].append(call)

    def readers(self, is_elsewhere: Callable[[str], bool]) -> Iterator[DeclarationChecks]:
        """What reads each declaration."""
        for index in range(len(self.file.declarations)):
            yield DeclarationChecks(self.names, index, is_elsewhere)

    def tests(self) -> Iterator[tuple[str, str, int]]:
        """Name, kind and index of every declaration that runs as a test."""
        functions = {test.declaration: test.kind for test in self.file.tests}
        for index, declaration in enumerate(self.file.declarations):
            kind = functions.get(index)
            if kind in ("test", "fuzz") or (kind == "example" and has_output(self.file, declaration)):
                yield declaration.names[0], kind, index
            elif is_suite_method(declaration) and self.is_in_suite(declaration):
                yield declaration.names[0], "method", index
            elif is_ginkgo_spec(self.file, declaration):
                yield "_", "spec", index

    def is_in_suite(self, declaration: Declaration) -> bool:
        """Whether a method has the parameters of a test, and a receiver that may be a suite."""
        end = declaration.body[0] if declaration.body is not None else declaration.node_end
        signature = self.source[declaration.node_start : end]
        parameters = signature.partition(b" " + declaration.names[0].encode())[2].strip()
        if parameters.replace(b" ", b"") == b"()":
            receiver = declaration.receiver or ""
            return receiver not in self.names.types - self.names.testers or "suite" in receiver.lower()
        return _SUITE_PARAMETERS.fullmatch(parameters) is not None

    def checks(self, is_elsewhere: "partial[bool]") -> Iterator[CheckCount]:
        """The checks of each declaration, without those in code that cannot run."""
        blocks = self.dead_blocks()
        tests = {test.declaration for test in self.file.tests}
        for index, reader in enumerate(self.readers(is_elsewhere)):
            declaration = self.file.declarations[index]
            span = declaration.node_start, declaration.node_end
            dead = [block for block in blocks if span[0] <= block[0] < span[1]]
            if (index in tests or is_suite_method(declaration)) and (end := self.end_of_live(declaration)):
                dead.append((end, span[1]))
            if not dead:
                yield reader.read(self.calls[index])
                continue
            checks = reader.read(call for call in self.calls[index] if not _is_in(call.node.start_byte, dead))
            checks.uses = {target for target in checks.uses if self.is_used(target, span, dead)}
            yield checks

    def dead_blocks(self) -> list[_Span]:
        """The blocks of `if false`."""
        if b"if false" not in self.source:
            return []
        query = go_query("(if_statement condition: (false) consequence: (_) @dead)")
        captures = QueryCursor(query).captures(self.file.tree.root_node)
        return [node.byte_range for node in captures.get("dead", ())]

    def end_of_live(self, declaration: Declaration) -> int | None:
        """Where the statements of a test end that can run: at an unconditional skip or return, if any."""
        if declaration.body is None:
            return None
        if (
            self.source.find(b"Skip", *declaration.body) < 0
            and self.source.find(b"return", *declaration.body) < 0
        ):
            return None
        body = self.file.node(declaration).child_by_field_name("body")
        return next((node.end_byte for node in _statements(body) if self.ends_test(node)), None)

    def ends_test(self, statement: Node) -> bool:
        """Whether no statement after this one runs."""
        if statement.type != "expression_statement":
            return statement.type == "return_statement"
        call = statement.named_children[0] if statement.named_children else None
        function = call.child(0) if call is not None and call.type == "call_expression" else None
        text = (function.text or b"") if function is not None else b""
        return text.rpartition(b".")[2].decode("utf-8", "replace") in _SKIPS

    def is_used(self, target: int, span: _Span, dead: list[_Span]) -> bool:
        """Whether a declaration is mentioned in code that can run."""
        return any(
            not _is_in(match.start(), dead)
            for name in self.file.declarations[target].names
            for match in re.compile(rb"\b" + re.escape(name.encode()) + rb"\b").finditer(self.source, *span)
        )


def has_output(file: GoFile, example: Declaration) -> bool:
    """Whether the last comment of an example states its output."""
    start, end = example.body or (example.node_start, example.node_end)
    lines = file.source[start:end].rstrip(b"}\n\r\t ").split(b"\n")
    for line in reversed(lines):
        if _OUTPUT.search(line):
            return True
        if not line.strip().startswith(b"//"):
            return False
    return False


def _statements(block: Node | None) -> list[Node]:
    children = block.named_children if block is not None else []
    if len(children) == 1 and children[0].type == "statement_list":
        return children[0].named_children
    return children


def _is_in(at: int, spans: list[_Span]) -> bool:
    return any(start <= at < end for start, end in spans)
