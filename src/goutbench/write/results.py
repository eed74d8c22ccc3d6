"""The records of a run: what functions lack, and each test with what it adds or why it was dropped."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from goutbench.execute.reward.addition import Addition

NO_TEST, NO_BUILD, VET, FAILS, FLAKY, TIMES_OUT, NOT_RUN, ADDS_NOTHING, CLASHES, BESIDE, NOT_JUDGED = (
    "no-test", "does-not-build", "vet", "fails", "flaky", "times-out", "does-not-run", "adds-nothing",
    "clashes", "fails-beside-others", "not-judged",
)  # fmt: skip

REASONS: Mapping[str, str] = {
    NO_TEST: "the reply has no Go test",
    NO_BUILD: "does not build",
    VET: "go vet rejects it",
    FAILS: "fails",
    FLAKY: "passes in some runs and fails in others",
    TIMES_OUT: "does not end within the time limit",
    NOT_RUN: "go test does not run it",
    ADDS_NOTHING: "adds nothing: it covers no new branch, and kills no mutant that survives",
    CLASHES: "clashes with what the package declares",
    BESIDE: "fails beside the package's other tests",
    NOT_JUDGED: "could not be judged on this machine",
}
"""Why a test was dropped, by the code in `WrittenTest.reason`."""


@dataclass(frozen=True, slots=True)
class Need:
    """A function, and what the package's own tests lack of it: numbers of branches (of blocks of statements
    where branches were not measured), of mutants that they do not notice, and its cyclomatic complexity.

    `path` is the file below the work tree's root, `function` its key in the file, `line` where it begins.
    """

    path: str
    function: str
    line: int
    branches: int
    mutants: int
    complexity: int

    @property
    def missing(self) -> int:
        return self.branches + self.mutants


@dataclass(frozen=True, slots=True)
class WrittenTest:
    """A test of a reply. `reason` is empty for one that is in the patch, else a key of REASONS, and `detail`
    says more. `test_path` is its file below the root, empty for a dropped one; `code` is its source with what
    it uses, and `adds` what it adds. `name` is the name in the patch, or the reply's."""

    name: str
    path: str
    function: str
    round: int
    reason: str
    detail: str
    code: str
    test_path: str = ""
    adds: Addition = field(default_factory=Addition)


@dataclass(frozen=True, slots=True)
class Target:
    """A function that the model was asked about, what it lacked before and after, the number of its rounds,
    and why there was no further one: "complete", "no-improvement", "rounds", the name of a limit, or the
    error of a call."""

    before: Need
    after: Need
    rounds: int
    reason: str


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A test file of the patch: its path below the root, its content before (None: a new file) and after."""

    path: str
    before: bytes | None
    after: bytes


@dataclass(frozen=True, slots=True)
class WriteResult:
    """Everything that a run has made. `patch` is what `git apply` takes at the root; empty without a test.

    `unasked` are functions with a need beyond the limit; `failures` say what could not be judged, and why.
    """

    root: str
    model: str
    targets: tuple[Target, ...]
    tests: tuple[WrittenTest, ...]
    files: tuple[ChangedFile, ...]
    patch: bytes
    unasked: int = 0
    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    notices: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def accepted(self) -> list[WrittenTest]:
        return [test for test in self.tests if not test.reason]

    @property
    def dropped(self) -> list[WrittenTest]:
        return [test for test in self.tests if test.reason]
