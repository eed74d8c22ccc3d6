"""What a test file adds to tests that other files of its package run, as far as the syntax shows.

Such files have methods of a suite that another file runs, specs of Ginkgo or gocheck, or `init` functions and
variables that fill a list.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node

from goutbench.golang.syntax.file import Declaration, GoFile, name_nodes, node_text, specs
from goutbench.golang.syntax.references import identifiers_in
from goutbench.golang.syntax.stdlib import package_name

TEST_MAIN = "TestMain"
_VERDICTS = {b"": b"{}", b"error": b"{ return nil }", b"bool": b"{ return false }"}
"""The results of functions that a test may call as a check, and their bodies without effect."""

_TEST_PARAMETER = re.compile(rb"\(\s*\w+\s+(?:\*testing\.[TF]|testing\.TB)\s*,?\s*\)\s*$")
_COMPUTED = re.compile(rb"[({]")


@dataclass(frozen=True, slots=True)
class Framework:
    """A library whose specs a test of another file runs by a function whose name begins with `runner`."""

    name: str
    paths: tuple[str, ...]
    runner: bytes


GINKGO = Framework("ginkgo", ("github.com/onsi/ginkgo/v2",), b"RunSpecs")
GINKGO_1 = Framework("ginkgo-1", ("github.com/onsi/ginkgo",), b"RunSpecs")
GOCHECK = Framework(
    "gocheck", ("gopkg.in/check.v1", "github.com/go-check/check", "launchpad.net/gocheck"), b"TestingT"
)
FRAMEWORKS = (GINKGO, GINKGO_1, GOCHECK)


@dataclass(frozen=True, slots=True)
class Registration:
    """What a file may hand to tests of other files.

    `framework` is the one that it imports. `names` are those that its `init` functions, its variables and
    what these refer to mention; `imports` the packages outside the standard library there. `suites` are the
    types of other files that it adds methods to. `methods` are its test methods, as "Type.TestX". `parts` are
    declarations that a test of another file may call or range over. `own_suites` are types of this file with
    test methods. `fills`: an `init` function or a variable without a name is among them. `main`: it declares
    TestMain.
    """

    framework: Framework | None
    names: frozenset[bytes]
    imports: frozenset[str]
    suites: frozenset[str]
    own_suites: frozenset[str]
    methods: tuple[str, ...]
    parts: frozenset[str]
    fills: bool
    main: bool

    def __bool__(self) -> bool:
        return bool(self.framework or self.names or self.methods or self.parts or self.main)


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A test, fuzz target or example of another test file (`file` is its base name)."""

    name: str
    file: str


def registration(file: GoFile) -> Registration:
    """What the file may register. False if there is certainly nothing."""
    declared = file.top_level_names()
    roots = [index for index, item in enumerate(file.declarations) if _runs_at_start(file, item)]
    reached = _closure(file, roots)
    names: set[bytes] = set()
    for index in reached:
        names |= identifiers_in(file.source, _code(file.declarations[index]))
    imported = {file.imports[at].path for index in reached for at in file.declarations[index].imports}
    if roots:
        imported |= {spec.path for spec in file.imports if spec.name == "."}
    paths = {spec.path for spec in file.imports}
    methods = [item for item in file.declarations if item.kind == "method" and item.receiver]
    tests = [item for item in methods if item.names[0].startswith("Test") or _takes_test(file, item)]
    return Registration(
        framework=next((item for item in FRAMEWORKS if paths.intersection(item.paths)), None),
        names=frozenset(names - {name.encode() for name in declared}),
        imports=frozenset(path for path in imported if package_name(path) is None),
        suites=frozenset(
            item.receiver for item in methods if item.receiver and item.receiver not in declared
        ),
        own_suites=frozenset(item.receiver for item in tests if item.receiver in declared and item.receiver),
        methods=tuple(f"{item.receiver}.{item.names[0]}" for item in tests),
        parts=frozenset(_part_names(file)),
        fills=any(set(item.names) & {"init", "_"} for index in roots for item in [file.declarations[index]]),
        main=any(item.kind == "func" and item.names == (TEST_MAIN,) for item in file.declarations),
    )


def _takes_test(file: GoFile, method: Declaration) -> bool:
    """Whether an exported method has a testing variable as its only parameter, so that a test may call it by
    reflection."""
    start, end = method.node_start, (method.body or (method.node_end, 0))[0]
    return method.names[0][:1].isupper() and _TEST_PARAMETER.search(file.source, start, end) is not None


def entry_points(
    added: Registration, siblings: Mapping[str, GoFile], sources: Iterable[GoFile], *, certain: bool = False
) -> tuple[tuple[EntryPoint, ...], bool]:
    """The tests of the sibling test files that may run what is registered, by the best of several signs.

    `sources` are the package's other files. With `certain`, only those that a test method, a framework, or a
    variable of a test file connects; else all tests if nothing connects any. The second value says whether
    a test method, a framework or a name of the test files does.
    """
    package = _Package([*siblings.values(), *sources])
    tests = [
        (EntryPoint(test.name, name), package.reached(file, test.declaration))
        for name, file in siblings.items()
        for test in file.tests
        if test.kind != "benchmark"
    ]
    links = {name.encode() for name in added.suites | added.own_suites}
    links |= added.names & variables(siblings.values())
    if not certain:
        links |= {name.encode() for name in added.parts}
        links |= added.names & {n.encode() for file in siblings.values() for n in file.top_level_names()}
    runner = added.framework.runner if added.framework else b" "
    chosen = [
        entry
        for entry, reached in tests
        if links & reached or any(name.startswith(runner) for name in reached)
    ]
    if certain or chosen:
        return tuple(chosen), True
    for others in (added.names & package.names, _import_names(siblings, added.imports)):
        if chosen := [entry for entry, reached in tests if others & reached]:
            return tuple(chosen), False
    return tuple(entry for entry, _ in tests), False


def without_registrations(file: GoFile, mentioned: frozenset[bytes]) -> bytes:
    """The file with everything that others need, and without effect on what tests run.

    `init`, TestMain and test methods lose their names. Checks and lists of cases become empty; variables that
    only register are no longer computed. All of it still type-checks.
    `mentioned` are the identifiers of the package's other files.
    """
    edits: list[tuple[int, int, bytes]] = []
    unnamed: list[bytes] = []
    # beside other things that it registers, its functions are more likely helpers than checks
    added = registration(file)
    with_checks = not (added.framework or added.methods or added.fills)
    for item in file.declarations:
        node = file.node(item)
        name = node.child_by_field_name("name")
        if item.kind == "var":
            elsewhere = mentioned.union(
                *(
                    identifiers_in(file.source, _code(other))
                    for other in file.declarations
                    if other is not item
                )
            )
            for spec in specs(node):
                edits += _variable_edits(file.source, spec, elsewhere, unnamed)
        elif with_checks and item.body and name and (body := _empty_body(file, item)) is not None:
            edits.append((*item.body, body))
            unnamed.append(b"func _" + file.source[name.end_byte : item.node_end])
        elif name is not None and (
            (item.kind == "func" and item.names[0] in ("init", TEST_MAIN))
            or (item.kind == "method" and item.names[0].startswith("Test"))
        ):
            edits.append((name.start_byte, name.end_byte, b"_"))
    source = file.source
    for start, end, text in sorted(edits, reverse=True):
        source = source[:start] + text + source[end:]
    return b"\n\n".join([source, *unnamed, b""])


def _variable_edits(
    source: bytes, spec: Node, elsewhere: frozenset[bytes], unnamed: list[bytes]
) -> Iterator[tuple[int, int, bytes]]:
    """The edits of one variable; adds what it was computed from to `unnamed` where it stays as a list."""
    names, value = name_nodes(spec), spec.child_by_field_name("value")
    if len(names) != 1 or value is None:
        return
    name, text = names[0].text or b"", source[value.start_byte : value.end_byte]
    uncalled = b"func() any { return " + text + b" }"
    if name != b"_" and name in elsewhere:
        if (elements := _elements(spec)) is not None:
            yield (*elements.byte_range, b"{}")
            unnamed.append(b"var _ = " + uncalled)
    elif _COMPUTED.search(text) is not None:
        yield names[0].start_byte, value.end_byte, b"_ = " + uncalled


def _elements(spec: Node) -> Node | None:
    """The braces of a variable that is a literal slice or map."""
    value = spec.child_by_field_name("value")
    literal = value.named_children[0] if value is not None and value.named_child_count == 1 else None
    kind = literal.child_by_field_name("type") if literal and literal.type == "composite_literal" else None
    is_list = kind is not None and kind.type in ("slice_type", "map_type")
    return literal.child_by_field_name("body") if literal is not None and is_list else None


class _Package:
    """What each declared name of a package mentions."""

    def __init__(self, files: Iterable[GoFile]) -> None:
        self.mentions: dict[bytes, set[bytes]] = {}
        for file in files:
            for item in file.declarations:
                mentioned = identifiers_in(file.source, _code(item))
                for name in (item.receiver,) if item.receiver else item.names:
                    self.mentions.setdefault(name.encode(), set()).update(mentioned)

    @property
    def names(self) -> set[bytes]:
        return set(self.mentions)

    def reached(self, file: GoFile, declaration: int) -> set[bytes]:
        """The identifiers that a declaration mentions, and those that these mention, and so on."""
        pending = identifiers_in(file.source, _code(file.declarations[declaration]))
        reached = set(pending)
        while pending:
            new = self.mentions.get(pending.pop(), set()) - reached
            reached |= new
            pending |= new
        return reached


def _code(item: Declaration) -> tuple[int, int]:
    return item.node_start, item.node_end


def _runs_at_start(file: GoFile, item: Declaration) -> bool:
    """Whether the declaration is code that runs before any test: `init`, TestMain, a computed variable."""
    if item.kind == "func":
        return item.names[0] in ("init", TEST_MAIN)
    return item.kind == "var" and _COMPUTED.search(file.source, *_code(item)) is not None


def _part_names(file: GoFile) -> set[str]:
    """What a test of another file may run: functions that are checks, and lists of cases."""
    names = {item.names[0] for item in file.declarations if _empty_body(file, item) is not None}
    for item in file.declarations:
        if item.kind == "var":
            lists = (name_nodes(spec) for spec in specs(file.node(item)) if _elements(spec) is not None)
            names |= {node_text(file.source, list_names[0]) for list_names in lists}
    return names - {"_"}


def _empty_body(file: GoFile, item: Declaration) -> bytes | None:
    """The body without effect of a function that may be a check; None for all other declarations."""
    if item.kind != "func" or item.body is None or item.names[0] in ("init", TEST_MAIN):
        return None
    if any(file.declarations[test.declaration] is item for test in file.tests):
        return None
    node = file.node(item)
    result = node.child_by_field_name("result")
    generic = node.child_by_field_name("type_parameters") is not None
    return None if generic else _VERDICTS.get((result.text or b"") if result is not None else b"")


def _closure(file: GoFile, roots: Iterable[int]) -> set[int]:
    """The declarations that these refer to, directly or not."""
    reached, pending = set(roots), list(roots)
    while pending:
        item = file.declarations[pending.pop()]
        new = {*item.references, *item.maybe} - reached
        reached |= new
        pending += new
    return reached


def variables(files: Iterable[GoFile]) -> set[bytes]:
    """The package-level variables that the files declare."""
    return {
        name.encode()
        for file in files
        for item in file.declarations
        if item.kind == "var"
        for name in item.names
    }


def _import_names(siblings: Mapping[str, GoFile], paths: frozenset[str]) -> set[bytes]:
    """The names by which the siblings refer to these packages."""
    specs = (spec for file in siblings.values() for spec in file.imports if spec.path in paths)
    return {spec.local_name.encode() for spec in specs if spec.local_name}
