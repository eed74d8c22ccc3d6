"""Mutation by schemata: one build contains all mutants of a focal file, and a switch selects one of them."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import Path

from goutbench.golang.toolchain.answers import HelperError, decode_answer
from goutbench.golang.toolchain.helper import GoHelper

_NO_LIMIT = 1 << 62
_STEP_LIMIT_EXIT = 97  # stepLimitExit in gohelper/mutation/support.go


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: bytes `start:end` of the focal file become `replacement`.

    Lines and columns (in bytes) count from 1, as in cover profiles. `function` is the enclosing function
    ("(*T).Name") or "". `proof` says why the mutant behaves as the original, if that is known.
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
    proof: str = ""


@dataclass(frozen=True, slots=True)
class CopyableFunction:
    """A function, bytes `start:end` of the focal file, of which copies can be compiled beside it.

    `names` are the places (start and end) of its name: in its declaration, and where it refers to itself.
    """

    start: int
    end: int
    names: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class NotViable:
    """A change that does not compile, or not behind the switch, and the reason."""

    operator: str
    line: int
    column: int
    original: str
    replacement: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Change:
    """A change as the helper describes it; one that is not viable has a reason, and lacks some fields."""

    operator: str
    start: int
    end: int
    line: int
    column: int
    replacement: str
    id: int = 0
    function: str = ""
    end_line: int = 0
    end_column: int = 0
    reason: str = ""
    proof: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The helper's answer to "mutate", or to the "load" before it; bytes are base64."""

    schemata: str | None = None
    support_name: str = ""
    support: str | None = None
    mutants: tuple[_Change, ...] | None = None
    not_viable: tuple[_Change, ...] | None = None
    equivalent: tuple[_Change, ...] | None = None
    functions: tuple[CopyableFunction, ...] | None = None
    reason: str = ""
    infra: str = ""


@dataclass(frozen=True, slots=True)
class MutationPlan:
    """The mutants of a focal file, and the source files that contain them all.

    To run them, overlay the focal file with `schemata` and add `support` as `support_name` to its folder.
    Build once without -cover (golang/go#73802). Run the binary with `environment(0)`, which is the unmutated
    program and must pass, then once per mutant with `environment(id)`.

    Each call of a function and each loop iteration of the focal file counts as a step. `counting` and `steps`
    measure the steps of the unmutated program; a run with more steps than its `limit` exits, and
    `exceeded_steps` detects that. `equivalent` mutants are not behind the switch: types prove that no test
    can kill them. `functions` are those that can be copied; names that begin with `prefix` are free for that.
    `reason` explains why there are no mutants (build constraints, cgo, compile errors), else it is None.
    `infra` explains why the helper failed, else it is None.
    """

    focal: Path
    schemata: bytes
    support_name: str
    support: bytes
    prefix: str
    switch: str
    key: int
    mutants: tuple[Mutant, ...]
    not_viable: tuple[NotViable, ...]
    equivalent: tuple[Mutant, ...]
    functions: tuple[CopyableFunction, ...]
    seconds: float
    reason: str | None
    infra: str | None

    def environment(self, mutant: int, *, limit: int | None = None) -> dict[str, str]:
        """The variables to add to the test binary's environment; mutant 0 is the unmutated program.

        `key` masks the value, so that a test cannot distinguish a mutated run by its environment. A run with
        more than `limit` steps exits.
        """
        return {self.switch: f"{mutant ^ self.key:016x}{_NO_LIMIT if limit is None else limit:x}"}

    def counting(self) -> dict[str, str]:
        """The environment in which the unmutated program prints on standard error how many steps it takes."""
        return self.environment(0, limit=0)

    def steps(self, stderr: bytes) -> int | None:
        """The steps of a counting run, rounded up by an eighth and 1024 at most; None if it counted none."""
        counts = re.findall(
            rf"^{self.switch} steps (\d{{1,18}})$", stderr.decode("utf-8", "replace"), re.MULTILINE
        )
        return max(map(int, counts), default=None)

    def exceeded_steps(self, exit_code: int, tail: str) -> bool:
        """Whether a run exited because it exceeded its limit of steps."""
        return exit_code == _STEP_LIMIT_EXIT and f"{self.switch} over" in tail


def plan_mutation(
    helper: GoHelper,
    package_dir: Path,
    focal: Path,
    *,
    flags: tuple[str, ...] = (),
    go_work: Path | None = None,
    salt: bytes = b"",
    ignore_texts: bool = False,
    timeout: float = 120.0,
) -> MutationPlan:
    """All mutants of `focal`, a file of `package_dir`, in source order; every call returns the same plan.

    Ids count from 1 and include the mutants that are not viable. The name and mask of the switch depend on
    `salt`: pass a secret of the run, so that a candidate cannot compute them. With `ignore_texts`, mutants of
    log entries and of errors' texts are among the equivalent ones. `timeout` is in seconds. Never
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
        "work": str(go_work or ""),
        "switch": f"Goutbench{digest[15:23]}",
        "env": f"GOUTBENCH_{digest[23:31].upper()}",
        "key": f"{key:016x}",
        "ignore_texts": ignore_texts,
    }
    try:
        answer = decode_answer(_Answer, helper.ask_loaded("mutate", body, timeout=timeout))
        schemata, support = (_decoded(text) for text in (answer.schemata, answer.support))
        if "/" in answer.support_name or answer.support_name.startswith("."):
            raise HelperError(f"not the name of a Go file: {answer.support_name}")
    except HelperError as error:
        answer, schemata, support = _Answer(infra=str(error)), b"", b""
    return MutationPlan(
        focal=directory / focal.name,
        schemata=schemata,
        support_name=answer.support_name,
        support=support,
        prefix=str(body["switch"]),
        switch=str(body["env"]),
        key=key,
        mutants=tuple(_mutant(source, row) for row in answer.mutants or ()),
        not_viable=tuple(
            NotViable(row.operator, row.line, row.column, _text(source, row), row.replacement, row.reason)
            for row in answer.not_viable or ()
        ),
        equivalent=tuple(_mutant(source, row) for row in answer.equivalent or ()),
        functions=answer.functions or (),
        seconds=time.perf_counter() - started,
        reason=answer.reason or None,
        infra=answer.infra or None,
    )


def _mutant(source: bytes, row: _Change) -> Mutant:
    return Mutant(
        id=row.id,
        operator=row.operator,
        function=row.function,
        start=row.start,
        end=row.end,
        line=row.line,
        column=row.column,
        end_line=row.end_line,
        end_column=row.end_column,
        original=_text(source, row),
        replacement=row.replacement,
        proof=row.proof,
    )


def _decoded(text: str | None) -> bytes:
    try:
        return base64.b64decode(text or "", validate=True)
    except ValueError:
        raise HelperError("the Go helper's answer is not base64") from None


def _text(source: bytes, row: _Change) -> str:
    return source[row.start : row.end].decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Operator:
    """A mutation operator: its name in `Mutant.operator`, the change that it makes, and an example of it."""

    name: str
    doc: str
    example: str


def operators(helper: GoHelper) -> tuple[Operator, ...]:
    """The helper's mutation operators, in the order of its table. Raises HelperError."""
    return tuple(Operator(**row) for row in helper.ask("operators", {})["operators"])


def apply_mutant(source: bytes, mutant: Mutant) -> bytes:
    """The focal file with only this mutant in it, without a switch."""
    return source[: mutant.start] + mutant.replacement.encode() + source[mutant.end :]
