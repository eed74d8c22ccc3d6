"""Which samples become rows: those that `--where` selects, of training groups, distinct, within the caps."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from goutbench.harvest.samples import ItemOf, Sample, where_table
from goutbench.harvest.similar import SimilarTests
from goutbench.records import Pair, Status
from goutbench.train.data.select import select_rows

WHERE = "status = 'PASSED'"


@dataclass(frozen=True, slots=True)
class HarvestOptions:
    """Which samples become rows.

    `where` is a DuckDB expression over the columns of `where_table`. Of each function at most `per_function`
    rows remain, the best, and of each repository at most `per_repository` (0: all), drawn by `seed`.
    """

    where: str = WHERE
    per_function: int = 1
    per_repository: int = 0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The pairs that no row may come from or resemble.

    `training` are the ids of the training split's pairs whose leak group has no pair of another split.
    """

    training: frozenset[str]
    pairs: tuple[Pair, ...]


def choose(
    samples: Sequence[Sample],
    held_out: HeldOut,
    options: HarvestOptions,
    excluded: Counter[str],
    *,
    workers: int = 1,
) -> list[Sample]:
    """The samples that become rows, in their order; `excluded` counts the others by reason.

    Raises ConfigError for an expression that is invalid or holds for no sample.
    """
    free = [sample for sample in samples if sample.pair.id in held_out.training]
    excluded["of held-out groups"] = len(samples) - len(free)
    if not free:
        return []
    numbered = where_table(free).append_column("harvest_number", [list(range(len(free)))])
    selected = select_rows(numbered, options.where, what="candidate of training groups")
    chosen = [free[number] for number in selected.column("harvest_number").to_pylist()]
    excluded["not selected by --where"] = len(free) - len(chosen)
    with_code = [sample for sample in chosen if sample.candidate.code.strip()]
    excluded["without code"] = len(chosen) - len(with_code)
    distinct = _distinct(sorted(with_code, key=_worst_last), held_out, excluded, workers)
    best = _best(distinct, options.per_function)
    excluded["beyond the best of their function"] = len(distinct) - len(best)
    drawn = _drawn(best, options)
    excluded["beyond the cap of their repository"] = len(best) - len(drawn)
    order = {id(sample): number for number, sample in enumerate(samples)}
    return sorted(drawn, key=lambda sample: order[id(sample)])


def _worst_last(sample: Sample) -> tuple[bool, float, float, float, int, str]:
    """Passing tests first, then by mutation score, branches, statements; of equal ones the shortest."""
    execution = sample.execution
    return (
        execution.status is not Status.PASSED,
        -(sample.mutation_score or 0.0),
        -(execution.branch_coverage or 0.0),
        -(execution.coverage or 0.0),
        len(sample.candidate.code),
        sample.candidate.id,
    )


def _distinct(
    samples: Sequence[Sample], held_out: HeldOut, excluded: Counter[str], workers: int
) -> list[Sample]:
    """The samples whose tests are like no held-out test, and like no test of an earlier sample."""
    tests = [pair.test for pair in held_out.pairs]
    similar = SimilarTests([*tests, *(sample.candidate.code for sample in samples)], workers=workers)
    for number in range(len(tests)):
        similar.take(number)
    allowed = [
        number for number in range(len(tests), len(tests) + len(samples)) if not similar.is_like_taken(number)
    ]
    excluded["like the test of a held-out pair"] = len(samples) - len(allowed)
    distinct = []
    for number in allowed:
        if not similar.is_like_taken(number):  # none of them is like a held-out test
            similar.take(number)
            distinct.append(samples[number - len(tests)])
    excluded["near-duplicates of a better row"] = len(allowed) - len(distinct)
    return distinct


def _best(samples: Sequence[Sample], count: int) -> list[Sample]:
    """The first samples of each function, which are the best."""
    seen: Counter[ItemOf] = Counter()
    best = []
    for sample in samples:
        seen[sample.item] += 1
        if seen[sample.item] <= count:
            best.append(sample)
    return best


def _drawn(samples: Sequence[Sample], options: HarvestOptions) -> list[Sample]:
    """At most `per_repository` samples of each repository, drawn at random."""
    if not options.per_repository:
        return list(samples)
    groups: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.pair.repository].append(sample)
    generator = random.Random(options.seed)
    return [
        sample
        for _, group in sorted(groups.items())
        for sample in generator.sample(group, min(len(group), options.per_repository))
    ]
