"""Which test of a package covers and kills what of one version of the focal file."""

import difflib
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from goutbench.execute.ladder.mutants.score import mutation_plan
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.syntax.file import line_and_column
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.mutation import Mutant, MutationPlan
from goutbench.mutate.trial.order import Killers, ReachedMutant
from goutbench.mutate.trial.profile import Reach, TestProfile, reach_of
from goutbench.mutate.trial.runs import MutantTrial
from goutbench.records import MutantStatus

SAMPLE, IN_FUNCTIONS = 60, 30
"""The most mutants of the focal file, and of the changed functions, drawn independently."""

_BATCH = 64
_PARALLEL = b".Parallel()"


@dataclass(frozen=True, slots=True)
class MutantRow:
    """A mutant, and the numbers of the tests that kill it. Those that time out have no killers.

    `sampled`: it is of the sample of the file; `focused`: of that of the changed functions. `reached` are the
    tests that reach it. `near` is 2 in a changed line, 1 in a changed function, 0 elsewhere.
    """

    id: int
    operator: str
    line: int
    near: int
    sampled: bool
    focused: bool
    status: str
    reached: tuple[int, ...]
    killers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BlockRow:
    """A block of the focal file with `statements`, and the tests that cover it; `near` as of a mutant."""

    line: int
    near: int
    statements: int
    tests: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Kills:
    """What each test does to one version of the focal file. `total` is the number of its viable mutants."""

    tests: tuple[str, ...]
    blocks: tuple[BlockRow, ...]
    mutants: tuple[MutantRow, ...]
    total: int
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Changed:
    """Where a version of the focal file differs from the other one."""

    def __init__(self, source: bytes, other: bytes) -> None:
        self.lines = changed_lines(other, source)
        self.functions: list[tuple[int, int]] = []
        for item in parse(source).declarations:
            first, last = (line_and_column(source, at)[0] for at in (item.node_start, item.node_end))
            if item.is_function and self.lines.intersection(range(first, last + 1)):
                self.functions.append((first, last))

    def near(self, first: int, last: int) -> int:
        """2 for lines that are changed, 1 for those of a changed function, else 0."""
        if self.lines.intersection(range(first, last + 1)):
            return 2
        return int(any(start <= first <= end for start, end in self.functions))


def changed_lines(before: bytes, after: bytes) -> set[int]:
    """The lines of `after` that are new or changed; of removed lines, the next one. Not comments."""
    old, new = before.splitlines(), after.splitlines()
    found: set[int] = set()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, start, end, first, last in matcher.get_opcodes():
        texts = [*old[start:end], *new[first:last]]
        if tag != "equal" and any(text.strip() and not text.strip().startswith(b"//") for text in texts):
            found |= set(range(first + 1, max(last, first + 1) + 1))
    return found


def measure_kills(
    worker: Worker, package: PackageUnderTest, profile: TestProfile, changed: Changed
) -> tuple[Kills, MutantTrial | None]:
    """Run mutants of the focal file against all tests that reach them.

    The caller closes the trial.
    """
    reach, plan = reach_of(worker, package, profile), mutation_plan(worker, package, ignore_texts=False)
    blocks = tuple(_blocks(reach, changed))
    if plan.infra or plan.reason:
        return Kills(profile.tests, blocks, (), 0, str(plan.infra or plan.reason)), None
    sampled, focused = _draw(plan, changed)
    drawn = [mutant for mutant in plan.mutants if mutant.id in sampled | focused]
    reached = [ReachedMutant(mutant, reach.of(mutant.line, mutant.column)) for mutant in drawn]
    used = {name for item in reached for name in item.tests}
    order = tuple(name for name in profile.tests if name in used)
    trial = MutantTrial(package, plan, profile, Killers({}), redundant=True, tests=order)
    killers, status = _run(worker, package, trial, [item for item in reached if item.tests])
    numbers = {name: number for number, name in enumerate(profile.tests)}

    def row(item: ReachedMutant) -> MutantRow:
        mutant = item.mutant
        return MutantRow(
            mutant.id,
            mutant.operator,
            mutant.line,
            changed.near(mutant.line, mutant.end_line),
            mutant.id in sampled,
            mutant.id in focused,
            str(status.get(mutant.id, MutantStatus.NO_COVERAGE)),
            tuple(numbers[name] for name in item.tests),
            tuple(sorted(numbers[name] for name in killers.get(mutant.id, ()))),
        )

    rows = tuple(map(row, reached))
    return Kills(profile.tests, blocks, rows, len(plan.mutants), trial.problem), trial


def _draw(plan: MutationPlan, changed: Changed) -> tuple[set[int], set[int]]:
    """The ids of mutants of the file, and of the changed functions: two independent samples."""
    every = [mutant.id for mutant in plan.mutants]
    inside = [mutant.id for mutant in plan.mutants if changed.near(mutant.line, mutant.end_line)]
    sampled = random.Random(1).sample(every, min(SAMPLE, len(every)))
    return set(sampled), set(random.Random(2).sample(inside, min(IN_FUNCTIONS, len(inside))))


def _run(
    worker: Worker, package: PackageUnderTest, trial: MutantTrial, reached: Sequence[ReachedMutant]
) -> tuple[dict[int, tuple[str, ...]], dict[int, MutantStatus | None]]:
    """The killers and the verdicts of mutants, by their ids."""
    killers: dict[int, tuple[str, ...]] = {}
    status: dict[int, MutantStatus | None] = {}
    for start in range(0, len(reached), _BATCH):
        for result in trial.run(worker, reached[start : start + _BATCH], float("inf")):
            killers[result.mutant.id], status[result.mutant.id] = result.killers, result.status
    if any(_PARALLEL in path.read_bytes() for path in package.go_files() if path.name.endswith("_test.go")):
        # a crash leaves parallel tests unfinished that have nothing to do with it
        unsure = [item for item in reached if len(killers[item.mutant.id]) > 1]
        for mutant, names in _alone(worker, trial, unsure, killers):
            killers[mutant.id] = names
    return killers, status


def _alone(
    worker: Worker,
    trial: MutantTrial,
    reached: Sequence[ReachedMutant],
    killers: dict[int, tuple[str, ...]],
) -> Iterator[tuple[Mutant, tuple[str, ...]]]:
    """Those killers of mutants that also kill alone."""
    for item in reached:
        pairs = [ReachedMutant(item.mutant, (name,)) for name in killers[item.mutant.id]]
        results = trial.run(worker, pairs, float("inf"))
        names = (name for result in results for name in result.killers)
        yield item.mutant, tuple(dict.fromkeys(names))


def _blocks(reach: Reach, changed: Changed) -> Iterator[BlockRow]:
    numbers = {name: number for number, name in enumerate(reach.tests)}
    for block in sorted(reach.everything.blocks):
        (first, _), (last, _), statements = block
        tests = tuple(numbers[name] for name in reach.by_block[block])
        yield BlockRow(first, changed.near(first, last), statements, tests)
