"""extend: the reference without a third of its test functions; a model adds what is missing."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from goutbench.chunk.test_extraction import extract_tests
from goutbench.execute.reward.addition import addition
from goutbench.golang.syntax.parser import parse
from goutbench.records import Execution, Pair, Status
from goutbench.tasks.kinds.kind import Job, Proof, Proposal, start_as_test
from goutbench.tasks.rule import Rule

_FEWEST_TESTS = 3
MIN_ADDED = 3
"""Mutants that the removed tests must kill and the others do not: else nothing is missing."""


@dataclass(frozen=True, slots=True)
class Extend:
    """The kind "extend" of these pairs; `seed` chooses the tests that are removed."""

    candidates: Sequence[Pair]
    seed: int
    name: str = "extend"
    mutants: bool = True

    def pairs(self) -> Sequence[Pair]:
        return self.candidates

    def proposals(self, pair: Pair) -> Iterator[Proposal]:
        file = parse(pair.test.encode("utf-8", "surrogateescape"))
        names = [test.name for test in file.tests if test.kind == "test" and test.name != "TestMain"]
        if len(names) < _FEWEST_TESTS:
            return
        removed = removed_tests(names, f"{self.seed} {pair.id}")
        start = extract_tests(file, [test.name for test in file.tests if test.name not in removed])
        yield Proposal(pair, start, removed=removed)

    def start_job(self, proposal: Proposal) -> Job:
        return start_as_test(proposal)

    def reference_objection(self, rule: Rule, pair: Pair, reference: Execution) -> str:
        return rule.objection(pair, reference)

    def start_objection(self, proof: Proof) -> str:
        start = proof.start
        if start.status is not Status.PASSED:
            return f"the remaining tests: {start.reason or start.status}"
        if len(addition(proof.reference, start).mutants) < MIN_ADDED:
            return f"the removed tests kill fewer than {MIN_ADDED} more mutants"
        return ""


def removed_tests(names: Sequence[str], seed: str) -> tuple[str, ...]:
    """A third of the test functions, at least one, at random; in their order."""
    chosen = set(random.Random(seed).sample(range(len(names)), max(len(names) // 3, 1)))
    return tuple(name for number, name in enumerate(names) if number in chosen)
