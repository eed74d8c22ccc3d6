"""The canary: nothing is executed on a machine that does not distinguish a good test from a bad one."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from goutbench.errors import ToolError
from goutbench.execute import canary, pool
from goutbench.execute.canary import canary_package, run_canary
from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.record import blank_record
from goutbench.execute.machine import Machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.pool import WorkerPool
from goutbench.execute.sandbox.no_sandbox import NoSandbox
from goutbench.execute.units import ExecutionJob
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.folders import Workspace
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.execute.workspace.remembered import RememberedPass, remembered_pass
from goutbench.records import Status


def test_a_machine_that_tells_a_good_test_from_a_bad_one_may_execute(
    machine: Machine, worker: Worker
) -> None:
    run_canary(worker, canary_package(machine.workspace, machine.toolchain))
    assert not list(machine.workspace.scratch.glob("run-*"))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (b"want int)", b"want string)", "a correct test does not type-check"),
        (b"got != want", b"got == want", "a correct test does not pass"),
        (b"Add(2, 3); got", b"2 + 3; got", "a correct test does not pass"),
        (b"got != want", b"false && got != want", "a wrong test does not fail"),
    ],
    ids=["types", "fails", "covers-nothing", "passes"],
)
def test_a_machine_that_does_not_may_not(
    machine: Machine,
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
    before: bytes,
    after: bytes,
    message: str,
) -> None:
    assert before in canary._TESTS
    monkeypatch.setattr(canary, "_TESTS", canary._TESTS.replace(before, after, 1))
    with pytest.raises(ToolError, match=message):
        run_canary(worker, canary_package(machine.workspace, machine.toolchain))


def test_a_pass_is_remembered_while_nothing_changes(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path)

    def remembered(*facts: str, go: Path = machine.toolchain.go) -> RememberedPass:
        toolchain = replace(machine.toolchain, go=go)
        return remembered_pass(workspace, machine.sandbox, toolchain, facts or ("a",))

    assert not remembered().holds()
    remembered().remember()
    assert remembered().holds()
    assert not remembered("b").holds()
    program = tmp_path / "go"
    program.write_text("1")
    remembered(go=program).remember()
    assert remembered(go=program).holds()
    state = program.stat()
    program.write_text("2")  # as large as before, and with the same time
    os.utime(program, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert not remembered(go=program).holds()
    monkeypatch.setenv("GOUTBENCH_ANYTHING", "1")
    assert not remembered().holds()
    monkeypatch.delenv("GOUTBENCH_ANYTHING")
    file = remembered().file
    assert file is not None
    for hours in (25, -1):  # too old, and of a clock that was set back
        moment = time.time() - hours * 3600
        os.utime(file, (moment, moment))
        assert not remembered().holds()
    remembered().remember()
    assert remembered().holds()
    remembered().forget()
    assert not remembered().holds()
    assert remembered_pass(workspace, NoSandbox(tmp_path), machine.toolchain, ()).file is None


def test_a_first_candidate_that_does_not_pass_makes_the_canary_run(
    machine: Machine, package: PackageUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = replace(machine, workspace=Workspace(tmp_path / "work"))
    monkeypatch.setattr(WorkerPool, "_load", lambda *_: None)
    runs: list[str] = []
    monkeypatch.setattr(pool, "run_canary", lambda *_: runs.append("canary"))
    candidate = text_candidate("calc", "m", "package calc\n")
    passing = replace(
        blank_record(candidate, package, "s", ExecuteOptions()), status=Status.PASSED, covered=1, statements=1
    )
    records = [passing]

    def started() -> WorkerPool:
        return WorkerPool(machine, ExecuteOptions(), 1, lambda *_: records.pop(0))

    (tmp_path / "work" / "trees").mkdir(parents=True)
    (tmp_path / "work" / "scratch").mkdir()
    job = ExecutionJob(0, package, candidate)
    assert not started().canary_passed
    started().check()
    assert runs == ["canary"]
    first = started()
    assert first.canary_passed
    first.execute(job)
    assert runs == ["canary"], "a pass with coverage confirms it"
    for bad in (
        replace(passing, status=Status.INFRA_FAILURE),
        replace(passing, status=Status.TESTS_FAILED),
        replace(passing, covered=0),
    ):
        del runs[:]
        records += [bad, bad]
        again = started()
        assert again.execute(job) is bad
        again.execute(job)
        assert runs == ["canary"]
    started().check()  # of workers in other processes, and of sessions
    assert runs == ["canary"] * 2

    def fails(*_: object) -> None:
        raise ToolError("the canary failed")

    monkeypatch.setattr(pool, "run_canary", fails)
    records += [bad, passing]
    refuted = started()
    for _ in range(2):  # what ends after it is no record either
        with pytest.raises(ToolError, match="the canary failed"):
            refuted.execute(job)
    assert not started().canary_passed, "it is forgotten"
