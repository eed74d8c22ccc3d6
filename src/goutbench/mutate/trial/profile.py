"""What each test of a package reaches, from a run of each test alone.

A run of its own includes what package initialisation and TestMain reach, needs no attribution of parallel
tests, and shows which tests fail without the others.
"""

import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from goutbench.execute.ladder.build import compile_own
from goutbench.execute.ladder.coverage import Coverage, read_profile
from goutbench.execute.ladder.mutants.runs import run_all
from goutbench.execute.ladder.runs import CompiledTest, all_of, command_for
from goutbench.execute.sandbox.command import Command, CommandRun, RunReport
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.toolchain.cover_blocks import named_blocks
from goutbench.golang.toolchain.test_output import TestOutput, parse_output
from goutbench.golang.toolchain.testwitness import read_witness

_COUNTERS = "-test.gocoverdir=/tmp"
_LONGEST_PATTERN = 100_000  # bytes; Linux gives one argument of a command 128 KiB


@dataclass(frozen=True, slots=True)
class TestCost:
    """CPU and wall seconds of a test that ran alone."""

    __test__ = False  # pytest must not collect it

    cpu: float
    wall: float


@dataclass(frozen=True, slots=True)
class TestProfile:
    """The tests that can judge mutants, with their costs, and what they reach.

    `blocks` has the lines of cover profiles that some test reaches, each with the indices of these tests, and
    those that none reaches. `together`: some tests pass only with the others, so all run for each mutant.
    `omitted` are tests that fail or do not run. `problem`: nothing can be judged.
    """

    __test__ = False

    costs: dict[str, TestCost]
    blocks: dict[str, list[int]]
    covered: bool = True
    together: bool = False
    omitted: tuple[str, ...] = ()
    problem: str = ""

    @property
    def tests(self) -> tuple[str, ...]:
        return tuple(self.costs)

    def cost(self, tests: Sequence[str]) -> TestCost:
        """The seconds of a run of several tests, by those of each."""
        costs = [self.costs[name] for name in tests]
        return TestCost(sum(cost.cpu for cost in costs), sum(cost.wall for cost in costs))

    def breadth(self) -> dict[str, int]:
        """The number of blocks that each test reaches."""
        numbers = Counter(index for indices in self.blocks.values() for index in indices)
        return {name: numbers[index] for index, name in enumerate(self.tests)}


@dataclass(frozen=True, slots=True)
class Reach:
    """Which tests reach a position of one file."""

    everything: Coverage
    tests: tuple[str, ...]
    by_block: Mapping[tuple[tuple[int, int], tuple[int, int], int], tuple[str, ...]]
    together: bool

    def of(self, line: int, column: int) -> tuple[str, ...]:
        """The tests that reach a position, in their order; all for code without a counter."""
        block = self.everything.block_at((line, column))
        reaching = self.tests if block is None else self.by_block.get(block, ())
        return self.tests if reaching and self.together else reaching


NO_TESTS = TestProfile({}, {})


def measure(
    worker: Worker, package: PackageUnderTest, names: Sequence[str], deadline: float
) -> TestProfile | None:
    """Run each test alone; those that then fail, once more with all others. None where `deadline` (of
    time.monotonic) comes first."""
    if not names:
        return NO_TESTS
    if len(all_of(names)) > _LONGEST_PATTERN:
        return TestProfile({}, {}, problem="the names of its tests are too long together for one command")
    folder = worker.workspace.scratch_folder("run")
    try:
        build = compile_own(worker, package, folder)
        if build.binary is None:
            return TestProfile({}, {}, problem=f"its tests do not build ({build.reason}): {build.evidence}")
        compiled = CompiledTest(worker, package, build.binary, folder, (), cover=build.cover, reference=True)
        return _measure(compiled, names, deadline)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def witnessed_command(test: CompiledTest, *flags: str) -> Command:
    """The command of a binary whose runs select tests by their arguments."""
    return replace(command_for(test, flags=flags), witnessed=True)


def selection(tests: Sequence[str]) -> tuple[str, ...]:
    """The arguments that select these tests."""
    return (f"-test.run={all_of(tests)}",)


def in_time(reports: tuple[RunReport, ...], deadline: float) -> tuple[RunReport, ...]:
    """The reports without the one of a run that the deadline (of time.monotonic) may have ended."""
    late = reports and reports[-1].exit_code != 0 and time.monotonic() >= deadline
    return reports[:-1] if late else reports


def output_of(report: RunReport, tests: Sequence[str]) -> TestOutput:
    """What the witness says about these tests."""
    return parse_output(read_witness(report.witness).frames).only(tests)


def _measure(test: CompiledTest, names: Sequence[str], deadline: float) -> TestProfile | None:
    alone = [(name,) for name in names]
    reports = _run(test, alone, deadline)
    if len(reports) < len(names):
        if time.monotonic() >= deadline:
            return None
        tail = reports[-1].tail if reports else ""
        return TestProfile({}, {}, problem=f"the sandbox ended before all of its tests had run: {tail}")
    passed = {name: report for name, report in zip(names, reports, strict=True) if _passes(report, (name,))}
    failed = [name for name in names if name not in passed]
    together = False
    if failed:
        (everything,) = _run(test, [tuple(names)], deadline) or (None,)
        if everything is None and time.monotonic() >= deadline:
            return None
        if everything is not None:
            output = output_of(everything, names)
            rescued = [name for name in failed if name in output.passed]
            together = bool(rescued) and not output.unfinished
            if together:
                passed |= dict.fromkeys(rescued, everything)
    used = [name for name in names if name in passed]
    if not used:
        first = next(iter(reports)).tail.strip()
        return TestProfile({}, {}, problem=f"no test passes without a mutant: {first}"[:2000])
    costs = {
        name: TestCost(round(passed[name].cpu_seconds, 4), round(passed[name].wall_seconds, 4))
        for name in used
    }
    skipped = {
        name for name, report in zip(names, reports, strict=True) if name in output_of(report, names).skipped
    }
    omitted = tuple(name for name in names if name not in passed and name not in skipped)
    blocks = _blocks([passed[name] for name in used])
    return TestProfile(costs, blocks, test.cover, together, omitted)


def _run(test: CompiledTest, selections: Sequence[tuple[str, ...]], deadline: float) -> tuple[RunReport, ...]:
    if time.monotonic() >= deadline:
        return ()
    worker = test.worker
    counters = (_COUNTERS,) if test.cover and worker.sandbox.private_tmp else ()
    seconds = worker.options.test_seconds
    command = witnessed_command(test, "-test.shuffle=off", f"-test.timeout={seconds:g}s", *counters)
    runs = [CommandRun(wall=seconds + 5, cpu=2 * seconds, args=selection(names)) for names in selections]
    return in_time(run_all(worker.sandbox, command, runs, wall=deadline - time.monotonic()), deadline)


def _passes(report: RunReport, names: Sequence[str]) -> bool:
    return report.exit_code == 0 and set(names) <= set(output_of(report, names).passed)


def _blocks(reports: Sequence[RunReport]) -> dict[str, list[int]]:
    """The lines of all profiles without their counts → the indices of the runs that reach them."""
    blocks: dict[str, list[int]] = defaultdict(list)
    for index, report in enumerate(reports):
        witness = read_witness(report.witness)
        for line in (witness.all or witness.own or "").splitlines()[1:]:
            block, _, hits = line.rpartition(" ")
            if hits != "0":
                blocks[block].append(index)
            else:
                blocks[block]
    return dict(blocks)


def reach_of(worker: Worker, package: PackageUnderTest, profile: TestProfile) -> Reach:
    """What a profile says about the focal file of a package."""
    if not profile.covered:
        return Reach(Coverage({}), profile.tests, {}, profile.together)
    source = package.focal_source
    directed = None
    if b"line " in source:
        directed = named_blocks(worker.helper(package), package.folder / package.focal, source)
    everything: dict[tuple[tuple[int, int], tuple[int, int], int], int] = {}
    by_block: dict[tuple[tuple[int, int], tuple[int, int], int], tuple[str, ...]] = {}
    for line, indices in profile.blocks.items():
        if directed is None and f"/{package.focal}:" not in line:
            continue
        for block in read_profile(f"{line} {len(indices)}", package.focal, directed).blocks:
            everything[block] = len(indices)
            by_block[block] = tuple(profile.tests[index] for index in indices)
    return Reach(Coverage(everything), profile.tests, by_block, profile.together)
