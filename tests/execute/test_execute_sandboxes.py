"""What the sandboxes have in common: the same records of the same candidates; and an ordinary container,
where only one of them works."""

import ctypes
import os
import re
import shutil
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sandboxes import DATA, SANDBOXES, sandbox_called, slow

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.build import compile_test
from goutbench.execute.ladder.climb import climb
from goutbench.execute.machine import Machine
from goutbench.execute.sandbox.choose import strongest
from goutbench.execute.sandbox.command import COMPILER, PATH, Command, CommandRun, Limits, PrivateCopy
from goutbench.execute.sandbox.landlock import Landlock
from goutbench.execute.sandbox.supervise import worker_user_id
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.records import Execution, Status

ORDINARY_USER = 65_533
HOSTILE = DATA / "hostile"
TESTS = {
    "reference": (DATA / "calc" / "calc_test.go").read_text(),
    "server": (HOSTILE / "local_network.go.txt").read_text(),
    "panic": "package calc\n\nimport \"testing\"\n\nfunc TestAdd(t *testing.T) {\n\tpanic(Add(1, 2))\n}\n",
    "fails": "package calc\n\nimport \"testing\"\n\nfunc TestAdd(t *testing.T) {\n\tif Add(1, 2) != 4 {\n"
    "\t\tt.Error(Add(1, 2))\n\t}\n}\n",
    "exits": (HOSTILE / "exit_zero_by_system_call.go.txt").read_text(),
}  # fmt: skip


def comparable(record: Execution) -> Execution:
    """A record without what differs between two executions in one sandbox."""
    mutation = record.mutation and replace(record.mutation, seconds=0.0)
    evidence = re.sub(r"0x[0-9a-f]+|\d+\.\d+s|goroutine \d+", "", record.evidence)
    times = {"gate_seconds": 0.0, "build_seconds": 0.0, "run_seconds": 0.0}
    return replace(record, id="", sandbox="", evidence=evidence, mutation=mutation, **times)


@pytest.mark.parametrize("name", TESTS)
def test_a_candidate_has_the_same_record_in_every_sandbox(
    name: str, worker: Worker, package: PackageUnderTest, machine: Machine
) -> None:
    """With mutants; `benchmarks/bench_sandboxes.py` compares more."""
    worker = slow(replace(worker, options=replace(worker.options, mutants=10)))
    records = {}
    for sandbox in SANDBOXES:
        own = replace(worker, sandbox=sandbox_called(sandbox, machine))
        records[sandbox] = climb(own, package, text_candidate("calc", "model", TESTS[name]))
        assert records[sandbox].sandbox.partition("@")[0] == sandbox
    expected = comparable(records["bubblewrap"])
    assert expected.status is not Status.INFRA_FAILURE
    for sandbox in SANDBOXES:
        assert comparable(records[sandbox]) == expected, sandbox


def test_copies_for_many_runs_use_up_no_time_of_the_runs(machine: Machine) -> None:
    """Without namespaces the init process copies the sources before each run, here for more than a second."""
    folder = machine.workspace.scratch_folder("run")
    for number in range(1500):
        (folder / f"{number}.txt").touch()
    command = Command(
        ("/bin/sh", "-c", "ulimit -t"), folder, {"PATH": PATH}, limits=Limits(cpu=1),
        copy=PrivateCopy(folder, overlay=False), runs=(CommandRun(wall=60.0),) * 8,
    )  # fmt: skip
    reports = sandbox_called("landlock", machine).run(command).reports
    shutil.rmtree(folder)
    assert [report.tail for report in reports] == ["1\n"] * 8


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_what_one_process_runs_is_not_counted_for_another(machine: Machine) -> None:
    """The kernel counts the processes of a user, and two campaigns on one machine are two processes."""
    code = "from goutbench.execute.sandbox.supervise import worker_user_id as user; print(user(0), user(-1))"
    theirs, compiler = map(int, subprocess.check_output([sys.executable, "-c", code]).split())
    assert compiler == worker_user_id(COMPILER)  # it owns the build cache
    tasks = Command(("/bin/true",), Path("/tmp"), {"PATH": PATH}).limits.processes
    sleepers = [subprocess.Popen(["sleep", "600"], user=theirs) for _ in range(tasks)]
    try:
        sandbox_called("unshare", machine)
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()


@pytest.fixture
def compile_case(worker: Worker, package: PackageUnderTest) -> Iterator[Callable[[str], Path]]:
    """Compiles a hostile candidate to a binary that belongs to an ordinary user."""
    folder = worker.workspace.scratch_folder("run")

    def build(name: str) -> Path:
        code = (HOSTILE / f"{name}.go.txt").read_bytes()
        binary = compile_test(slow(worker), package, {package.test: code}, folder).binary
        assert binary is not None
        for path in (binary, binary.parent):
            os.chown(path, ORDINARY_USER, ORDINARY_USER)
        return binary

    yield build
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("name", ["same_user", "network", "signals", "local_network", "left_behind"])
def test_an_ordinary_user_without_namespaces_has_a_sandbox(
    name: str, compile_case: Callable[[str], Path], machine: Machine
) -> None:
    """As in a container: no capabilities, no new privileges, and a filter that refuses namespaces."""
    binary, init = compile_case(name), machine.sandbox.init  # type: ignore[attr-defined]

    def attack() -> None:
        sandbox, problems = strongest(init)
        assert sandbox is not None, problems
        assert (sandbox.name, set(problems)) == ("landlock", {"bubblewrap", "unshare"})
        env = {"PATH": PATH, "TMPDIR": "/tmp", "HOME": "/tmp/home", "GOROOT": str(machine.toolchain.goroot)}
        command = Command(
            (str(binary), "-test.v"), binary.parent, env, readable=(binary.parent, machine.toolchain.goroot),
            mounts=((Path("/etc/hosts"),) * 2,),
            copy=PrivateCopy(binary.parent, overlay=False), runs=(CommandRun(wall=60.0),) * 2,
        )  # fmt: skip
        outcome = sandbox.run(command)
        assert [report.exit_code for report in outcome.reports] == [0, 0], outcome

    assert in_container(attack) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_landlock_works_for_an_ordinary_user_who_may_gain_privileges(machine: Machine) -> None:
    """As in a container without `--security-opt no-new-privileges`."""
    init = machine.sandbox.init  # type: ignore[attr-defined]

    def check() -> None:
        assert Landlock(init).why_unavailable() == ""

    assert as_ordinary_user(check) == 0


def in_container(action: Callable[[], None]) -> int:
    """The exit status of a child that becomes an ordinary user without namespaces, and does something."""

    def confined() -> None:
        refuse_namespaces()
        action()

    return as_ordinary_user(confined)


def as_ordinary_user(action: Callable[[], None]) -> int:
    """The exit status of a child that becomes an ordinary user, and does something."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(*[ORDINARY_USER] * 3)
            os.setresuid(*[ORDINARY_USER] * 3)
            action()
            os._exit(0)
        except BaseException:
            traceback.print_exc(file=sys.stderr)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def refuse_namespaces() -> None:
    """Install a filter that refuses `unshare` and `clone3`, and `clone` with a new user namespace."""
    unshare, clone, clone3 = (272, 56, 435) if os.uname().machine == "x86_64" else (97, 220, 435)
    load, equal, any_bit, end = 0x20, 0x15, 0x45, 0x06
    code = [
        (load, 0, 0, 0), (equal, 5, 0, unshare), (equal, 5, 0, clone3), (equal, 0, 2, clone),
        (load, 0, 0, 16), (any_bit, 1, 0, 0x10000000),
        (end, 0, 0, 0x7FFF0000),
        (end, 0, 0, 0x00050001),
        (end, 0, 0, 0x00050026),  # ENOSYS: programs then call clone
    ]  # fmt: skip
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code), ctypes.addressof(instructions)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0, os.strerror(ctypes.get_errno())
    assert libc.unshare(0x10000000) == -1
