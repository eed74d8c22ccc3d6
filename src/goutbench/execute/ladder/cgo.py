"""Whether a package needs cgo, where it is off: no test of it can then be judged."""

import re
from collections.abc import Iterator

from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.syntax.header import build_constraint
from goutbench.golang.syntax.parser import parse

_CGO_TAG = re.compile(r"(?<![!\w.])cgo(?![\w.])")
_UNDEFINED = re.compile(r"undefined: (?:\w+\.)?(\w+)|type \S+ has no field or method (\w+)")


def needs_cgo(source: bytes) -> bool:
    """Whether a file is in builds with cgo alone: it imports "C", or its build constraint needs the tag."""
    if b"cgo" not in source and b'"C"' not in source:
        return False
    constraint = build_constraint(source) or ""
    certain = "||" not in constraint and "!(" not in constraint
    tagged = certain and _CGO_TAG.search(constraint) is not None
    return tagged or any(entry.path == "C" for entry in parse(source).imports)


def focal_needs_cgo(worker: Worker, package: PackageUnderTest) -> bool:
    """Whether the focal file is not in the build, because cgo is off."""
    return not worker.options.with_cgo and needs_cgo(package.focal_source)


def lacks_cgo_files(worker: Worker, package: PackageUnderTest, errors: str) -> bool:
    """Whether something is undefined that a file of the package declares which needs cgo."""
    if worker.options.with_cgo:
        return False
    missing = {name for match in _UNDEFINED.finditer(errors) for name in match.groups() if name}
    return bool(missing) and not missing.isdisjoint(worker.once(_names_behind_cgo, package))


def _names_behind_cgo(worker: Worker, package: PackageUnderTest) -> frozenset[str]:
    """The functions, types, methods, variables and constants of the files that are left out without cgo."""
    declarations = (item for source in _cgo_files(package) for item in parse(source).declarations)
    return frozenset(name for item in declarations for name in item.names)


def _cgo_files(package: PackageUnderTest) -> Iterator[bytes]:
    for path in sorted(package.folder.glob("*.go")):
        if path.name != package.test and needs_cgo(source := path.read_bytes()):
            yield source
