"""Mutation by schemata: all mutants of a focal file compiled at once behind a switch."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goutbench.golang.toolchain.helper import LOAD_SECONDS, GoHelper, HelperFault

_UNBOUNDED = 1 << 62
_RUNAWAY_EXIT = 97  # gohelper/support.go has it, too


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: bytes `start:end` of the focal file become `replacement`. Lines and columns (in bytes)
    count from 1, as in cover profiles. `function` is the enclosing one ("(*T).Name") or "".
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

    Functions and turns of loops of the focal file are counted as steps; `counting` and `steps` tell how many
    the unmutated program takes, and a run with more than `most` ends itself, which `ran_away` sees.
    `reason` says why there is nothing to run (build constraints, cgo, does not compile...), else None.
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

    def environment(self, mutant: int, *, most: int = _UNBOUNDED) -> dict[str, str]:
        """What to add to the test binary's environment for this mutant; 0 is the unmutated program. The
        value is masked by `key`: a test cannot tell a mutated run from the plain one by its environment.
        """
        return {self.switch: f"{mutant ^ self.key:016x}{most:x}"}

    def counting(self) -> dict[str, str]:
        """The environment in which the unmutated program says on standard error how many steps it takes."""
        return self.environment(0, most=0)

    def steps(self, stderr: bytes) -> int | None:
        """Twice what a counting run said last, which is at least what it took; None where it said nothing."""
        said = re.findall(
            rf"^{self.switch} steps (\d{{1,18}})$", stderr.decode("utf-8", "replace"), re.MULTILINE
        )
        return 2 * max(map(int, said)) if said else None

    def ran_away(self, exit_code: int, tail: str) -> bool:
        """Whether a run ended itself since it took too many steps."""
        return exit_code == _RUNAWAY_EXIT and f"{self.switch} over" in tail


def mutants(
    helper: GoHelper,
    package_dir: Path,
    focal: Path,
    *,
    flags: tuple[str, ...] = (),
    salt: bytes = b"",
    timeout: float = 120.0,
) -> MutationPlan:
    """Every mutant of `focal` (a file of `package_dir`), in source order: the same on every call.

    Ids count from 1; those of mutants that are not viable are left out. `salt` enters the switch's name and
    mask: give a secret of the run, so that a candidate cannot compute them. `timeout` is in seconds. Never
    raises for a focal file that cannot be mutated: see `reason` and `infra`.
    """
    started = time.perf_counter()
    directory = package_dir.resolve()
    source = (directory / focal.name).read_bytes()
    digest = hashlib.sha256(salt + b"\0" + focal.name.encode() + b"\0" + source).hexdigest()
    key = int(digest[:15], 16)
    body = {
        "dir": str(directory),
        "name": focal.name,
        "flags": list(flags),
        "switch": f"Goutbench{digest[15:23]}",
        "env": f"GOUTBENCH_{digest[23:31].upper()}",
        "key": f"{key:016x}",
    }
    try:
        answer = helper.ask("mutate", body, timeout=timeout)
        if answer.get("need"):
            loaded = helper.ask("load", body, timeout=LOAD_SECONDS)
            answer = loaded if loaded.get("infra") else helper.ask("mutate", body, timeout=timeout)
    except HelperFault as fault:
        answer = {"infra": str(fault)}
    return MutationPlan(
        focal=directory / focal.name,
        schemata=base64.b64decode(answer.get("schemata") or ""),
        support_name=answer.get("support_name") or "",
        support=base64.b64decode(answer.get("support") or ""),
        switch=str(body["env"]),
        key=key,
        mutants=tuple(_mutant(row, source) for row in answer.get("mutants") or ()),
        not_viable=tuple(_not_viable(row, source) for row in answer.get("not_viable") or ()),
        seconds=time.perf_counter() - started,
        reason=answer.get("reason") or None,
        infra=answer.get("infra") or None,
    )


def _mutant(row: dict[str, Any], source: bytes) -> Mutant:
    return Mutant(**row, original=source[row["start"] : row["end"]].decode(errors="replace"))


def _not_viable(row: dict[str, Any], source: bytes) -> NotViable:
    return NotViable(
        operator=row["operator"],
        line=row["line"],
        column=row["column"],
        original=source[row["start"] : row["end"]].decode(errors="replace"),
        replacement=row["replacement"],
        reason=row["reason"],
    )


def single(source: bytes, mutant: Mutant) -> bytes:
    """The focal file with only this mutant in it (no switch): what a compile per mutant would build."""
    return source[: mutant.start] + mutant.replacement.encode() + source[mutant.end :]
