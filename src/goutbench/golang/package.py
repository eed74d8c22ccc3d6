"""What a test file meets in the package it will be put into."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from goutbench.errors import SourceError
from goutbench.golang.scope import resolve
from goutbench.golang.syntax import GoFile, parse


@dataclass(frozen=True, slots=True)
class PackageContext:
    """The package of a focal file, without the test file that is to be made.

    Names are those declared at top level: by the package's own files (`source_names`), by the other test
    files of the package (`test_names`), and by those of its `_test` package (`external_names`). `methods` are
    "Type.Method" of the package; `members` are unexported fields and methods of the package and its internal tests,
    `external_members` those of its external tests.
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
    file = parse(focal)
    package = file.package or "main"
    source, test, external = _Seen(), _Seen(), _Seen()
    source.add(file)
    for name, content in siblings:
        sibling = parse(content)
        if not name.endswith("_test.go"):
            source.add(sibling)
        elif sibling.package == package:
            test.add(sibling)
        else:
            external.add(sibling)
    return PackageContext(
        package,
        focal,
        import_path,
        frozenset(source.names),
        frozenset(test.names),
        frozenset(external.names),
        frozenset(source.methods | test.methods),
        frozenset(name for name in source.members | test.members if not name[:1].isupper()),
        frozenset(external.members),
    )


class _Seen:
    def __init__(self) -> None:
        self.names: set[str] = set()
        self.methods: set[str] = set()
        self.members: set[str] = set()

    def add(self, file: GoFile) -> None:
        for each in file.declarations:
            if each.kind == "method":
                self.methods.add(f"{each.receiver}.{each.names[0]}")
            else:
                self.names.update(set(each.names) - {"_", "init"})
        self.members |= resolve(file.tree.root_node).members


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
    package = parse(focal).package
    return [(name, content) for name, content in siblings if _clause(content) in (package, f"{package}_test")]


def _clause(content: bytes) -> str | None:
    from goutbench.golang.header import package_name

    return package_name(content)


def import_path_of(folder: Path) -> str | None:
    """The import path of a folder by the nearest go.mod above it, None when there is none."""
    for root in (folder, *folder.parents):
        module_file = root / "go.mod"
        if module_file.is_file():
            found = re.search(
                r'^module[ \t]+"?([^\s"]+)', module_file.read_text("utf-8", "replace"), re.MULTILINE
            )
            below = folder.relative_to(root).as_posix()
            return None if found is None else found[1] if below == "." else f"{found[1]}/{below}"
    return None
