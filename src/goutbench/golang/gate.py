"""The type-check gate: would `go test -c` accept this candidate? Answered in milliseconds, with typed errors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from goutbench.golang.helper import GoHelper


@dataclass(frozen=True, slots=True)
class GateRequest:
    """A candidate test file laid over one package of a materialised commit (or of GOROOT/src).

    `package_dir` is the real, absolute path of the package's folder. `name` is the candidate's base name there
    ("sort_test.go"); an existing file of that name is replaced. `removed` are base names of test files that the
    overlay deletes. `flags` are build flags that the build will use too ("-mod=vendor", "-tags=x").
    """

    package_dir: Path
    name: str
    source: bytes
    removed: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TypeFault:
    """One error. `kind` is a word of `KINDS`; `rung` is "syntax" or "types"; line and column count from 1 (bytes)."""

    kind: str
    rung: str
    file: str
    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class GateResult:
    """`ok`: the build would succeed. `excluded`: build constraints or its name keep the candidate out of the build
    (then `ok` speaks of the rest). `external`: it is in package foo_test. `infra`: the gate could not decide (its
    words); `ok` is then False without errors, and the build itself should be asked.
    """

    ok: bool
    errors: tuple[TypeFault, ...]
    excluded: bool
    external: bool
    tests: tuple[str, ...]
    seconds: float
    infra: str | None


KINDS = (
    "syntax", "undefined", "unused-import", "unused-variable", "mismatched-types", "wrong-arguments",
    "wrong-package", "redeclared", "import-cycle", "missing-package", "missing-return", "bad-test-signature",
    "bad-embed", "cgo", "internal-package", "initialization-cycle", "not-unicode", "other",
)  # fmt: skip


def check(helper: GoHelper, request: GateRequest) -> GateResult:
    """Type-check the candidate with the package it lands in. Never raises for bad candidates."""
    raise NotImplementedError
