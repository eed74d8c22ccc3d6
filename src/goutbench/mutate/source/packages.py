"""The packages that patterns select, and what they import, by `go list` in the sandbox."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goutbench.errors import SourceError
from goutbench.execute.ladder.faults import environment_fault
from goutbench.execute.sandbox.command import COMPILER, GIB, Command, Limits
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest

MISSING_MODULE = "missing-module"
"""The reason of execute for a module that was not downloaded."""

_ANY = "_"  # the name of no file: the error may be about any

_SOURCES = ("GoFiles", "CgoFiles")
_FURTHER = (
    "CFiles", "CXXFiles", "FFiles", "HFiles", "MFiles", "SFiles", "SwigFiles", "SwigCXXFiles", "SysoFiles",
    "EmbedFiles", "TestEmbedFiles", "XTestEmbedFiles",
)  # fmt: skip
_TESTS = ("TestGoFiles", "XTestGoFiles")
_FIELDS = (
    "Dir", "ImportPath", "ForTest", "DepOnly", "Standard", "Imports", "Module", "Error", *_SOURCES, *_TESTS,
    *_FURTHER,
)  # fmt: skip
_LIST_SECONDS = 300.0


class MissingModule(SourceError):
    """A module is not in the workspace's module cache."""


@dataclass(frozen=True, slots=True)
class ListedPackage:
    """A package as `go list -deps -test` describes it; files by their base names.

    `module` is path and version of its module, the version empty for one of the work tree. `selected`: a
    pattern names it. `error` is what the go command says against it.
    """

    path: str
    folder: Path
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    further: tuple[str, ...]
    imports: tuple[str, ...]
    module: tuple[str, str]
    standard: bool
    selected: bool
    error: str


def list_packages(
    worker: Worker, base: PackageUnderTest, patterns: Sequence[str]
) -> dict[str, ListedPackage]:
    """The packages of the patterns, with all that they and their tests import, by import path.

    `base` is the folder where the command runs. Raises SourceError where a pattern names no package, and
    MissingModule before the modules were downloaded.
    """
    worker_options = worker.options
    argv = (
        str(base.toolchain.go), "list", "-e", "-deps", "-test", f"-json={','.join(_FIELDS)}",
        *worker_options.build_flags, *(["-race"] if worker_options.race else []), "--", *patterns,
    )  # fmt: skip
    command = Command(
        argv, base.folder, worker.go_environment(base) | {"PWD": str(base.folder)},
        readable=(*base.readable_folders(), worker.workspace.module_cache),
        writable=(worker.workspace.build_cache,),
        limits=Limits(
            wall=_LIST_SECONDS, cpu=int(_LIST_SECONDS), data=3 * GIB, memory=4 * GIB, processes=512,
            open_files=4096, output=1 * GIB,
        ),
        worker=COMPILER,
    )  # fmt: skip
    outcome = worker.sandbox.run(command)
    text = outcome.stderr.decode("utf-8", "replace").strip()
    packages = [_listed(entry) for entry in _entries(outcome.stdout, base.folder)] if outcome.ok else []
    for error in [*(package.error for package in packages), *([] if outcome.ok else [text])]:
        if environment_fault(error, _ANY) == MISSING_MODULE:
            hint = "run `go mod download` where there is a network, or `go mod tidy`"
            raise MissingModule(error[-2000:], where=str(base.folder), hint=hint)
    if not outcome.ok:
        hint = "`go list -deps -test ./...` in that folder says more"
        raise SourceError(f"go list fails: {text[-2000:]}", where=str(base.folder), hint=hint)
    selected = [package for package in packages if package.selected]
    if all(package.error for package in selected):
        reasons = "; ".join([package.error for package in selected] or [text])[-2000:]
        what = f"no package for {' '.join(patterns)}: {reasons}"
        raise SourceError(what, where=str(base.folder), hint="give patterns as for `go test`, such as ./...")
    return {package.path: package for package in packages}


def imported_by(package: ListedPackage, packages: Mapping[str, ListedPackage]) -> list[ListedPackage]:
    """What a package and its tests import, directly or not, sorted, without the standard library."""
    seen: set[str] = set()
    waiting = [f"{package.path}.test", package.path]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += packages[path].imports if path in packages else ()
    plain = {path.partition(" [")[0] for path in seen} - {package.path, f"{package.path}.test"}
    listed = (packages[path] for path in sorted(plain) if path in packages)
    return [other for other in listed if not other.standard]


def _entries(output: bytes, folder: Path) -> list[dict[str, Any]]:
    decoder, text, at, entries = json.JSONDecoder(), output.decode("utf-8", "replace"), 0, []
    try:
        while (at := _next_object(text, at)) >= 0:
            entry, at = decoder.raw_decode(text, at)
            entries.append(entry)
    except (ValueError, RecursionError) as error:
        hint = "use an unmodified Go, or give one with --go"
        raise SourceError(f"go list gives no JSON: {error}"[:500], where=str(folder), hint=hint) from None
    return entries


def _next_object(text: str, at: int) -> int:
    return text.find("{", at)


def _listed(entry: dict[str, Any]) -> ListedPackage:
    def names(*fields: str) -> tuple[str, ...]:
        return tuple(str(name) for field in fields for name in entry.get(field) or ())

    path = str(entry.get("ImportPath", ""))
    module = entry.get("Module") or {}
    replaced = module.get("Replace") or module
    variant = bool(entry.get("ForTest")) or path.endswith(".test")
    return ListedPackage(
        path, Path(str(entry.get("Dir", ""))), names(*_SOURCES), names(*_TESTS), names(*_FURTHER),
        names("Imports"), (str(replaced.get("Path", "")), str(replaced.get("Version", ""))),
        bool(entry.get("Standard")), not entry.get("DepOnly") and not variant,
        str((entry.get("Error") or {}).get("Err", "")),
    )  # fmt: skip
