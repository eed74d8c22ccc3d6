"""What a test adds to those before it, and which of several are accepted."""

from dataclasses import replace

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.record import empty_record
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.reward.addition import Addition, addition
from goutbench.records import Execution, MutantStatus, MutantVerdict, Mutation, Status
from goutbench.write.adding import choose
from goutbench.write.need import most_needed, needs_of
from goutbench.write.results import Need

LOW, HIGH = "2.5 if x < low: true", "5.5 if x > high: true"


def record(
    branches: tuple[str, ...] | None, blocks: tuple[str, ...] = (), **mutants: MutantStatus
) -> Execution:
    """A passing record that misses these branches and blocks; mutants are named by `m` and their ids."""
    verdicts = tuple(
        MutantVerdict(int(name[1:]), f"{name[1:]}.1-{name[1:]}.9", "Clamp", "operator", "a", "b", status)
        for name, status in mutants.items()
    )
    mutation = Mutation(len(verdicts), 0, 0, 0, 0, 0, None, None, None, mutants=verdicts)
    return replace(
        empty_record(text_candidate("p", "m", ""), "id", ExecuteOptions()),
        status=Status.PASSED, statements=9, uncovered=blocks, mutation=mutation,
        branches=None if branches is None else 4, uncovered_branches=branches or (),
    )  # fmt: skip


KILLED, SURVIVED, TIMED_OUT = MutantStatus.KILLED, MutantStatus.SURVIVED, MutantStatus.TIMED_OUT
EXISTING = record((LOW, HIGH), m2=SURVIVED, m3=MutantStatus.NO_COVERAGE, m5=TIMED_OUT, m6=KILLED)


def ids(added: Addition) -> list[int]:
    return [mutant.id for mutant in added.mutants]


def test_only_what_no_test_notices_counts() -> None:
    test = record((HIGH,), m2=KILLED, m3=KILLED, m5=KILLED, m6=KILLED, m7=KILLED)
    added = addition(test, EXISTING)
    assert (added.branches, ids(added)) == ((LOW,), [2, 3]), "a timed-out mutant may be noticed already"
    assert str(added) == "1 branch, 2 mutants"
    assert addition(replace(test, status=Status.FLAKY), EXISTING) == Addition()
    assert addition(replace(test, branches=None), EXISTING).branches == ()


def test_blocks_count_only_where_branches_are_not_measured() -> None:
    existing = record(None, ("2.1-3.2", "5.1-6.2"))
    added = addition(record((), ("5.1-6.2",)), existing)
    assert (added.blocks, str(added)) == (("2.1-3.2",), "1 block of statements")
    assert addition(replace(record(()), statements=0), existing) == Addition(), "it was not measured"
    assert not addition(record((LOW, HIGH)), replace(EXISTING, uncovered=("2.1-3.2",))).size


def test_the_test_that_adds_most_comes_first() -> None:
    low, both = record((HIGH,), m2=KILLED), record((), m2=KILLED)
    high, mutant = record((LOW,)), record((LOW, HIGH), m3=KILLED)
    chosen = choose([low, high, both, mutant, mutant], EXISTING)
    assert {n: str(added) for n, added in chosen.additions.items()} == {
        2: "2 branches, 1 mutant",
        3: "1 mutant",
    }
    assert list(chosen.additions) == [2, 3]
    assert chosen.missing.uncovered_branches == ()
    assert not addition(both, chosen.missing).size


def test_functions_are_asked_about_by_what_they_lack() -> None:
    source = (
        b"package p\n\nfunc A(x int) bool { return x > 1 }\n\nfunc B(x int) bool { return x > 1 || x < 0 }\n"
    )
    existing = record(("3.5 a: true", "5.5 b: true"), m5=SURVIVED)
    needs = needs_of("p.go", source, ["A", "B"], existing)
    assert needs == [Need("p.go", "A", 3, 1, 0, 1), Need("p.go", "B", 5, 1, 1, 2)]
    assert most_needed(needs, 1) == ([needs[1]], 1)
    harder = replace(needs[1], line=9, complexity=9)
    assert most_needed([needs[1], harder], 0) == ([harder, needs[1]], 0)
