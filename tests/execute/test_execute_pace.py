"""Progress from the start, sensible estimates, and failures that are executed again alone."""

import shutil
from pathlib import Path

import pytest

from goutbench.execute import ExecuteOptions, evaluate
from goutbench.execute.inputs import PairLocation, text_candidate
from goutbench.execute.journal import open_journal
from goutbench.execute.machine import Machine
from goutbench.execute.progress import Pace, Progress, duration, show_progress
from goutbench.records import Candidate, Execution, Status

ONE = "package %s\n\nfunc One() int { return 1 }\n"
READS = """package a

import (
	"os"
	"testing"
)

func TestOne(t *testing.T) {
	if _, err := os.Stat("quiet"); err != nil || One() != 1 {
		t.Fatal("the machine is busy")
	}
}
"""
PASSES = """package %s

import "testing"

func TestOne(t *testing.T) {
	if One() != 1 {
		t.Fatal()
	}
}
"""


class Recorder(Progress):
    """Remembers steps and records; `quiet` is a file that appears after the first record of each run."""

    def __init__(self, quiet: Path | None = None) -> None:
        super().__init__()
        self.events: list[str] = []
        self.quiet = quiet

    def step(self, text: str) -> None:
        self.events.append(text)

    def add(self, record: Execution, *, executed: bool = True, replaces: Execution | None = None) -> None:
        super().add(record, executed=executed, replaces=replaces)
        self.events.append(f"{record.pair_id} {record.status}")
        if self.quiet is not None and executed:
            self.quiet.touch()


@pytest.fixture
def repositories(machine: Machine) -> Path:
    folder = machine.workspace.trees / "pace-source"
    shutil.rmtree(folder, ignore_errors=True)
    module = folder / "example" / "m"
    for name in "abcd":
        (module / name).mkdir(parents=True)
        (module / name / "x.go").write_text(ONE % name)
    (module / "go.mod").write_text("module example.test/m\n\ngo 1.22\n")
    return folder


PAIRS = {name: PairLocation(name, "example/m", "1", f"{name}/x.go", f"{name}/x_test.go") for name in "abcd"}
OPTIONS = ExecuteOptions(repeat=1, test_seconds=30)


def references(*names: str) -> list[Candidate]:
    texts = {name: READS if name == "a" else PASSES % name for name in names}
    return [text_candidate(name, "reference", text, mode="reference") for name, text in texts.items()]


def run(
    machine: Machine, repositories: Path, candidates: list[Candidate], progress: Progress, *,
    out: Path | None = None, alone: bool = True, workers: int = 2,
) -> list[Execution]:  # fmt: skip
    return evaluate(
        candidates, PAIRS, repositories=repositories, out=out, options=OPTIONS, workers=workers,
        work=machine.workspace.root, retry_alone=alone, progress=progress,
    )  # fmt: skip


def test_a_failing_reference_is_executed_again_alone_and_only_once(
    machine: Machine, repositories: Path, tmp_path: Path
) -> None:
    quiet = repositories / "example" / "m" / "a" / "quiet"
    progress = Recorder(quiet)
    records = run(machine, repositories, references("a", "b"), progress, out=tmp_path)
    assert [(record.status, record.attempts) for record in records] == [
        (Status.PASSED, 2),
        (Status.PASSED, 1),
    ]
    assert records[0].evidence.startswith("passed alone; beside other executions: TESTS_FAILED, assertion\n")
    assert "executing failed tests once more, alone: 1 of 1" in progress.events
    assert progress.events[-1] == "a PASSED"
    assert len(progress.records) == 2
    assert open_journal(tmp_path).find(records[0].id) == records[0]
    again = Recorder()
    assert run(machine, repositories, references("a", "b"), again, out=tmp_path) == records
    assert not [event for event in again.events if event.startswith(("loading", "executing"))]


def test_a_resumed_run_executes_failures_alone_that_were_not_yet(
    machine: Machine, repositories: Path, tmp_path: Path
) -> None:
    first = run(machine, repositories, references("a"), Recorder(), out=tmp_path, alone=False)
    assert [(record.status, record.attempts) for record in first] == [(Status.TESTS_FAILED, 1)]
    for _ in range(2):
        progress = Recorder()
        second = run(machine, repositories, references("a"), progress, out=tmp_path)
        assert [(record.status, record.attempts) for record in second] == [(Status.TESTS_FAILED, 2)]
    assert "a PASSED" not in progress.events
    assert not [event for event in progress.events if event.startswith(("loading", "executing"))]


def test_steps_precede_the_first_record_and_packages_are_loaded_in_growing_batches(
    machine: Machine, repositories: Path
) -> None:
    shutil.rmtree(machine.workspace.root / "canary", ignore_errors=True)
    progress = Recorder()
    run(machine, repositories, references("b", "c", "d"), progress, alone=False, workers=1)
    # records arrive while the next job begins
    steps = [event for event in progress.events if not event.endswith(" PASSED")]
    assert steps == [
        "checking Go and the sandbox",
        *["reading example/m"] * 3,
        "loading canary, and compiling what it imports",
        "executing",
        "loading example/m/b, and compiling what it imports",
        "executing",
        "loading example/m/c and 1 more, and compiling what it imports",
        "executing",
    ]
    assert [event for event in progress.events if event not in steps] == ["b PASSED", "c PASSED", "d PASSED"]
    assert progress.events.index("b PASSED") > progress.events.index(
        "loading example/m/b, and compiling what it imports"
    )


def test_an_estimate_waits_for_durations_and_ignores_a_slow_start() -> None:
    pace = Pace(workers=2)
    for end in (0.0, 300.0, 300.5):
        pace.add(end)
        assert pace.interval() is None
    for number in range(30):
        pace.add(301.0 + number)
    assert pace.interval() == 1.0
    assert Pace(workers=4).interval() is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (89, "89 s"), (400, "7 min"), (83_863, "23.3 h")]
)
def test_durations_have_a_unit_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_log_has_a_line_for_each_step_and_for_the_first_and_last_record(
    capsys: pytest.CaptureFixture[str], machine: Machine, repositories: Path
) -> None:
    with show_progress() as progress:
        progress.expect(2, 1)
        progress.step("reading")
        progress.step("reading")
        for record in run(machine, repositories, references("b", "c"), Progress(), alone=False):
            progress.add(record)
            progress.step("loading")
    assert capsys.readouterr().err.splitlines() == ["reading", "[1/2] 1 passed", "[2/2] 2 passed"]
