"""The hostile suite: one candidate for each property that the sandbox guarantees, through the full ladder.

A case of tests/data/execute/hostile says in its head which statuses (and which reason) it must get.
PASSED means that every attack in it failed, seen from inside; what the host must look like afterwards is
checked here.
"""

import fcntl
import hashlib
import os
import re
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sandboxes import IMAGES, SANDBOXES, sandbox_called

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.machine import Machine
from goutbench.execute.sandbox.landlock import Landlock
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest

CASES = sorted((Path(__file__).parents[1] / "data" / "execute" / "hostile").glob("*.go.txt"))
SECRET = Path("/var/tmp/goutbench-hostile-secret")
SOCKET = Path("/var/tmp/goutbench-hostile.socket")
LIMITS: dict[str, dict[str, float]] = {
    "endless_loop": {"test_seconds": 1.0},
    "hang_before_the_timer": {"test_seconds": 1.0},
    "stack_overflow": {"memory_mib": 128},
    "disk_fill": {"test_seconds": 60.0},
    "empty_files": {"test_seconds": 60.0},
}
"""Lower limits for cases that always meet them, and more time for those that write much."""
LOCK = Path(f"/var/tmp/goutbench-hostile-{os.geteuid()}.lock")


@pytest.fixture(autouse=True)
def bait(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What an attacker would look for: a secret in the environment, one in a file, listeners of the host.

    None of them gets anything.
    """
    monkeypatch.setenv("API_TOKEN", "hunter2")
    with (
        LOCK.open("w") as lock,
        socket.socket() as listener,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX) as named,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)  # port, file and processes are the machine's
        SECRET.write_text("hunter2")
        SECRET.chmod(0o666)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 47113))
        listener.listen()
        abstract.bind("\0goutbench-hostile")
        abstract.listen()
        SOCKET.unlink(missing_ok=True)
        named.bind(str(SOCKET))
        named.listen()
        SOCKET.chmod(0o777)
        datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        datagrams.bind(("127.0.0.1", 47113))
        datagrams.setblocking(False)
        yield
        with pytest.raises(BlockingIOError):
            datagrams.recv(100)
        SOCKET.unlink()
        SECRET.unlink()


def contents(folder: Path) -> dict[Path, str]:
    """Every file by the hash of its content: a poisoned cache entry keeps its name, size and time."""
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def survivors(workspace: Path) -> list[str]:
    """Command lines of running processes that our executions could have started."""
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if f"{workspace}/scratch/run-{os.getpid()}-" in line or "987654" in line:
                lines.append(line)
    return lines


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name.partition(".")[0])
@pytest.mark.parametrize("name", SANDBOXES)
def test_a_hostile_candidate_is_isolated_and_gets_its_status(
    name: str, case: Path, worker: Worker, package: PackageUnderTest, machine: Machine
) -> None:
    if limitation := re.search(rf"^// not under {name}: (.*)$", case.read_text(), re.MULTILINE):
        pytest.skip(f"a limitation of {name}: {limitation[1]}")
    attack(case, replace(worker, sandbox=sandbox_called(name, machine)), package, machine)


@pytest.mark.parametrize("newest", [3, 5])
@pytest.mark.parametrize("name", ["signals", "network", "same_user", "left_behind"])
def test_an_older_landlock_isolates_too(
    name: str, newest: int, worker: Worker, package: PackageUnderTest, machine: Machine
) -> None:
    """What it lacks, signals and abstract sockets among it, is decided by the init process."""
    case = next(case for case in CASES if case.name.startswith(name))
    sandbox = Landlock(machine.sandbox.init, newest=newest)  # type: ignore[attr-defined]
    attack(case, replace(worker, sandbox=sandbox), package, machine)


def test_a_kernel_without_enough_of_landlock_is_refused(machine: Machine) -> None:
    problem = Landlock(machine.sandbox.init, newest=2).why_unavailable()  # type: ignore[attr-defined]
    assert "version 2 of Landlock, and version 3 (Linux 6.2) is needed" in problem


def attack(case: Path, worker: Worker, package: PackageUnderTest, machine: Machine) -> None:
    """Execute a hostile candidate, and check its status and what it leaves behind."""
    code = case.read_text()
    name = worker.sandbox.name.partition("@")[0]
    own = re.search(rf"^// want under {name}: (.*)$", code, re.MULTILINE)
    expected = own or re.search(r"^// want: (.*)$", code, re.MULTILINE)
    reason = re.search(r"^// reason: (.*)$", code, re.MULTILINE)
    assert expected is not None
    trees = contents(machine.workspace.trees)
    temporary = set(Path("/var/tmp").iterdir())
    limits = LIMITS.get(case.name.partition(".")[0], {})
    worker = replace(worker, options=replace(worker.options, **limits))  # type: ignore[arg-type]

    record = climb(worker, package, text_candidate("pair", "hostile", code))

    assert record.status in expected[1].split(), record
    if reason:
        assert record.reason == reason[1], record
    assert contents(machine.workspace.trees) == trees
    assert SECRET.read_text() == "hunter2"
    assert [path for path in set(Path("/var/tmp").iterdir()) - temporary if "hostile" in path.name] == []
    assert survivors(machine.workspace.root) == []
    assert list(machine.workspace.scratch.glob(f"run-{os.getpid()}-*")) == []


def test_running_a_test_does_not_change_the_build_cache(
    worker: Worker, package: PackageUnderTest, machine: Machine
) -> None:
    """By content hash: an output's name is its content's hash, and no action names another after a run."""
    code = next(case for case in CASES if case.name.startswith("cache_poisoning")).read_text()
    climb(worker, package, text_candidate("pair", "hostile", code))
    before = actions(machine.workspace.build_cache)
    climb(worker, package, text_candidate("pair", "hostile", code))
    after = actions(machine.workspace.build_cache)
    assert {path: after[path] for path in before} == before
    # a build of another process may still be writing its outputs
    wait_until(lambda: changed_outputs(machine.workspace.build_cache) == [])


def changed_outputs(cache: Path) -> list[Path]:
    """The outputs that do not have the hash that is their name."""
    outputs = cache.glob("??/*-d")
    return [path for path in outputs if hashlib.sha256(path.read_bytes()).hexdigest() != path.name[:-2]]


def actions(cache: Path) -> dict[Path, bytes]:
    """Each action's output and size; the time at the line's end may change."""
    return {path: path.read_bytes().rpartition(b" ")[0].rstrip() for path in cache.glob("??/*-a")}


@pytest.mark.parametrize("name", SANDBOXES)
def test_nothing_survives_when_the_parent_is_killed(
    name: str, machine: Machine, package: PackageUnderTest, tmp_path: Path
) -> None:
    """After `kill -9` of goutbench itself the sandbox dies with it."""
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(f"""
        from pathlib import Path
        from goutbench.execute.machine import open_machine
        from goutbench.execute.sandbox.command import Command, Outcome
        work, image = Path({str(machine.workspace.root)!r}), {IMAGES.get(name, "")!r}
        machine = open_machine(work=work, sandbox={name!r}, image=image)
        script = "setsid sleep 987654 & sleep 987654"
        machine.sandbox.run(Command(("/bin/sh", "-c", script), Path("/tmp"), {{"PATH": "/usr/bin:/bin"}}))
        """)
    )
    parent = subprocess.Popen([sys.executable, str(script)])
    try:
        wait_until(lambda: any("987654" in line for line in survivors(machine.workspace.root)))
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: survivors(machine.workspace.root) == [])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
