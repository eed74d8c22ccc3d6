"""What a kind of task is: what it proposes for a pair, and which proof it asks for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from goutbench.execute.inputs import PairLocation, text_candidate
from goutbench.records import REFERENCE, Candidate, Execution, Pair, short_hash
from goutbench.tasks.rule import Rule

START = "start"
"""The model, in the records of executions, of what a task begins with."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A task that is not proven: what it begins with; the fields are those of VerifiedTask."""

    pair: Pair
    start: str
    start_revision: str = ""
    message: str = ""
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """The executions of the reference test, and of what a task begins with."""

    proposal: Proposal
    reference: Execution
    start: Execution


Job = tuple[Candidate, PairLocation]
"""A test to execute, and where."""


class TaskKind(Protocol):
    """A kind of task."""

    @property
    def name(self) -> str: ...
    @property
    def mutants(self) -> bool:
        """Whether its proof counts mutants."""

    def pairs(self) -> Sequence[Pair]:
        """The pairs that may become tasks, in the order in which they are tried. Raises ConfigError where
        there are none."""

    def proposals(self, pair: Pair) -> Iterator[Proposal]:
        """What a task of the pair may begin with: the first that is proven counts."""

    def start_job(self, proposal: Proposal) -> Job:
        """The execution that shows what the task begins with."""

    def reference_objection(self, rule: Rule, pair: Pair, reference: Execution) -> str:
        """Why the pair cannot be a task, by the execution of its reference test; empty where it can."""

    def start_objection(self, proof: Proof) -> str:
        """Why a proposal is no task of this kind, by what it begins with; empty where it is one."""


def location_of(pair: Pair) -> PairLocation:
    """Where a pair's files are."""
    return PairLocation(pair.id, pair.repository, pair.revision, pair.code_path, pair.test_path)


def location_before(pair_id: str, location: PairLocation, revision: str) -> PairLocation:
    """The same files at an earlier commit."""
    return PairLocation(
        short_hash("before", pair_id), location.repository, revision, location.code_path, location.test_path
    )


def reference_job(pair: Pair) -> Job:
    """The execution of a pair's reference test."""
    return text_candidate(pair.id, REFERENCE, pair.test, mode=REFERENCE), location_of(pair)


def start_as_test(proposal: Proposal) -> Job:
    """The execution of what a task begins with in place of the reference test."""
    pair = proposal.pair
    return text_candidate(pair.id, START, proposal.start), location_of(pair)
