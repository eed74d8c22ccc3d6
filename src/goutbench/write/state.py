"""What a run knows while it works: of each file, of each function, and of each test of a reply."""

from dataclasses import dataclass, field

from goutbench.execute.reward.addition import Addition
from goutbench.records import Candidate, Execution, Prompt
from goutbench.write.adding import choose, within
from goutbench.write.asking.subject import Subject
from goutbench.write.files import FileUnderTest, ReplyTest
from goutbench.write.need import lines_of, needs_of
from goutbench.write.results import ADDS_NOTHING, NOT_JUDGED, Need


@dataclass(slots=True)
class FileState:
    """A file, what its package's own tests miss of it, and what they miss together with the accepted tests;
    `judged` are all tests of replies about its functions."""

    file: FileUnderTest
    subject: Subject
    before: Execution
    judged: list["JudgedTest"] = field(default_factory=list)
    missing: Execution = field(init=False)

    def __post_init__(self) -> None:
        self.missing = self.before

    def choose(self) -> None:
        """Accept anew those of all passing tests that add something, the one that adds most first."""
        passing = [(test, test.record) for test in self.judged if test.record is not None and test.passes]
        chosen = choose([record for _, record in passing], self.before)
        order = list(chosen.additions)
        for number, (test, record) in enumerate(passing):
            accepted = number in chosen.additions
            test.reason, test.detail = ("", "") if accepted else _useless(record)
            test.adds = chosen.additions.get(number, Addition())
            test.order = order.index(number) if accepted else 0
        self.missing = chosen.missing


def _useless(record: Execution) -> tuple[str, str]:
    """The reason and the detail of a passing test that adds nothing that was measured."""
    unmeasured = unmeasured_mutants(record)
    return (NOT_JUDGED, unmeasured) if unmeasured else (ADDS_NOTHING, "")


def unmeasured_mutants(record: Execution) -> str:
    """Why no mutant could be tested with a candidate, although there are some; empty where that is not so."""
    mutation = record.mutation
    return mutation.reason if mutation is not None and mutation.total and not mutation.tested else ""


@dataclass(slots=True)
class JudgedTest:
    """A test of a reply with its record (None where it was not executed), and what it adds; without a reason
    it is accepted, as number `order` of its file."""

    course: "FunctionCourse"
    round: int
    test: ReplyTest
    candidate: Candidate | None = None
    record: Execution | None = None
    reason: str = ""
    detail: str = ""
    adds: Addition = field(default_factory=Addition)
    order: int = 0

    @property
    def passes(self) -> bool:
        """Whether it may be accepted."""
        return self.reason in ("", ADDS_NOTHING, NOT_JUDGED) and self.record is not None


@dataclass(slots=True)
class FunctionCourse:
    """One function: the first prompt about it, the number of its rounds, its last reply and what became of
    that, and why it ended; `reason` is empty while there may be another round."""

    need: Need
    state: FileState
    first: Prompt | None = None
    rounds: int = 0
    reason: str = ""
    reply: Candidate | None = None
    judged: list[JudgedTest] = field(default_factory=list)

    @property
    def missing(self) -> Execution:
        """What the tests so far miss of the function."""
        lines = lines_of(self.state.file.source, [self.need.function])
        return within(self.state.missing, lines)

    @property
    def now(self) -> Need:
        """What the function lacks now."""
        file = self.state.file
        (need,) = needs_of(file.path, file.source, [self.need.function], self.state.missing)
        return need
