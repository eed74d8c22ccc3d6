"""Mutation by schemata: all mutants of a focal file compiled at once behind a switch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from goutbench.golang.helper import GoHelper


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: bytes `start:end` of the focal file become `replacement`. Lines and columns from 1, in bytes,
    as `go tool cover` counts them. `function` is the enclosing function ("(*T).Name"), "" at package level.
    """

    id: int
    operator: str
    function: str
    start: int
    end: int
    line: int
    column: int
    end_line: int
    end_column: int
    original: str
    replacement: str


@dataclass(frozen=True, slots=True)
class NotViable:
    """A change that Go would refuse, or that cannot stand behind the switch, and why."""

    operator: str
    line: int
    column: int
    original: str
    replacement: str
    reason: str


@dataclass(frozen=True, slots=True)
class MutationPlan:
    """Overlay `schemata` at the focal file and `support` at `support_name` in its folder, build once without
    -cover (golang/go#73802), then run the binary once per mutant with `environment(id)` added.
    Run `environment(0)` first: it is the unmutated program and must pass.
    `reason` says why there is nothing to run (excluded by build constraints, cgo, does not compile...), else None.
    `infra` says that the helper failed, else None.
    """

    focal: Path
    schemata: bytes
    support_name: str
    support: bytes
    switch: str
    key: int
    mutants: tuple[Mutant, ...]
    not_viable: tuple[NotViable, ...]
    seconds: float
    reason: str | None
    infra: str | None

    def environment(self, mutant: int) -> dict[str, str]:
        """What to add to the test binary's environment. The value is masked by `key`, so that a test cannot tell a
        mutated run from the plain one by looking at its environment."""
        raise NotImplementedError


def mutants(
    helper: GoHelper,
    package_dir: Path,
    focal: Path,
    *,
    flags: tuple[str, ...] = (),
    salt: bytes = b"",
    timeout: float = 120.0,
) -> MutationPlan:
    """Every mutant of `focal` (a file of `package_dir`), in source order, ids from 1: the same on every call.

    `salt` enters the switch's name and mask: give a secret of the run, so that a candidate cannot compute them.
    """
    raise NotImplementedError


def single(source: bytes, mutant: Mutant) -> bytes:
    """The focal file with only this mutant in it (no switch): what a compile per mutant would build."""
    return source[: mutant.start] + mutant.replacement.encode() + source[mutant.end :]
