"""The type-check gate: would `go test -c` accept this candidate? Milliseconds, and typed errors."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goutbench.golang.toolchain.helper import LOAD_SECONDS, GoHelper, HelperFault


@dataclass(frozen=True, slots=True)
class GateRequest:
    """A candidate test file laid over one package of a materialised commit (or of GOROOT/src).

    `package_dir` is the package's folder. `name` is the candidate's base name there ("sort_test.go"); an
    existing file of that name is replaced. `removed` are base names of test files that the overlay deletes.
    `flags` are build flags that the build will use too ("-mod=vendor", "-tags=x").
    """

    package_dir: Path
    name: str
    source: bytes
    removed: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TypeFault:
    """One error: `kind` is of `KINDS`, `rung` "syntax" or "types"; line and column (bytes) count from 1."""

    kind: str
    rung: str
    file: str
    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class GateResult:
    """`ok`: the build would succeed. `excluded`: build constraints or its name keep the candidate out of
    the build (then `ok` speaks of the rest). `external`: it is in package foo_test. `tests`: the names of
    its test functions. `infra`: the gate could not decide, and why; `ok` is then False without errors, and
    the build itself should be asked. `seconds` is wall time.
    """

    ok: bool
    errors: tuple[TypeFault, ...]
    excluded: bool
    external: bool
    tests: tuple[str, ...]
    seconds: float
    infra: str | None


KINDS = (
    "syntax", "not-unicode", "wrong-package", "missing-package", "internal-package", "import-cycle", "cgo",
    "bad-embed", "undefined", "unexported", "redeclared", "unused-import", "unused-variable", "unused-result",
    "mismatched-types", "bad-assignment", "wrong-arguments", "wrong-count", "missing-return", "bad-label",
    "bad-constant", "bad-instantiation", "bad-init", "bad-test-signature", "duplicate-key", "type-cycle",
    "initialization-cycle", "unsupported-feature", "other",
)  # fmt: skip

# a Go file of this size is no test; the compiler would take minutes and gigabytes for it
MAX_SOURCE_BYTES = 8 << 20


def check(helper: GoHelper, request: GateRequest) -> GateResult:
    """Type-check the candidate with the package it lands in. Never raises for bad candidates.

    The first check in a package loads it with `go list`, which may have to compile its dependencies.
    """
    started = time.perf_counter()
    try:
        answer = _ask(helper, request)
    except HelperFault as fault:
        answer = {"infra": str(fault)}
    errors = tuple(TypeFault(**error) for error in answer.get("errors") or ())
    infra = answer.get("infra") or None
    return GateResult(
        ok=not errors and infra is None,
        errors=errors,
        excluded=bool(answer.get("excluded")),
        external=bool(answer.get("external")),
        tests=tuple(answer.get("tests") or ()),
        seconds=time.perf_counter() - started,
        infra=infra,
    )


def _ask(helper: GoHelper, request: GateRequest) -> dict[str, Any]:
    if not request.name.endswith("_test.go") or "/" in request.name:
        return {"infra": f"not the name of a Go test file: {request.name}"}
    if len(request.source) > MAX_SOURCE_BYTES:
        return {
            "infra": f"the candidate has {len(request.source)} bytes; the gate reads up to {MAX_SOURCE_BYTES}"
        }
    body = {
        "dir": str(request.package_dir.resolve()),
        "name": request.name,
        "source": base64.b64encode(request.source).decode(),
        "removed": list(request.removed),
        "flags": list(request.flags),
    }
    answer = helper.ask("check", body)
    if answer.get("need"):
        loaded = helper.ask("load", body, timeout=LOAD_SECONDS)
        answer = loaded if loaded.get("infra") else helper.ask("check", body)
    return answer
