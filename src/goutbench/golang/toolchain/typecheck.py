"""Type-checks a candidate in milliseconds: whether `go test -c` would accept it, and its errors by kind."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from pathlib import Path

from goutbench.golang.toolchain.answers import HelperError, decode_answer
from goutbench.golang.toolchain.helper import GoHelper

# compiling a larger file takes minutes and gigabytes
MAX_SOURCE_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class TypecheckRequest:
    """A candidate test file laid over one package of a checked-out commit (or of GOROOT/src).

    `package_dir` is the package's folder. `name` is the candidate's base name there ("sort_test.go"); it
    replaces an existing file of that name. `removed` are base names of test files that the overlay deletes.
    `flags` are the flags of the later build ("-mod=vendor", "-tags=x"), `go_work` is its go.work file.
    """

    package_dir: Path
    name: str
    source: bytes
    removed: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    go_work: Path | None = None

    def invalid(self) -> str:
        """Why the helper would not accept this request; empty if it is valid."""
        if not self.name.endswith("_test.go") or "/" in self.name:
            return f"not the name of a Go test file: {self.name}"
        if len(self.source) > MAX_SOURCE_BYTES:
            return f"the candidate has {len(self.source)} bytes; the limit is {MAX_SOURCE_BYTES}"
        return ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error of the parser or type checker.

    `kind` is a code such as "unused-variable" (see gohelper/packages/diagnostics.go), `rung` "syntax" or
    "types". Line and column (bytes) count from 1.
    """

    kind: str
    rung: str
    file: str
    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class TypecheckResult:
    """The answer to a request.

    `ok`: the build would succeed. `excluded`: the candidate's build constraints or name exclude it from the
    build; then `ok` is about the other files. `external`: it belongs to package foo_test. `tests`: the names
    of what `go test` runs of it: tests, fuzz targets and examples with output. `infra`: why the helper could
    not decide; then `ok` is False without errors, and only the build can decide. `seconds` is wall time.
    """

    ok: bool
    errors: tuple[Diagnostic, ...]
    excluded: bool
    external: bool
    tests: tuple[str, ...]
    seconds: float
    infra: str | None


@dataclass(frozen=True, slots=True)
class _Answer:
    """The helper's answer to "check", or to the "load" before it."""

    errors: tuple[Diagnostic, ...] | None = None
    excluded: bool = False
    external: bool = False
    tests: tuple[str, ...] | None = None
    infra: str = ""


def typecheck(helper: GoHelper, request: TypecheckRequest) -> TypecheckResult:
    """Type-checks the candidate together with its package. Never raises for bad candidates.

    The first check in a package loads it with `go list`, which may have to compile its dependencies.
    """
    started = time.perf_counter()
    answer = _Answer(infra=request.invalid())
    if not answer.infra:
        body = {
            "dir": str(request.package_dir.resolve()),
            "name": request.name,
            "source": base64.b64encode(request.source).decode(),
            "removed": list(request.removed),
            "flags": list(request.flags),
            "work": str(request.go_work or ""),
        }
        try:
            answer = decode_answer(_Answer, helper.ask_loaded("check", body))
        except HelperError as error:
            answer = _Answer(infra=str(error))
    errors, infra = answer.errors or (), answer.infra or None
    return TypecheckResult(
        ok=not errors and infra is None,
        errors=errors,
        excluded=answer.excluded,
        external=answer.external,
        tests=answer.tests or (),
        seconds=time.perf_counter() - started,
        infra=infra,
    )
