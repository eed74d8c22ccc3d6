"""The hostile suite: one candidate for each attack, compiled once and run in each sandbox.

A case of tests/data/execute/hostile says in its head which statuses (and which reason) it must get.
PASSED means that every attack in it failed, seen from inside; what the host must look like afterwards is
checked here. What names something of the machine in a case, such as a port, gets a name of this process.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hostile_suite import CASES, HostileCase, read_case
from sandboxes import IMAGES, SANDBOXES, sandbox_called

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder import climb as ladder
from goutbench.execute.ladder import runs
from goutbench.execute.ladder.climb import climb
from goutbench.execute.ladder.runs import CompiledTest, RunResult, run_tests
from goutbench.execute.machine import Machine
from goutbench.execute.sandbox.command import MIB, Limits
from goutbench.execute.sandbox.landlock import Landlock
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest

OWN = f"goutbench-hostile-{os.getpid()}"
PORT = 10_000 + 2 * (os.getpid() % 10_000)
SLEEP = f"9{os.getpid():07}"
NAMES = {"goutbench-hostile": OWN, "47113": str(PORT), "47114": str(PORT + 1), "987654": SLEEP}
SECRET = Path("/var/tmp", f"{OWN}-secret")
SOCKETS = [f"\0{OWN}", f"/var/tmp/{OWN}.socket"]
DATAGRAMS = [f"\0{OWN}-datagrams", f"/var/tmp/{OWN}.datagrams"]
FOR_THE_HOST = b"for the host"
ROOM = 64 * MIB
"""What a run may write here: it takes long to fill as much as there is by default."""


@pytest.fixture(autouse=True)
def bait(monkeypatch: pytest.MonkeyPatch, package: PackageUnderTest) -> Iterator[None]:
    """What an attacker would look for: a secret in the environment, one in a file, services of the host.

    None of them gets anything, but what the host sends to itself.
    """
    monkeypatch.setenv("API_TOKEN", "hunter2")
    with contextlib.ExitStack() as stack:
        SECRET.write_text("hunter2")
        stack.callback(SECRET.unlink)
        SECRET.chmod(0o666)
        listener, datagrams = (_internet(stack, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM))
        services = [datagrams]
        for name, kind in [(n, socket.SOCK_STREAM) for n in SOCKETS] + [
            (n, socket.SOCK_DGRAM) for n in DATAGRAMS
        ]:
            service = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
            service.bind(name)
            if name.startswith("/"):
                stack.callback(Path(name).unlink)
                Path(name).chmod(0o777)
            if kind == socket.SOCK_STREAM:
                service.listen()
            service.setblocking(False)
            services.append(service)
        ended = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            traffic = pool.submit(_use_services, listener, package.source_root / "go.mod", ended)
            yield
            ended.set()
            traffic.result()
        for service in services:
            assert _received(service) <= {FOR_THE_HOST}


def _internet(stack: contextlib.ExitStack, kind: int) -> socket.socket:
    """A service that shares its address, as far as the kernel allows."""
    service = stack.enter_context(socket.socket(socket.AF_INET, kind))
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        service.setsockopt(socket.SOL_SOCKET, option, 1)
    service.bind(("127.0.0.1", PORT))
    service.setblocking(False)
    if kind == socket.SOCK_STREAM:
        service.listen()
    return service


def _use_services(listener: socket.socket, locked: Path, ended: threading.Event) -> None:
    """Send to the services of the host, and lock a file of the sources, as builds do."""
    address = listener.getsockname()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, locked.open() as file:
        while not ended.wait(0.1):
            sender.sendto(FOR_THE_HOST, address)
            with socket.create_connection(address), contextlib.suppress(BlockingIOError):
                listener.accept()[0].close()
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(file, fcntl.LOCK_UN)


def _received(service: socket.socket) -> set[bytes]:
    received = set()
    with contextlib.suppress(BlockingIOError):
        if service.type == socket.SOCK_STREAM:
            service.accept()[0].close()
            return {b"a connection"}
        while True:
            received.add(service.recv(100))
    return received


def states(folder: Path) -> dict[Path, tuple[int, int]]:
    """When each file and folder was last changed, in any way: nobody can set that time."""
    found = ((path, path.lstat()) for path in folder.rglob("*"))
    return {path: (state.st_ino, state.st_ctime_ns) for path, state in found}


def survivors(workspace: Path) -> list[str]:
    """Command lines of running processes that our executions could have started."""
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if f"{workspace}/scratch/run-{os.getpid()}-" in line or SLEEP in line:
                lines.append(line)
    return lines


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files of our own, whose path is short: Landlock's runs are there."""
    folder = Path(tempfile.mkdtemp(prefix="h-", dir="/tmp"))
    folder.chmod(0o755)
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    yield folder
    tempfile.tempdir = before
    folder.rmdir()  # fails if a run has left something


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name.partition(".")[0])
def test_a_hostile_candidate_is_isolated_and_gets_its_status(
    path: Path, worker: Worker, package: PackageUnderTest, machine: Machine, temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    case = read_case(path, NAMES)
    attack(case, worker, SANDBOXES, package, machine, monkeypatch)


@pytest.mark.parametrize("newest", [3, 5])
@pytest.mark.parametrize(
    "name",
    [
        "signals",
        "signals_queued",
        "signals_by_descriptors",
        "joins_the_group",
        "network",
        "same_user",
        "left_behind",
    ],
)
def test_an_older_landlock_isolates_too(
    name: str, newest: int, worker: Worker, package: PackageUnderTest, machine: Machine, temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """What it lacks, signals and abstract sockets among it, is decided by the init process."""
    path = next(path for path in CASES if path.name == f"{name}.go.txt")
    sandbox = Landlock(machine.sandbox.init, newest=newest)  # type: ignore[attr-defined]
    monkeypatch.setattr("test_execute_hostile.sandbox_called", lambda name, machine: sandbox)
    attack(read_case(path, NAMES), worker, ["landlock"], package, machine, monkeypatch)


def test_a_kernel_without_enough_of_landlock_is_refused(machine: Machine) -> None:
    problem = Landlock(machine.sandbox.init, newest=2).why_unavailable()  # type: ignore[attr-defined]
    assert "version 2 of Landlock, and version 3 (Linux 6.2) is needed" in problem


def attack(
    case: HostileCase, worker: Worker, names: list[str], package: PackageUnderTest, machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Execute a hostile candidate in each sandbox that promises to resist it: check its status, and what it
    leaves behind."""
    before = state(machine)
    worker = replace(worker, options=replace(worker.options, **case.limits()))  # type: ignore[arg-type]
    first, *others = (name for name in names if case.statuses(name))
    elsewhere: dict[str, Future[RunResult]] = {}

    with ThreadPoolExecutor() as pool:

        def run_everywhere(test: CompiledTest, **options: Any) -> RunResult:
            for number, name in enumerate(others if not elsewhere else (), 1):
                elsewhere[name] = pool.submit(
                    run_elsewhere, test, sandbox_called(name, machine), number, options
                )
            result = run_tests(test, **options)
            for run in elsewhere.values():
                run.exception()  # the binary stays until all have ended
            return result

        found: dict[str, Any] = {}
        with monkeypatch.context() as patched:
            patched.setattr(ladder, "run_tests", run_everywhere)
            patched.setattr(runs, "Limits", partial(Limits, scratch=ROOM))
            found[first] = execute(case, worker, first, package, machine)
        for name in others:  # what never ran is compiled in each sandbox
            found[name] = (
                elsewhere[name].result() if elsewhere else execute(case, worker, name, package, machine)
            )

    for name, result in found.items():
        seen = f"{name}: {result.status} {result.reason}\n{result.evidence}"
        assert result.status in case.statuses(name), seen
        assert case.option("reason", name) in ("", result.reason), seen
    assert state(machine) == before
    assert SECRET.read_text() == "hunter2"
    assert survivors(machine.workspace.root) == []
    assert list(machine.workspace.scratch.glob(f"run-{os.getpid()}-*")) == []


def execute(case: HostileCase, worker: Worker, name: str, package: PackageUnderTest, machine: Machine) -> Any:
    own = replace(worker, sandbox=sandbox_called(name, machine))
    return climb(own, package, text_candidate("pair", "hostile", case.code))


def run_elsewhere(test: CompiledTest, sandbox: Any, number: int, options: dict[str, Any]) -> RunResult:
    """Run a test binary in another sandbox, as another worker: nobody else may limit its processes."""
    path = test.folder / sandbox.name / test.path.name
    path.parent.mkdir()
    shutil.copy(test.path, path)
    path.chmod(0o111 if sandbox.hides_memory else 0o755)
    worker = replace(test.worker, sandbox=sandbox, number=number)
    return run_tests(replace(test, worker=worker, path=path), **options)


def state(machine: Machine) -> object:
    """What no candidate may change: sources, modules, folders of the host, memory that outlives processes."""
    system_v = [Path("/proc/sysvipc", name).read_text().count(str(PORT)) for name in ("shm", "sem", "msg")]
    places = ("/var/tmp", "/usr/local", "/etc", "/", "/dev", "/dev/shm", "/opt", "/root")
    own = [path for place in places for path in Path(place).iterdir() if OWN in path.name]
    return states(machine.workspace.trees), states(machine.workspace.module_cache), system_v, own


def test_running_a_test_does_not_change_the_build_cache(
    worker: Worker, package: PackageUnderTest, machine: Machine
) -> None:
    """By content hash: an output's name is its content's hash, and no action names another after a run."""
    path = next(path for path in CASES if path.name.startswith("cache_poisoning"))
    code = read_case(path, NAMES).code
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
    name: str, machine: Machine, package: PackageUnderTest, tmp_path: Path, temporary: Path
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
        script = "setsid sleep {SLEEP} & sleep {SLEEP}"
        machine.sandbox.run(Command(("/bin/sh", "-c", script), Path("/tmp"), {{"PATH": "/usr/bin:/bin"}}))
        """)
    )
    parent = subprocess.Popen([sys.executable, str(script)], env=os.environ | {"TMPDIR": str(temporary)})
    try:
        wait_until(lambda: any(SLEEP in line for line in survivors(machine.workspace.root)))
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: survivors(machine.workspace.root) == [])
    for left in temporary.iterdir():  # nobody was there to remove it
        shutil.rmtree(left)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
