"""Fixtures of the execution tests: a real sandbox, a real workspace, a small Go module."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sandboxes import DATA, slow

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.machine import Machine, open_machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, Tree


@pytest.fixture(scope="session")
def work_folder() -> Path:
    """Outside pytest's private folders, since the sandbox's users must reach it; it stays for its build
    cache.

    Every worker of pytest-xdist has its own, because tests check what is left in it. They share one build
    cache.
    """
    base = Path(os.environ.get("GOUTBENCH_TEST_CACHE") or f"/var/tmp/goutbench-tests-{os.geteuid()}")
    folder = base / os.environ.get("PYTEST_XDIST_WORKER", "single")
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    cache = base / "build-cache"
    cache.mkdir(mode=0o755, exist_ok=True)
    if not (folder / "build-cache").is_symlink():
        shutil.rmtree(folder / "build-cache", ignore_errors=True)
        (folder / "build-cache").symlink_to(cache)
    return folder


@pytest.fixture(scope="session")
def machine(work_folder: Path) -> Machine:
    """Fails, and does not skip, where bubblewrap does not work: these tests are about isolation.

    No pass of the canary is remembered from an earlier session.
    """
    shutil.rmtree(work_folder / "canary", ignore_errors=True)
    return open_machine(work=work_folder)


@pytest.fixture(scope="session")
def package(machine: Machine) -> PackageUnderTest:
    """The module of tests/data/execute/calc, as a plain tree."""
    root = machine.workspace.trees / "calc"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(DATA / "calc", root)
    root = root.resolve()
    return PackageUnderTest(
        Tree("example/calc", "1", root), root, "calc.go", "calc_test.go", machine.toolchain
    )


@pytest.fixture(scope="session")
def worker(machine: Machine, package: PackageUnderTest) -> Iterator[Worker]:
    """One run, short limits; tests vary the options with dataclasses.replace.

    It has compiled the standard library: with a cold cache, only one process of pytest-xdist does that.
    """
    options = ExecuteOptions(repeat=1, test_seconds=8.0, memory_mib=512, build_seconds=60.0)
    with closing(Worker(machine.workspace, machine.sandbox, options, 0, b"salt")) as worker:
        with (machine.workspace.root.parent / "build-cache.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            reference = (DATA / "calc" / "calc_test.go").read_text()
            climb(slow(worker), package, text_candidate("calc", "reference", reference))
        yield worker
