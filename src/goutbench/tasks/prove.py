"""Proves tasks by execution: the reference test of each, and what it begins with."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from goutbench.records import Execution, Pair
from goutbench.tasks.kinds.kind import Job, Proof, Proposal, TaskKind, reference_job
from goutbench.tasks.rule import Rule

_BATCH = 8
"""Pairs that are executed before anyone asks whether there are enough tasks, for each worker."""


@dataclass(frozen=True, slots=True)
class Prover:
    """Proves tasks; `execute` returns one record for each job, in their order, by so many `workers`."""

    execute: Callable[[Sequence[Job]], list[Execution]]
    workers: int

    def proofs(
        self, kind: TaskKind, pairs: Iterable[Pair], rule: Rule, excluded: Counter[str]
    ) -> Iterator[Proof]:
        """The tasks of a kind, pair by pair in their order; `excluded` counts why others are none."""
        remaining = iter(pairs)
        while batch := list(islice(remaining, _BATCH * self.workers)):
            yield from self._batch(kind, batch, rule, excluded)

    def _batch(
        self, kind: TaskKind, pairs: Sequence[Pair], rule: Rule, excluded: Counter[str]
    ) -> Iterator[Proof]:
        offers: dict[str, Iterator[Proposal]] = {}
        next_up: dict[str, Proposal] = {}
        for pair in pairs:
            offers[pair.id] = kind.proposals(pair)
            if (proposal := next(offers[pair.id], None)) is None:
                excluded[f"nothing to {kind.name}"] += 1
            else:
                next_up[pair.id] = proposal
        references = dict(
            zip(next_up, self.execute([reference_job(p.pair) for p in next_up.values()]), strict=True)
        )
        for id, record in references.items():
            if objection := kind.reference_objection(rule, next_up[id].pair, record):
                excluded[objection] += 1
                del next_up[id]
        proven: dict[str, Proof] = {}
        while next_up:
            records = self.execute([kind.start_job(proposal) for proposal in next_up.values()])
            for proposal, start in zip(list(next_up.values()), records, strict=True):
                id = proposal.pair.id
                proof = Proof(proposal, references[id], start)
                objection = kind.start_objection(proof)
                if not objection:
                    proven[id] = proof
                    del next_up[id]
                elif (following := next(offers[id], None)) is not None:
                    next_up[id] = following
                else:
                    excluded[objection] += 1
                    del next_up[id]
        yield from (proven[pair.id] for pair in pairs if pair.id in proven)
