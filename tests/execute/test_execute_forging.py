"""Candidates that try to choose their score get what they honestly earn.

Each file of data/execute/forging says what that is: the statuses it may have, and the most statements and
mutants.
"""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.ladder.mutants.confirm import kills_to_confirm
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.toolchain.mutation import Mutant
from goutbench.records import REFERENCE, Execution, MutantStatus

CASES = sorted((Path(__file__).parents[1] / "data" / "execute" / "forging").glob("*.go.txt"))


def run(worker: Worker, package: PackageUnderTest, code: str, mode: str = "append") -> Execution:
    options = replace(worker.options, repeat=2, mutants=0, test_seconds=20)
    candidate = replace(text_candidate("pair", "forger", code), mode=mode)
    return climb(replace(worker, options=options), package, candidate)


def header(code: str, name: str) -> str:
    found = re.search(rf"^// {name}: (.*)$", code, re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name.partition(".")[0])
def test_nobody_scores_more_than_he_earns(case: Path, worker: Worker, package: PackageUnderTest) -> None:
    code = case.read_text()
    record = run(worker, package, code)
    assert record.status in header(code, "want").split(), record
    assert record.covered <= int(header(code, "covered")), record
    if record.mutation is not None:
        assert record.mutation.killed <= int(header(code, "killed")), record.mutation.results


AGAIN = """package calc

import (
	"os"
	"os/exec"
	"testing"
)

func TestAgain(t *testing.T) {
	if os.Getenv("AGAIN") != "" {
		Add(1, 2)
		os.Exit(0)
	}
	command := exec.Command(os.Args[0], "-test.run=^TestAgain$")
	command.Env = append(os.Environ(), "AGAIN=1")
	if err := command.Run(); err != nil {
		t.Fatal(err)
	}
}
"""


def test_what_other_processes_cover_counts_for_reference_tests_alone(
    worker: Worker, package: PackageUnderTest
) -> None:
    assert run(worker, package, AGAIN, REFERENCE).covered == 1
    record = run(worker, package, AGAIN)
    assert (record.status, record.covered) == ("PASSED", 0)
    assert record.mutation is not None  # the mutants there run all the same
    assert record.mutation.survived > 0


READS_ITSELF = """package calc

import (
	"os"
	"testing"
)

func TestItself(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadDir("/proc/self/fd"); err != nil {
		t.Fatal(err)
	}
}
"""


def test_a_reference_test_may_read_its_own_program(worker: Worker, package: PackageUnderTest) -> None:
    assert run(worker, package, READS_ITSELF, REFERENCE).status == "PASSED"
    assert run(worker, package, READS_ITSELF).status == "TESTS_FAILED"
    without = READS_ITSELF.replace("os.ReadFile(path)", "path, error(nil)")
    assert run(worker, package, without).status == "PASSED"


KILLS = """package calc

import (
	"os"
	"testing"
)

func TestAdd(t *testing.T) {
	os.Getpid()
	if Add(1, 2) != 3 {
		t.Fatal()
	}
}
"""


def test_a_kill_that_needs_the_switch_voids_the_score(
    worker: Worker, package: PackageUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = run(worker, package, KILLS).mutation
    assert honest is not None
    assert honest.killed > 0
    assert honest.reason == ""
    # a single mutant that is none: nobody can kill it
    monkeypatch.setattr("goutbench.execute.ladder.mutants.score.apply_mutant", lambda source, mutant: source)
    voided = run(worker, package, KILLS).mutation
    assert voided is not None
    assert (voided.reason, voided.killed, voided.score) == ("forged", 0, 0.0)
    assert {mutant.verdict for mutant in voided.mutants} == {MutantStatus.SURVIVED, MutantStatus.NO_COVERAGE}


def test_kills_are_confirmed_more_often_where_a_test_can_look_for_the_switch() -> None:
    mutants = [Mutant(n, "o", "f", 0, 1, 1, 1, 1, 2, "a", "b") for n in range(9)]
    assert [len(part) for part in kills_to_confirm(b'import "unsafe"', mutants)] == [2, 5]
    assert [len(part) for part in kills_to_confirm(b'import "unsafe"', mutants[:1])] == [1, 1]
    counts = [len(kills_to_confirm(f'import "testing" // {n}'.encode(), mutants)[0]) for n in range(400)]
    assert set(counts) == {0, 1}
    assert 20 < sum(counts) < 90
    assert kills_to_confirm(b"x", mutants) == kills_to_confirm(b"x", mutants)
