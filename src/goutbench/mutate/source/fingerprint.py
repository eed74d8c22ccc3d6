"""What a verdict depends on besides the mutated function and the tests that reach it, as hashes.

docs/decisions/mutate.md says what counts, and what does not.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
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


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`shape` changes with what every function and test of a package can see: declarations without function
    bodies, its own and those of imported packages of the work tree, versions of modules, other files, Go and
    options. `content` changes with any byte of these."""

    shape: str
    content: str


def fingerprint(
    worker: Worker,
    base: PackageUnderTest,
    package: ListedPackage,
    tests: PackageTests,
    packages: Mapping[str, ListedPackage],
) -> Fingerprint:
    """The hashes of a package. `base` says where commands on it run."""
    options = worker.options
    helper = install_program(base.toolchain, worker.workspace.root, "gohelper")  # its name is its version
    settings = repr(
        (
            __version__, helper.name, base.toolchain.version, options.tags, options.env,
            options.race, options.with_cgo, options.short, options.test_seconds, options.memory_mib, 
            package.path,
        )
    )  # fmt: skip
    shapes, contents = [settings, tests.rest], [settings]
    for imported in imported_by(package, packages):
        path, version = imported.module
        if version:
            shapes.append(f"{path}@{version}")
        else:
            shapes += [imported.path, _shape(imported.folder, imported.sources)]
            contents.append(_content(imported.folder, (*imported.sources, *imported.further)))
    shapes += [_shape(package.folder, package.sources), _content(package.folder, package.further)]
    shapes += _test_data(package.folder)
    contents.append(_content(package.folder, (*package.sources, *package.tests)))
    return Fingerprint(short_hash(*shapes), short_hash(*shapes, *contents))


def _shape(folder: Path, names: Iterable[str]) -> str:
    """A hash of the declarations of Go files without the bodies of functions."""
    return short_hash(*(part for name in names for part in _shape_of(name, (folder / name).read_bytes())))


@cache
def _shape_of(name: str, source: bytes) -> tuple[str, ...]:
    file = parse(source)
    parts = [name, file.build_constraint or "", str(file.package)]
    parts += [f"{entry.name} {entry.path}" for entry in file.imports]
    for declaration in file.declarations:
        end = declaration.body[0] if declaration.is_function and declaration.body else declaration.node_end
        parts.append(source[declaration.node_start : end].decode("utf-8", "surrogateescape"))
    parts += [line.decode("utf-8", "replace") for line in source.splitlines() if line.startswith(b"//go:")]
    return tuple(parts)


def _content(folder: Path, names: Iterable[str]) -> str:
    return short_hash(*(part for name in names for part in (name, _digest(folder / name))))


def _test_data(folder: Path) -> Iterator[str]:
    """The files that tests may read: those in `testdata`, and beside the sources."""
    further = (path for path in folder.iterdir() if path.suffix != ".go")
    for path in sorted([*further, *(folder / _TEST_DATA).rglob("*")]):
        if path.is_file():
            yield path.relative_to(folder).as_posix()
            yield _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
