"""repair: the reference test of an older commit beside today's code; a model makes it build and pass."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from goutbench.curate.git.repository import Repository
from goutbench.records import Execution, Pair, Status
from goutbench.tasks.kinds.kind import Job, Proof, Proposal, start_as_test
from goutbench.tasks.rule import Rule

_MOST_COMMITS = 64
_FAILS = frozenset({Status.BUILD_FAILED, Status.VET_FAILED, Status.TESTS_FAILED})

OpenRepository = Callable[[str], Repository | None]
"""The git repository of a name; None for one without history."""


@dataclass(frozen=True, slots=True)
class Repair:
    """The kind "repair" of these pairs."""

    candidates: Sequence[Pair]
    open_repository: OpenRepository
    name: str = "repair"
    mutants: bool = True

    def pairs(self) -> Sequence[Pair]:
        return self.candidates

    def proposals(self, pair: Pair) -> Iterator[Proposal]:
        """The test file of 1, 2, 4, … commits to it ago: the latest that fails is the task."""
        repository = self.open_repository(pair.repository)
        if repository is None:
            return
        arguments = ["--format=%H", f"--max-count={_MOST_COMMITS + 1}", "--no-renames", pair.revision, "--"]
        commits = repository.output("log", *arguments, pair.test_path).decode("ascii").split()
        number = 1
        while number < len(commits):
            blob = repository.run("cat-file", "blob", f"{commits[number]}:{pair.test_path}")
            if blob.returncode == 0 and blob.stdout.strip():
                yield Proposal(pair, blob.stdout.decode("utf-8", "surrogateescape"), commits[number])
            number *= 2

    def start_job(self, proposal: Proposal) -> Job:
        return start_as_test(proposal)

    def reference_objection(self, rule: Rule, pair: Pair, reference: Execution) -> str:
        return rule.objection(pair, reference)

    def start_objection(self, proof: Proof) -> str:
        if proof.start.status in _FAILS:
            return ""
        return f"the older test: {proof.start.reason or proof.start.status.label}"
