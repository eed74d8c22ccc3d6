"""In which order mutants run, which verdicts still hold, and when a schedule ends."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from goutbench.golang.toolchain.mutation import Mutant
from goutbench.mutate.gate import missed_gates
from goutbench.mutate.results import CGO, MutatedFile, MutateResult, TestedMutant, failures, score_of
from goutbench.mutate.store import StoredVerdict, VerdictStore, remove_old
from goutbench.mutate.trial.order import Killers, ReachedMutant, informative_first
from goutbench.mutate.trial.schedule import Schedule
from goutbench.records import MutantStatus


def mutant(number: int, function: str, operator: str) -> Mutant:
    return Mutant(number, operator, function, 0, 1, number, 1, number, 2, "a", "b")


def test_each_function_and_operator_comes_once_before_any_comes_twice() -> None:
    mutants = [
        ReachedMutant(mutant(1, "F", "literal"), ("A", "B")),
        ReachedMutant(mutant(2, "F", "literal"), ("A", "B")),
        ReachedMutant(mutant(3, "F", "logical"), ("A", "B")),
        ReachedMutant(mutant(4, "G", "literal"), ("A",)),
    ]
    ordered = [(rank, reached.mutant.id) for rank, reached in informative_first(mutants)]
    assert ordered == [(0, 4), (0, 1), (1, 3), (2, 2)]


def test_the_most_likely_killer_has_killed_neighbours() -> None:
    killers = Killers({"Broad": 9, "Narrow": 1, "Other": 5})
    reached = ReachedMutant(mutant(1, "F", "literal"), ("Broad", "Narrow", "Other"))
    assert killers.most_likely(reached) == "Narrow"
    killers.add("G", ["Other"])
    assert killers.most_likely(reached) == "Other"
    killers.add("F", ["Broad"])
    assert killers.most_likely(reached) == "Broad"


KILLED = StoredVerdict("killed", (("A", "1"), ("B", "1")), ("A",), False, 0.1)
SURVIVED = StoredVerdict("survived", (("A", "1"), ("B", "1")), (), False, 0.1)
TIMED_OUT = StoredVerdict("timed_out", (("A", "1"),), (), False, 0.1)


@pytest.mark.parametrize(
    ("verdict", "tests", "complete", "holds"),
    [
        (KILLED, {"A": "1", "B": "2"}, False, True),
        (KILLED, {"A": "1", "C": "1"}, False, True),
        (KILLED, {"A": "2", "B": "1"}, False, False),
        (KILLED, {"B": "1"}, False, False),
        (KILLED, {"A": "1", "B": "1"}, True, False),
        (replace(KILLED, complete=True), {"A": "1"}, True, True),
        (replace(KILLED, complete=True), {"A": "1", "C": "1"}, True, False),
        (replace(KILLED, killers=()), {"A": "1"}, False, False),
        (SURVIVED, {"A": "1"}, False, True),
        (SURVIVED, {"A": "1", "B": "2"}, False, False),
        (SURVIVED, {"A": "1", "B": "1", "C": "1"}, False, False),
        (TIMED_OUT, {"A": "1"}, False, True),
        (TIMED_OUT, {"A": "1", "B": "1"}, False, False),
    ],
)
def test_a_verdict_holds_while_what_decided_it_is_unchanged(
    verdict: StoredVerdict, tests: dict[str, str], complete: bool, holds: bool
) -> None:
    assert verdict.holds(tests, complete=complete) is holds


def test_threads_share_a_store_that_stays_while_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    store = VerdictStore(path)
    result = TestedMutant(mutant(1, "F", "literal"), MutantStatus.SURVIVED)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: store.add(str(key), result, {}, complete=False), range(64)))
    store.add("slow", replace(result, status=MutantStatus.TIMED_OUT, lasting=False), {}, complete=False)
    store.close()
    os.utime(path, (0, 0))
    again = VerdictStore(path)
    assert all(again.find(str(key), {}, complete=False) for key in range(64))
    assert again.find("slow", {}, complete=False) is None, "the machine may have been busy"
    remove_old([tmp_path])
    assert path.exists()


def test_a_schedule_starts_nothing_after_its_deadline_and_raises_what_a_task_raises() -> None:
    ran: list[int] = []
    deadline = time.monotonic() + 0.5
    schedule = Schedule([object()], deadline)  # type: ignore[list-item]

    def last(worker: object) -> None:
        ran.append(1)
        while time.monotonic() < deadline:
            time.sleep(0.01)

    schedule.add((2,), lambda worker: ran.append(2))
    schedule.add((1,), last)
    schedule.run()
    assert 2 not in ran

    def fail(worker: object) -> None:
        schedule.add((0,), lambda worker: ran.append(3))
        raise ValueError("a bug")

    schedule = Schedule([object()], float("inf"))  # type: ignore[list-item]
    schedule.add((0,), fail)
    with pytest.raises(ValueError, match="a bug"):
        schedule.run()
    assert 3 not in ran
    schedule = Schedule([object(), object()], float("inf"))  # type: ignore[list-item]
    schedule.add((1,), lambda worker: schedule.add((0,), lambda worker: ran.append(4)))
    schedule.run()
    assert 4 in ran


def test_a_score_without_all_mutants_is_an_estimate() -> None:
    def score(*statuses: MutantStatus | None) -> float | None:
        return score_of([TestedMutant(mutant(1, "F", "literal"), status) for status in statuses])

    killed, survived, missed = MutantStatus.KILLED, MutantStatus.SURVIVED, MutantStatus.NO_COVERAGE
    assert score(killed, survived, MutantStatus.TIMED_OUT, missed) == 0.25
    assert score(killed, survived, None, None, missed, missed, missed, missed) == 0.25
    assert score(missed) == 0
    assert score(missed, None) is None
    assert score() is None


def test_a_gate_fails_for_what_was_not_tested() -> None:
    def missed(*statuses: MutantStatus | None, problem: str = "", skipped: int = 0, new: int = 0) -> int:
        reason = "the sandbox ended"
        mutants = [TestedMutant(mutant(1, "F", "literal"), status, reason=reason) for status in statuses]
        files = [MutatedFile("a.go", "m/a", b"", tuple(mutants), problem=problem)]
        found = tuple(failures([], files))
        result = MutateResult("", (), tuple(files), failures=found, skipped=skipped)
        assert missed_gates(result, None, None) == []
        return len(missed_gates(result, 50, new))

    assert missed() == missed(problem=CGO) == missed(MutantStatus.KILLED) == 0, (
        "nothing is in scope, or all is well"
    )
    assert missed(MutantStatus.SURVIVED) == missed(skipped=1) == missed(MutantStatus.KILLED, new=1) == 1
    assert missed(problem="compile-error") == missed(MutantStatus.KILLED, None) == 1
    assert missed(None) == 2
