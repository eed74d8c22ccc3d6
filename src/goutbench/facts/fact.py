"""One row of facts: what the reference test of a pair reached, with hashes in place of the sources."""

import hashlib
from collections import Counter
from dataclasses import dataclass, fields
from functools import cache

from goutbench.golang.syntax.test_functions import split_test_name
from goutbench.records import Execution, Mutation, Pair, Rung, Status

_PREFIX, _OTHERS = "mutation_", ("mutation_reason", "mutation_seconds")


@dataclass(frozen=True, slots=True)
class Fact:
    """The result of a reference test, without texts of the repository or of the test's output.

    Paths, commits and hashes identify the pair: `code_sha256` and `test_sha256` are of the bytes of the
    files. `tests`, `fuzz_targets` and `examples` are what the file declares, `subtests` what other tests run
    of it. Counts of statements, branches and mutants are those of `Execution` and `Mutation`; they are None
    where nothing was measured. `seconds` is the CPU time of one run, `mutation_seconds` that of all mutants.
    """

    pair_id: str
    repository: str
    revision: str
    code_path: str
    test_path: str
    code_commit: str | None
    test_commit: str | None
    code_sha256: str
    test_sha256: str
    status: str
    rung: str
    reason: str
    tests: int
    fuzz_targets: int
    examples: int
    subtests: int
    flaky: int
    repeats: int
    statements: int
    covered: int
    branches: int | None
    branches_covered: int | None
    mutation_total: int | None
    mutation_killed: int | None
    mutation_survived: int | None
    mutation_no_coverage: int | None
    mutation_not_viable: int | None
    mutation_timed_out: int | None
    mutation_score: float | None
    mutation_low: float | None
    mutation_high: float | None
    mutation_equivalent: int | None
    mutation_reason: str
    seconds: float | None
    mutation_seconds: float | None
    toolchain: str
    sandbox: str

    @property
    def key(self) -> tuple[str, ...]:
        """What another dataset's pair must have for the fact to hold there, too."""
        paths = self.code_path, self.test_path
        return self.repository, self.revision, *paths, self.code_sha256, self.test_sha256


def fact_of(pair: Pair, record: Execution) -> Fact:
    """The fact of a pair whose reference test was executed."""
    kinds = _kinds(record)
    mutation = record.mutation
    return Fact(
        pair_id=pair.id,
        repository=pair.repository,
        revision=pair.revision,
        code_path=pair.code_path,
        test_path=pair.test_path,
        code_commit=pair.code_commit,
        test_commit=pair.test_commit,
        code_sha256=pair.sha256,
        test_sha256=text_hash(pair.test),
        status=record.status,
        rung=record.rung,
        reason=record.reason,
        tests=kinds["Test"],
        fuzz_targets=kinds["Fuzz"],
        examples=kinds["Example"],
        subtests=kinds[""],
        flaky=len(record.flaky),
        repeats=record.repeats,
        statements=record.statements,
        covered=record.covered,
        branches=record.branches,
        branches_covered=record.branches_covered,
        **{
            f"mutation_{name}": getattr(mutation, name) if mutation else None for name in _counts_and_scores()
        },
        mutation_reason=mutation.reason if mutation else "",
        seconds=round(record.run_seconds / record.repeats, 3) if record.repeats else None,
        mutation_seconds=round(mutation.seconds, 3) if mutation else None,
        toolchain=record.toolchain,
        sandbox=record.sandbox,
    )


def execution_of(fact: Fact) -> Execution:
    """The fact as the record of an execution; its lists are empty."""
    mutation = None
    if fact.mutation_total is not None:
        values = {name: getattr(fact, f"mutation_{name}") for name in _counts_and_scores()}
        mutation = Mutation(**values, reason=fact.mutation_reason, seconds=fact.mutation_seconds or 0.0)
    return Execution(
        id="", candidate_id="", pair_id=fact.pair_id, model="reference",
        status=Status(fact.status), rung=Rung(fact.rung), reason=fact.reason, evidence="",
        declared=(), passed=(), failed=(), skipped=(), flaky=(),
        statements=fact.statements, covered=fact.covered, mutation=mutation, repeats=fact.repeats,
        gate_seconds=0.0, build_seconds=0.0, run_seconds=(fact.seconds or 0.0) * fact.repeats,
        siblings="all", toolchain=fact.toolchain, sandbox=fact.sandbox,
        branches=fact.branches, branches_covered=fact.branches_covered,
    )  # fmt: skip


@cache
def _counts_and_scores() -> tuple[str, ...]:
    """The fields of `Mutation` that a fact has as `mutation_…`."""
    names = (field.name for field in fields(Fact))
    return tuple(
        name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX) and name not in _OTHERS
    )


def text_hash(text: str) -> str:
    """The SHA-256 of a file's bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def pair_key(pair: Pair) -> tuple[str, ...]:
    """The `key` of the facts that hold for a pair."""
    paths = pair.code_path, pair.test_path
    return pair.repository, pair.revision, *paths, pair.sha256, text_hash(pair.test)


def _kinds(record: Execution) -> Counter[str]:
    """How many of each kind a file declares, by the prefix of its names; "" counts what other tests run."""
    if record.entry:
        return Counter({"": len(record.declared)})
    parts = (split_test_name(name) for name in record.declared)
    return Counter(part[0] if part else "" for part in parts)
