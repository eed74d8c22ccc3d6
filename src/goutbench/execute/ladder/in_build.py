"""Whether builds leave out the focal file, or need cgo where it is off: no test can then be judged."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

from goutbench.execute.ladder.faults import CGO_OFF, NOT_IN_BUILD
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.analysis.build_constraints import exclusion_reason
from goutbench.golang.syntax.header import build_constraint
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.answers import HelperError, decode_answer

_NEEDS_CGO = "{} needs cgo: run with --cgo"
_CGO_TAG = re.compile(r"(?<![!\w.])cgo(?![\w.])")
_UNDEFINED = re.compile(r"undefined: (?:\w+\.)?(\w+)|type \S+ has no field or method (\w+)")


@dataclass(frozen=True, slots=True)
class _Match:
    """The helper's answer to "match"."""

    built: bool
    with_cgo: bool
    system: str
    machine: str


def needs_cgo(source: bytes) -> bool:
    """Whether a file is in builds with cgo alone: it imports "C", or its build constraint needs the tag."""
    if b"cgo" not in source and b'"C"' not in source:
        return False
    constraint = build_constraint(source) or ""
    certain = "||" not in constraint and "!(" not in constraint
    tagged = certain and _CGO_TAG.search(constraint) is not None
    return tagged or any(entry.path == "C" for entry in parse(source).imports)


def focal_exclusion(worker: Worker, package: PackageUnderTest) -> tuple[str, str] | None:
    """Reason and evidence where the focal file is not in the build; None where it is."""
    source = package.focal_source
    exclusion = file_exclusion(worker, package, package.focal, source)
    if exclusion is None and not worker.options.with_cgo and needs_cgo(source):
        return CGO_OFF, _NEEDS_CGO.format(package.focal)
    return exclusion


def file_exclusion(
    worker: Worker, package: PackageUnderTest, name: str, source: bytes
) -> tuple[str, str] | None:
    """Reason and evidence where builds leave out a file of the package, by the word of Go's `go/build`."""
    tags = [*worker.options.tags, *(["race"] if worker.options.race else [])]
    body = {"dir": str(package.folder), "name": name, "flags": [f"-tags={','.join(tags)}"]}
    body["source"] = base64.b64encode(source).decode()
    try:
        answer = decode_answer(_Match, worker.helper(package).ask("match", body))
    except HelperError:  # the build will tell
        return None
    if answer.built:
        return None
    if answer.with_cgo:
        return CGO_OFF, _NEEDS_CGO.format(name)
    reason = exclusion_reason(name, source, answer.system, answer.machine, worker.options.tags)
    return NOT_IN_BUILD, reason


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
    for path in package.go_files():
        if path.name != package.test and needs_cgo(source := path.read_bytes()):
            yield source
