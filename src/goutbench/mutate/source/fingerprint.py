"""What a verdict depends on besides the mutated function and the tests that reach it, as hashes.

docs/decisions/mutate.md says what counts, and what does not.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from goutbench import __version__
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.helper import install_program
from goutbench.mutate.source.packages import ListedPackage, imported_by
from goutbench.mutate.source.tests import PackageTests
from goutbench.records import short_hash

_TEST_DATA = "testdata"
_PRODUCTS = re.compile(
    rb"\x7fELF|mode: (set|count|atomic)\n"
    rb'|.*(<meta name="goutbench" content="|"framework": \{\s*"name": "goutbench")',
    re.DOTALL,
)
"""How programs, cover profiles, and pages and reports of this program begin."""
_HEAD = 4096  # bytes


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`shape` changes with what every function and test of a package can see: declarations without function
    bodies, its own and those of imported packages of the work tree, versions of modules, other files, Go and
    options. `code` also changes with the bodies of its own functions, and `content` with those of its tests,
    too."""

    shape: str
    code: str
    content: str


class PackageFingerprints:
    """Computes the hashes of packages. A package that several others import is read once, so an object serves
    one run: files may change later."""

    def __init__(self, worker: Worker, base: PackageUnderTest, packages: Mapping[str, ListedPackage]) -> None:
        """`base` says where commands run."""
        options = worker.options
        # the name of the helper's program is its version
        helper = install_program(base.toolchain, worker.workspace.root, "gohelper").name
        self._settings = repr(
            (
                __version__, helper, base.toolchain.version, options.tags, options.env, options.race,
                options.with_cgo, options.short, options.test_seconds, options.memory_mib,
                options.ignore_texts, worker.sandbox.name,
            )
        )  # fmt: skip
        self._packages = packages
        self._imported: dict[str, str] = {}

    def of(self, package: ListedPackage, tests: PackageTests) -> Fingerprint:
        shapes = [self._settings, package.path, tests.rest]
        shapes += map(self._imported_shape, imported_by(package, self._packages))
        shapes += [_shape(package.folder, package.sources), _content(package.folder, package.further)]
        shapes += _test_data(package.folder)
        code, test = (_content(package.folder, names) for names in (package.sources, package.tests))
        return Fingerprint(short_hash(*shapes), short_hash(*shapes, code), short_hash(*shapes, code, test))

    def _imported_shape(self, package: ListedPackage) -> str:
        if package.path not in self._imported:
            module, version = package.module
            own = "" if version else _shape(package.folder, package.sources)
            further = "" if version else _content(package.folder, package.further)
            self._imported[package.path] = short_hash(package.path, module, version, own, further)
        return self._imported[package.path]


def _shape(folder: Path, names: Iterable[str]) -> str:
    """A hash of the declarations of Go files without the bodies of functions."""
    return short_hash(*(part for name in names for part in _shape_of(name, (folder / name).read_bytes())))


def _shape_of(name: str, source: bytes) -> tuple[str, ...]:
    file = parse(source)
    parts = [name, file.build_constraint or "", str(file.package)]
    parts += [f"{entry.name} {entry.path}" for entry in file.imports]
    if any(entry.path == "C" for entry in file.imports):  # C code is in the comments above the import
        parts.append(source[: file.imports[-1].end].decode("utf-8", "surrogateescape"))
    for declaration in file.declarations:
        end = declaration.body[0] if declaration.is_function and declaration.body else declaration.node_end
        parts.append(source[declaration.node_start : end].decode("utf-8", "surrogateescape"))
    parts += [line.decode("utf-8", "replace") for line in source.splitlines() if line.startswith(b"//go:")]
    return tuple(parts)


def _content(folder: Path, names: Iterable[str]) -> str:
    return short_hash(*(part for name in names for part in (name, _digest(folder / name))))


def _test_data(folder: Path) -> Iterator[str]:
    """The files that tests may read: those in `testdata`, and beside the sources, but for what commands write
    there."""
    beside = [path for path in folder.iterdir() if path.suffix != ".go" and not _is_product(path)]
    for path in sorted([*beside, *(folder / _TEST_DATA).rglob("*")]):
        if path.is_file():
            yield path.relative_to(folder).as_posix()
            yield _digest(path)


def _is_product(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _PRODUCTS.match(file.read(_HEAD)) is not None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
