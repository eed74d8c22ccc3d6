"""The canary: nothing is executed on a machine that does not distinguish a good test from a bad one."""

import pytest

from goutbench.errors import ToolError
from goutbench.execute import canary
from goutbench.execute.canary import canary_package, run_canary
from goutbench.execute.machine import Machine
from goutbench.execute.worker import Worker


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
