"""Test files of a package that change nothing for a candidate's own tests, so that its build can do without.

The type check sees them: a candidate that declares one of their names does not build, as under `go test`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tree_sitter import Node

from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.analysis.registrations import TEST_MAIN
from goutbench.golang.syntax.file import Declaration, GoFile, Import, specs
from goutbench.golang.syntax.parser import parse
from goutbench.golang.syntax.stdlib import package_name

_WORD = re.compile(rb"[\w\x80-\xff]+")
_DIRECTIVE = re.compile(rb"^//(?:go:(?!build|generate)|export |line )|/\*line ", re.MULTILINE)
_STARTS = re.compile(rb"\bexec\.|StartProcess|ForkExec|syscall\.Exec")
_ITSELF = re.compile(rb"os\.Args|os\.Executable|/proc/|test\.run")
"""Both: a program that may start itself, with tests whose names it puts together, or with all of them."""

_EMBED = b"//go:embed "
_REGISTERS = re.compile(r"(?:crypto|image)(?:/|$)|(?:expvar|net/http/pprof|time/tzdata|C)$")
"""Packages that others find by a name or a number once they are imported, or that add something global."""

_PLAIN = frozenset(
    {"identifier", "field_identifier", "package_identifier", "blank_identifier", "comment"}
    | {"int_literal", "float_literal", "imaginary_literal", "rune_literal", "nil", "true", "false"}
    | {"interpreted_string_literal", "interpreted_string_literal_content", "escape_sequence"}
    | {"raw_string_literal", "raw_string_literal_content"}
    | {"composite_literal", "literal_value", "literal_element", "keyed_element"}
    | {"expression_list", "parenthesized_expression", "unary_expression", "selector_expression"}
)
"""What an initialiser without an effect may consist of: no calls, which run code, and no arithmetic or index,
which may panic."""
_CALLS = frozenset({b"errors.New", b"fmt.Errorf", b"regexp.MustCompile", b"time.Date", b"make", b"new"})
"""Functions whose calls with plain arguments have no effect, either."""


@dataclass(frozen=True, slots=True)
class _TestFile:
    """What decides about a test file: `declared` are its top-level names, `mentioned` all words in it.

    `imports` are the packages that it imports, `needs` those of them that may have an effect. `restarts`: it
    may start its own program again.
    """

    idle: bool
    restarts: bool
    declared: frozenset[bytes]
    mentioned: frozenset[bytes]
    imports: frozenset[str]
    needs: frozenset[str]


def idle_siblings(package: PackageUnderTest, code: bytes) -> tuple[str, ...]:
    """The package's other test files (base names) that have no effect on tests that the candidate declares.

    Such a file runs nothing by itself, is not mentioned by the candidate or by files that stay, not even in a
    text, and imports no package with an effect that the others do not import. None in a package that embeds
    files, which may be these.
    """
    if _EMBED in code or any(map(_embeds, package.go_files())):
        return ()
    siblings = {name: _sibling(package.folder / name) for name in package.sibling_tests()}
    idle = {name: file for name, file in siblings.items() if file.idle}
    staying = [_test_file(parse(code)), *(file for file in siblings.values() if not file.idle)]
    mentioned, imports = frozenset[bytes](), frozenset[str]()
    while staying:
        if any(file.restarts for file in staying):
            return ()
        mentioned = mentioned.union(*(file.mentioned for file in staying))
        imports = imports.union(*(file.imports for file in staying))
        if not all(file.needs <= imports for file in idle.values()):
            imports = imports.union(*map(_imports, package.sources()))
        needed = [name for name, file in idle.items() if file.declared & mentioned or file.needs - imports]
        staying = [idle.pop(name) for name in needed]
    return tuple(idle)


@lru_cache(maxsize=256)  # pairs of one folder follow each other
def _embeds(path: Path) -> bool:
    return _EMBED in path.read_bytes()


@lru_cache(maxsize=256)
def _sibling(path: Path) -> _TestFile:
    return _test_file(parse(path.read_bytes()))


@lru_cache(maxsize=256)
def _imports(path: Path) -> frozenset[str]:
    return frozenset(spec.path for spec in parse(path.read_bytes()).imports)


def _test_file(file: GoFile) -> _TestFile:
    return _TestFile(
        idle=is_idle(file),
        restarts=bool(_STARTS.search(file.source) and _ITSELF.search(file.source)),
        declared=frozenset(name.encode() for name in file.top_level_names() - {"_"}),
        mentioned=frozenset(_WORD.findall(file.source)),
        imports=frozenset(spec.path for spec in file.imports),
        needs=frozenset(spec.path for spec in file.imports if _may_have_effect(spec)),
    )


def _may_have_effect(spec: Import) -> bool:
    """Whether to import a package may do something: one outside of the standard library, or a known one."""
    outside = package_name(spec.path) is None
    return outside or spec.name == "_" or _REGISTERS.match(spec.path) is not None


def is_idle(file: GoFile) -> bool:
    """Whether a test file does nothing unless something refers to it."""
    if file.errors or file.package is None or _DIRECTIVE.search(file.source):
        return False
    own_types = {
        name for d in file.declarations if d.kind == "type" and not _is_alias(file, d) for name in d.names
    }
    return all(_does_nothing(file, declaration, own_types) for declaration in file.declarations)


def _does_nothing(file: GoFile, declaration: Declaration, own_types: set[str]) -> bool:
    if declaration.kind == "func":
        return declaration.names[0] not in ("init", TEST_MAIN)
    if declaration.kind == "method":
        return declaration.receiver in own_types
    if declaration.kind == "var":
        values = (spec.child_by_field_name("value") for spec in specs(file.node(declaration)))
        return all(_is_plain(value) for value in values if value is not None)
    return True


def _is_alias(file: GoFile, declaration: Declaration) -> bool:
    return any(spec.type == "type_alias" for spec in specs(file.node(declaration)))


def _is_plain(node: Node) -> bool:
    """Whether to compute an expression has no effect."""
    if node.type == "func_literal" or node.type.endswith(("_type", "type_identifier")):
        return True
    if node.type == "call_expression":
        function = node.child_by_field_name("function")
        if function is None or not (function.text in _CALLS or _is_conversion(function)):
            return False
        return all(_is_plain(child) for child in _arguments(node))
    if node.type == "unary_expression" and (node.text or b"").startswith(b"<-"):
        return False
    if node.is_named and node.type not in _PLAIN and node.type != "type_conversion_expression":
        return False
    return all(map(_is_plain, node.named_children))


def _arguments(call: Node) -> Iterator[Node]:
    arguments = call.child_by_field_name("arguments")
    if arguments is not None:
        yield from arguments.named_children


def _is_conversion(function: Node) -> bool:
    """Whether `function` is a pointer type in parentheses, as in `(*T)(nil)`."""
    return function.type == "parenthesized_expression" and (function.text or b"").startswith(b"(*")
