"""Branches of a focal file, and the counters of their outcomes that a build puts beside those of `-cover`.

`go test -toolexec` runs the Go helper in the place of go tool cover. The outcomes' counters are those of a
function that the helper adds to the file, so they reach the cover profile as all others do.
"""

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from goutbench.golang.toolchain.answers import decode_answer
from goutbench.golang.toolchain.helper import GoHelper

_JOB, _SCRIPT = "branches.json", "cover.sh"
_MAX_TEXT = 60
_WITH_KEYWORD = ("range", "switch", "select")


@dataclass(frozen=True, slots=True)
class BranchOutcome:
    """One way in which a branch can end. `start` is the branch's offset in the focal file in bytes, `line`
    and `column` (in bytes, from 1) are where the code `what` is."""

    start: int
    line: int
    column: int
    kind: str
    what: str
    outcome: str

    def __str__(self) -> str:
        text = " ".join(self.what.split())
        text = text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "…"
        kind = "" if self.kind in _WITH_KEYWORD else f"{self.kind} "
        return f"{self.line}.{self.column} {kind}{text}: {self.outcome}"


@dataclass(frozen=True, slots=True)
class BranchPlan:
    """The outcomes of all branches of a focal file, in the order of their counters; `job` is what the helper
    needs to add these. `reason` says why there are none to be measured."""

    outcomes: tuple[BranchOutcome, ...]
    job: bytes
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    column: int
    kind: str
    what: str
    outcome: str


@dataclass(frozen=True, slots=True)
class _Branch:
    start: int
    outcomes: tuple[_Row, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    """The helper's answer to "branches", or to the "load" before it."""

    branches: tuple[_Branch, ...] | None = None
    skipped: tuple[int, ...] | None = None
    named: tuple[int, ...] | None = None
    reason: str = ""
    infra: str = ""


def plan_branches(
    helper: GoHelper,
    folder: Path,
    focal: str,
    *,
    flags: tuple[str, ...] = (),
    go_work: Path | None = None,
    salt: bytes = b"",
) -> BranchPlan:
    """The branches of `focal`, a file of the package in `folder`. Raises HelperError where another try may
    succeed; whatever else prevents them is the plan's `reason`.

    The names of the counters depend on `salt`: with a secret of the run, no candidate can declare one.
    """
    directory = folder.resolve()
    body = {"dir": str(directory), "name": focal, "flags": list(flags), "work": str(go_work or "")}
    raw = helper.ask_loaded("branches", body)
    answer = decode_answer(_Answer, raw)
    if reason := answer.reason or answer.infra:
        return BranchPlan((), b"", reason)
    outcomes = tuple(
        BranchOutcome(branch.start, row.line, row.column, row.kind, row.what, row.outcome)
        for branch in answer.branches or ()
        for row in branch.outcomes
    )
    job = {**raw, "focal": str(directory / focal), "prefix": _prefix(focal, salt)}
    return BranchPlan(outcomes, json.dumps(job, sort_keys=True).encode())


def outcomes_file(focal: str, salt: bytes) -> str:
    """The name under which a cover profile has the counters of outcomes. No file of the package has it."""
    return f"{_prefix(focal, salt)}.go"


def _prefix(focal: str, salt: bytes) -> str:
    return f"goutbench{hashlib.sha256(salt + focal.encode()).hexdigest()[:12]}"


def write_tool(folder: Path, plan: BranchPlan, program: Path) -> str:
    """Write what `-toolexec` needs to a folder without quotes in its path, and return the flag.

    A shell starts the other tools, because it starts faster than the helper.
    """
    digest = hashlib.sha256(program.name.encode() + b"\0" + plan.job).hexdigest()[:32]
    (folder / _JOB).write_text(json.dumps({**json.loads(plan.job), "version": digest}))
    cover = shlex.join([str(program), "cover", str(folder / _JOB)])
    script = folder / _SCRIPT
    script.write_text(f'case "$1" in */cover) exec {cover} "$@" ;; esac\nexec "$@"\n')
    return f"-toolexec=/bin/sh '{script}'"


@dataclass(frozen=True, slots=True)
class BranchCount:
    """The number of outcomes, how many of them were reached, and those that were not."""

    total: int
    covered: int
    missed: tuple[str, ...]


def count_branches(
    plan: BranchPlan, hits: Sequence[int] | None, spans: Sequence[tuple[int, int]] = ()
) -> BranchCount | None:
    """The outcomes of the branches that begin in the spans (byte offsets, the end excluded), of all without
    spans. None where they were not measured."""
    if not plan.outcomes and not plan.reason:
        return BranchCount(0, 0, ())
    if plan.reason or hits is None or len(hits) != len(plan.outcomes):
        return None
    pairs = [
        (outcome, hit)
        for outcome, hit in zip(plan.outcomes, hits, strict=True)
        if not spans or any(start <= outcome.start < end for start, end in spans)
    ]
    missed = tuple(str(outcome) for outcome, hit in pairs if not hit)
    return BranchCount(len(pairs), len(pairs) - len(missed), missed)
