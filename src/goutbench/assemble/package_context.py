"""The declarations of the package that a test file goes into."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from goutbench.assemble.pieces import PackageContext
from goutbench.errors import SourceError
from goutbench.golang.syntax.file import name_nodes
from goutbench.golang.syntax.header import package_name
from goutbench.golang.syntax.modfile import read_module
from goutbench.golang.syntax.parser import parse


def package_context(
    focal: bytes, siblings: Iterable[tuple[str, bytes]] = (), import_path: str | None = None
) -> PackageContext:
    """The context from the focal file and its siblings, the other files of its folder (name, content)."""
    focal_facts = _facts(focal)
    package = focal_facts.package or "main"
    source = [focal_facts]
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
    """What one file declares; cached, since all tests of a package share its files."""
    file = parse(content)
    methods = [item for item in file.declarations if item.kind == "method" and item.names]
    members = {method.names[0] for method in methods}
    stack = [file.node(item) for item in file.declarations if item.kind in ("type", "var")]
    while stack:  # fields and interface methods, but not those of types local to functions
        node = stack.pop()
        if node.type in ("field_declaration", "method_elem"):
            members.update((name.text or b"").decode() for name in name_nodes(node))
        stack.extend(child for child in node.named_children if child.type != "block")
    return _Facts(
        file.package,
        frozenset(file.top_level_names() - {"_", "init"}),
        frozenset(f"{method.receiver}.{method.names[0]}" for method in methods),
        frozenset(members),
    )


def read_context(focal: Path) -> PackageContext:
    """The context of a focal file on disk: its folder's Go files without `X_test.go`, and its import path.

    Raises SourceError if a file cannot be read.
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
    # a folder may have files of other packages behind a build constraint
    packages = (package_name(content), f"{package_name(content)}_test")
    siblings = [(name, text) for name, text in siblings if package_name(text) in packages]
    return package_context(content, siblings, import_path_of(focal.resolve().parent))


def import_path_of(folder: Path) -> str | None:
    """The import path of a folder by the nearest go.mod above it; None without one."""
    for root in (folder, *folder.parents):
        module_file = root / "go.mod"
        if module_file.is_file():
            module = read_module(module_file.read_text("utf-8", "replace")).path
            below = folder.relative_to(root).as_posix()
            return None if not module else module if below == "." else f"{module}/{below}"
    return None
