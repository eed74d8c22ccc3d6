"""The records of a run: each mutant with its verdict, by file and package."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from goutbench.golang.toolchain.mutation import Mutant
from goutbench.records import MutantStatus

UNDETECTED = frozenset({MutantStatus.SURVIVED, MutantStatus.NO_COVERAGE, MutantStatus.TIMED_OUT})
CGO = "the focal file uses cgo"
"""The problem of a file that can never have mutants, which is no failure of a run."""


@dataclass(frozen=True, slots=True)
class SourceTest:
    """A test, fuzz target or example with output: its name, its file's base name, its line, and a hash of its
    text. A name in both test packages of a folder is one test."""

    name: str
    file: str
    line: int
    hash: str


@dataclass(frozen=True, slots=True)
class TestedMutant:
    """What the tests did to a mutant. `status` is None where it was not run: the budget was spent, or its
    tests fail without it, as `reason` says.

    `reached_by` are the tests that reach it, `killers` those that failed: the first one, or with
    `--redundant` all. `cached`: an earlier run has tested it. `seconds` is CPU time.
    `lasting` is False for a verdict that the load of the machine may have caused.
    """

    __test__ = False  # pytest must not collect it

    mutant: Mutant
    status: MutantStatus | None
    reached_by: tuple[str, ...] = ()
    killers: tuple[str, ...] = ()
    cached: bool = False
    seconds: float = 0.0
    reason: str = ""
    lasting: bool = True

    @property
    def survived(self) -> bool:
        return self.status is MutantStatus.SURVIVED


@dataclass(frozen=True, slots=True)
class MutatedFile:
    """A source file, its path below the work tree's root, and its mutants in source order. `problem` says why
    there are none."""

    path: str
    package: str
    source: bytes
    mutants: tuple[TestedMutant, ...]
    not_viable: int = 0
    problem: str = ""

    def counts(self) -> Counter[MutantStatus | None]:
        return Counter(mutant.status for mutant in self.mutants)


@dataclass(frozen=True, slots=True)
class MutatedPackage:
    """The tests of a package, by which its mutants were tested. `folder` is below the work tree's root.

    `problem` says why nothing was measured, `omitted` are tests that fail or do not run without a mutant.
    `attributed` is False where the tests are not independent: then all run for every mutant.
    """

    path: str
    folder: str
    tests: tuple[SourceTest, ...]
    omitted: tuple[str, ...] = ()
    attributed: bool = True
    problem: str = ""


@dataclass(frozen=True, slots=True)
class MutateResult:
    """Everything that a run has measured. `complete`: `--redundant` was given, so all killers are known.

    `failures` say what could not be tested, and why; `skipped` files were not reached within the budget.
    """

    root: str
    packages: tuple[MutatedPackage, ...]
    files: tuple[MutatedFile, ...]
    complete: bool = False
    notices: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    skipped: int = 0

    @property
    def mutants(self) -> list[TestedMutant]:
        return [mutant for file in self.files for mutant in file.mutants]

    @property
    def score(self) -> float | None:
        """The score of all mutants, as of `score_of`."""
        return score_of(self.mutants)

    @property
    def nothing_ran(self) -> bool:
        """Whether there are mutants to run, and none of them has a verdict."""
        return self.score is None and bool(self.mutants or self.skipped)


def score_of(mutants: Iterable[TestedMutant]) -> float | None:
    """Killed ÷ all, so that those that time out count as survived; None where no mutant that is reached ran.

    Of mutants that were not run, the same share counts as killed as of those that were: an estimate.
    """
    counts = Counter(mutant.status for mutant in mutants)
    reached = counts.total() - counts[MutantStatus.NO_COVERAGE]
    run = reached - counts[None]
    if not counts.total() or (reached and not run):
        return None
    return counts[MutantStatus.KILLED] / run * reached / counts.total() if run else 0.0


def shortened(names: Sequence[str], most: int) -> str:
    """The first names of a list, with how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def most_useful(
    files: Sequence[MutatedFile], statuses: Collection[MutantStatus]
) -> list[tuple[MutatedFile, TestedMutant]]:
    """The mutants of these statuses, so that the first ones tell most: one of each function before a second
    one of any, and first those of the functions with most of them."""
    groups: dict[tuple[str, str], list[tuple[MutatedFile, TestedMutant]]] = {}
    for file in files:
        for mutant in file.mutants:
            if mutant.status in statuses:
                groups.setdefault((file.path, mutant.mutant.function), []).append((file, mutant))
    ordered = sorted(groups.values(), key=len, reverse=True)
    ranked = [(rank, entry) for group in ordered for rank, entry in enumerate(group)]
    return [entry for _, entry in sorted(ranked, key=lambda item: item[0])]


def redundant_tests(package: MutatedPackage, files: Iterable[MutatedFile]) -> list[SourceTest]:
    """The tests that reach mutants, and kill none that no other test kills; each on its own, since two of
    them may kill the same mutants. Only with all killers known does this say something."""
    reaching: set[str] = set()
    needed: set[str] = set()
    for file in files:
        if file.package == package.path:
            for mutant in file.mutants:
                reaching |= set(mutant.reached_by)
                needed |= set(mutant.killers) if len(mutant.killers) == 1 else set()
    return [test for test in package.tests if test.name in reaching - needed]


def notices(
    packages: Iterable[MutatedPackage], files: Sequence[MutatedFile], skipped: int
) -> tuple[str, ...]:
    """What a reader must know about the numbers; `skipped` files were not reached within the budget."""
    lines = [f"{file.path}: {file.problem}" for file in files if file.problem == CGO]
    for package in packages:
        if package.omitted:
            names = ", ".join(package.omitted)
            lines.append(f"{package.path}: left out, since they fail or do not run without a mutant: {names}")
        if not package.attributed:
            lines.append(f"{package.path}: some tests need the others, so all run for every mutant")
    mutants = [mutant for file in files for mutant in file.mutants]
    waiting = sum(mutant.status is None and not mutant.reason for mutant in mutants)
    if waiting or skipped:
        more = f", and those of further files ({skipped})" if skipped else ""
        lines.append(f"not run within the budget: {waiting} mutants{more}; the same command goes on")
    if cached := sum(mutant.cached for mutant in mutants):
        total = f"{cached} of {len(mutants)}"
        lines.append(f"{total} verdicts are those of earlier runs; --no-cache runs all again")
    return tuple(lines)


def failures(packages: Iterable[MutatedPackage], files: Sequence[MutatedFile]) -> list[str]:
    """The packages, files and mutants that could not be tested, and why."""
    lines = [f"{package.path}: {package.problem}" for package in packages if package.problem]
    lines += [f"{file.path}: {file.problem}" for file in files if file.problem not in ("", CGO)]
    for file in files:
        reasons = Counter(mutant.reason for mutant in file.mutants if mutant.status is None and mutant.reason)
        lines += [
            f"{file.path}: {count} mutants without a verdict: {reason}"
            for reason, count in reasons.items()
            if reason != file.problem
        ]
    return lines
