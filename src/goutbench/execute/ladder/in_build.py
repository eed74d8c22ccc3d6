"""Whether builds leave out the focal file, or need cgo where it is off: no test can then be judged."""

import base64
import re
from collections.abc import Iterator

from goutbench.execute.ladder.faults import CGO_OFF, NOT_IN_BUILD
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.analysis.build_constraints import exclusion_reason
from goutbench.golang.syntax.header import build_constraint
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.helper import HelperError

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


def focal_exclusion(worker: Worker, package: PackageUnderTest) -> tuple[str, str] | None:
    """Reason and evidence where the focal file is not in the build, by the word of Go's own `go/build`."""
    source, off = package.focal_source, not worker.options.with_cgo
    built, reason = file_in_build(worker, package, package.focal, source)
    if off and (reason == CGO_OFF or (built and needs_cgo(source))):
        return CGO_OFF, f"{package.focal} needs cgo: run with --cgo"
    return None if built else (NOT_IN_BUILD, reason)


def file_in_build(worker: Worker, package: PackageUnderTest, name: str, source: bytes) -> tuple[bool, str]:
    """Whether builds include a file of the package; if not, why: `CGO_OFF` if only cgo is missing."""
    flags = [*worker.options.build_flags]
    if worker.options.race:
        flags = [f"-tags={','.join([*worker.options.tags, 'race'])}"]
    body = {"dir": str(package.folder), "name": name, "flags": flags}
    body["source"] = base64.b64encode(source).decode()
    try:
        answer = worker.helper(package).ask("match", body)
    except HelperError:  # the build will tell
        return True, ""
    if answer["built"]:
        return True, ""
    if answer["with_cgo"]:
        return False, CGO_OFF
    return False, exclusion_reason(name, source, answer["system"], answer["machine"], worker.options.tags)


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
