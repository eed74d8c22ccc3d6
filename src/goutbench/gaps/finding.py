"""What is reported: single findings, and their numbers by package."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from goutbench.golang.measured.mutants import DiffLine
from goutbench.records import Execution, Pair, Status


class Kind(StrEnum):
    """A way in which tests are missing or weak. The order of these lines is that of the page."""

    label: str

    NO_TEST = "no-test", "files without tests"
    UNCOVERED = "uncovered-function", "uncovered functions"
    SURVIVOR = "surviving-mutant", "surviving mutants"
    ASSERTION_FREE = "assertion-free", "tests without assertions"
    FAILING = "failing-test", "tests that do not pass"

    def __new__(cls, value: str, label: str = "") -> "Kind":
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.label = label
        return kind


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a test is missing or weak.

    `path` is the file to look at, `lines` the first and last line there, or None for the file; `function` is
    a function or the operator of a mutant. `need` orders the findings of a kind: a number of functions, of
    lines, of surviving mutants of the function, or of tests.
    """

    kind: Kind
    repository: str
    path: str
    lines: tuple[int, int] | None
    function: str
    detail: str
    need: int
    diff: tuple[DiffLine, ...] = ()

    @property
    def package(self) -> str:
        """The folder of the file; "." for the root of the repository."""
        return folder_of(self.path)


@dataclass(frozen=True, slots=True)
class TestedFile:
    """A source file with all tests that are paired with it, and the execution of each, where there is one."""

    __test__ = False  # pytest must not collect it

    pairs: tuple[Pair, ...]
    executions: tuple[Execution, ...]

    @property
    def pair(self) -> Pair:
        """The first pair: its repository, path and code are those of the file."""
        return self.pairs[0]

    @property
    def measured(self) -> tuple[Execution, ...]:
        """The executions that counted statements of the file."""
        return tuple(execution for execution in self.executions if execution.statements)


@dataclass(slots=True)
class PackageGaps:
    """The numbers of a package. Statements and mutants are 0 where nothing was measured; `measured` has the
    kinds of findings that were looked for.

    `statements` and `covered` are of the files with tests; of several tests of one file, the best counts.
    """

    repository: str
    package: str
    files: int = 0
    statements: int = 0
    covered: int = 0
    mutants: int = 0
    killed: int = 0
    findings: Counter[Kind] = field(default_factory=Counter)
    measured: set[Kind] = field(default_factory=lambda: {Kind.NO_TEST, Kind.ASSERTION_FREE})

    def count(self, kind: Kind) -> int | None:
        """The number of findings of a kind; None where nothing of the package was measured."""
        return self.findings[kind] if kind in self.measured else None

    @property
    def need(self) -> int:
        """The number of findings: packages are sorted by it."""
        return self.findings.total()

    @property
    def coverage(self) -> float | None:
        return self.covered / self.statements if self.statements else None

    @property
    def mutation_score(self) -> float | None:
        return self.killed / self.mutants if self.mutants else None


def packages_of(files: Iterable[TestedFile], findings: Sequence[Finding]) -> list[PackageGaps]:
    """The packages with files or findings, those with most findings first."""
    packages: dict[tuple[str, str], PackageGaps] = {}

    def package(repository: str, path: str) -> PackageGaps:
        key = repository, folder_of(path)
        return packages.setdefault(key, PackageGaps(*key))

    for file in files:
        own = package(file.pair.repository, file.pair.code_path)
        own.files += 1
        if file.measured:
            best = max(file.measured, key=lambda execution: execution.covered)
            own.statements += best.statements
            own.covered += best.covered
            own.measured.add(Kind.UNCOVERED)
        if any(execution.status is not Status.INFRA_FAILURE for execution in file.executions):
            own.measured.add(Kind.FAILING)
        scored = [e.mutation for e in file.executions if e.mutation and e.mutation.score is not None]
        if scored:
            mutation = max(scored, key=lambda one: one.killed)
            own.mutants += mutation.tested
            own.killed += mutation.killed
            own.measured.add(Kind.SURVIVOR)
    for finding in findings:
        own = package(finding.repository, finding.path)
        own.files += finding.kind is Kind.NO_TEST
        own.findings[finding.kind] += 1
    return sorted(packages.values(), key=lambda one: (-one.need, one.repository, one.package))


def plural(count: int, noun: str) -> str:
    """A count with its noun: "1 test", "2 tests"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def folder_of(path: str) -> str:
    """The folder of a path in a repository; "." for the root."""
    return path.rpartition("/")[0] or "."
