"""What a test file meets in the package it will be put into."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from goutbench.errors import SourceError
from goutbench.golang.syntax.file import GoFile, parse
from goutbench.golang.syntax.header import package_name
from goutbench.golang.syntax.modfile import read_module


@dataclass(frozen=True, slots=True)
class PackageContext:
    """The package of a focal file, without the test file that is to be made.

    Names are those declared at top level: by the package's own files (`source_names`), by the other test
    files of the package (`test_names`), and by those of its `_test` package (`external_names`). `methods` are
    "Type.Method" of the package; `members` are unexported fields and methods of the package and its internal
    tests, `external_members` fields and methods of its external tests.
    """

    package: str
    focal: bytes
    import_path: str | None = None
    source_names: frozenset[str] = frozenset()
    test_names: frozenset[str] = frozenset()
    external_names: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    external_members: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """Everything declared in the package itself, its internal tests included."""
        return self.source_names | self.test_names


def package_context(
    focal: bytes, siblings: Iterable[tuple[str, bytes]] = (), import_path: str | None = None
) -> PackageContext:
    """Reads the focal file and the other files of its folder, given by name and content."""
    own = _facts(focal)
    package = own.package or "main"
    source = [own]
    test: list[_Facts] = []
    external: list[_Facts] = []
    for name, content in siblings:
        facts = _facts(content)
        if not name.endswith("_test.go"):
            source.append(facts)
        else:
            (test if facts.package == package else external).append(facts)
    return PackageContext(
        package,
        focal,
        import_path,
        _union(facts.names for facts in source),
        _union(facts.names for facts in test),
        _union(facts.names for facts in external),
        _union(facts.methods for facts in source + test),
        frozenset(
            name for name in _union(facts.members for facts in source + test) if not name[:1].isupper()
        ),
        _union(facts.members for facts in external),
    )


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)


@dataclass(frozen=True, slots=True)
class _Facts:
    package: str | None
    names: frozenset[str]
    methods: frozenset[str]
    members: frozenset[str]


@lru_cache(maxsize=2048)
def _facts(content: bytes) -> _Facts:
    """What one file declares; kept, since every test of a package meets the same files."""
    file = parse(content)
    plain = [each for each in file.declarations if each.kind != "method"]
    methods = [each for each in file.declarations if each.kind == "method"]
    return _Facts(
        file.package,
        frozenset(name for each in plain for name in each.names) - {"_", "init"},
        frozenset(f"{each.receiver}.{each.names[0]}" for each in methods if each.names),
        frozenset(each.names[0] for each in methods if each.names) | frozenset(_members(file)),
    )


def _members(file: GoFile) -> Iterator[str]:
    """Fields and interface methods of what is declared at top level; a function's own types stay its own."""
    stack = [file.node(each) for each in file.declarations if each.kind in ("type", "var")]
    while stack:
        node = stack.pop()
        if node.type in ("field_declaration", "method_elem"):
            yield from (
                (name.text or b"").decode() for name in node.children_by_field_name("name") if name.is_named
            )
        stack.extend(child for child in node.named_children if child.type != "block")


def read_context(focal: Path) -> PackageContext:
    """The context of a focal file on disk: its folder's Go files but `X_test.go`, and the path by its go.mod.

    Raises SourceError when a file cannot be read.
    """
    own_test = focal.name.removesuffix(".go") + "_test.go"
    try:
        content = focal.read_bytes()
        others = [
            path for path in sorted(focal.parent.glob("*.go")) if path.name not in (focal.name, own_test)
        ]
        siblings = [(path.name, path.read_bytes()) for path in others]
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", where=str(error.filename or focal)) from error
    return package_context(content, _same_package(content, siblings), import_path_of(focal.resolve().parent))


def _same_package(focal: bytes, siblings: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Without files of other packages, which a folder may hold behind a build constraint."""
    package = package_name(focal)
    return [each for each in siblings if package_name(each[1]) in (package, f"{package}_test")]


def import_path_of(folder: Path) -> str | None:
    """The import path of a folder by the nearest go.mod above it, None when there is none."""
    for root in (folder, *folder.parents):
        module_file = root / "go.mod"
        if module_file.is_file():
            module = read_module(module_file.read_text("utf-8", "replace")).path
            below = folder.relative_to(root).as_posix()
            return None if not module else module if below == "." else f"{module}/{below}"
    return None
