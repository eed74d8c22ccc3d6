"""The hostile suite: one candidate for each property that the sandbox claims, run through the whole ladder.

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

from goutbench.execute.evaluate import Site
from goutbench.execute.inputs import candidate
from goutbench.execute.ladder.climb import execute
from goutbench.execute.sandbox.unshare import Unshare, why_not_unshare
from goutbench.execute.worker import Bench
from goutbench.execute.workspace.subject import Subject

CASES = sorted((Path(__file__).parents[1] / "data" / "execute" / "hostile").glob("*.go.txt"))
SECRET = Path("/var/tmp/goutbench-hostile-secret")
LOCK = Path(f"/var/tmp/goutbench-hostile-{os.geteuid()}.lock")


@pytest.fixture(autouse=True)
def bait(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What an attacker would look for: a secret in the environment, one in a file, listeners of the host."""
    monkeypatch.setenv("API_TOKEN", "hunter2")
    with LOCK.open("w") as lock, socket.socket() as listener, socket.socket(socket.AF_UNIX) as abstract:
        fcntl.flock(lock, fcntl.LOCK_EX)  # port, file and processes are the machine's
        SECRET.write_text("hunter2")
        SECRET.chmod(0o666)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 47113))
        listener.listen()
        abstract.bind("\0goutbench-hostile")
        abstract.listen()
        yield
        SECRET.unlink()


def contents(folder: Path) -> dict[Path, str]:
    """Every file by the hash of its content: a poisoned cache entry keeps its name, size and time."""
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def survivors(place: Path) -> list[str]:
    """Command lines of living processes that our executions could have started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if f"{place}/scratch/run-{os.getpid()}-" in line or "987654" in line:
                found.append(line)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name.partition(".")[0])
def test_hostile_candidate_is_contained_and_classified(
    case: Path, bench: Bench, subject: Subject, site: Site
) -> None:
    attack(case, bench, subject, site)


@pytest.mark.skipif(os.geteuid() != 0, reason="the step down needs root")
@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name.partition(".")[0])
def test_the_step_down_contains_it_as_well(case: Path, bench: Bench, subject: Subject, site: Site) -> None:
    if case.name.startswith("namespaces"):
        pytest.skip("what the step down lacks: commands can make further user namespaces")
    keeper = site.sandbox.keeper  # type: ignore[attr-defined]
    assert why_not_unshare(keeper) == ""
    attack(case, replace(bench, sandbox=Unshare(keeper)), subject, site)


def attack(case: Path, bench: Bench, subject: Subject, site: Site) -> None:
    """Run a hostile candidate, and look at what it came to and at what it left behind."""
    code = case.read_text()
    wanted = re.search(r"^// want: (.*)$", code, re.MULTILINE)
    reason = re.search(r"^// reason: (.*)$", code, re.MULTILINE)
    assert wanted is not None
    trees = contents(site.place.trees)
    temporary = set(Path("/var/tmp").iterdir())

    record = execute(bench, subject, candidate("pair", "hostile", code))

    assert record.status in wanted[1].split(), record
    if reason:
        assert record.reason == reason[1], record
    assert contents(site.place.trees) == trees
    assert SECRET.read_text() == "hunter2"
    assert [path for path in set(Path("/var/tmp").iterdir()) - temporary if "hostile" in path.name] == []
    assert survivors(site.place.root) == []
    assert list(site.place.scratch.glob(f"run-{os.getpid()}-*")) == []


def test_the_build_cache_is_what_compiling_made_it(bench: Bench, subject: Subject, site: Site) -> None:
    """By content hash: an output's name is its content's hash, and no action names another after a run."""
    code = next(case for case in CASES if case.name.startswith("cache_poisoning")).read_text()
    execute(bench, subject, candidate("pair", "hostile", code))
    before = actions(site.place.build_cache)
    execute(bench, subject, candidate("pair", "hostile", code))
    after = actions(site.place.build_cache)
    assert {path: after[path] for path in before} == before
    for path in site.place.build_cache.glob("??/*-d"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name[:-2]


def actions(cache: Path) -> dict[Path, bytes]:
    """Each action's output and size; the time at the line's end may change."""
    return {path: path.read_bytes().rpartition(b" ")[0].rstrip() for path in cache.glob("??/*-a")}


def test_nothing_survives_a_killed_parent(site: Site, subject: Subject, tmp_path: Path) -> None:
    """After `kill -9` of goutbench itself the sandbox dies with it."""
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(f"""
        from pathlib import Path
        from goutbench.execute.evaluate import open_site
        from goutbench.execute.sandbox.command import Command
        site = open_site(work=Path({str(site.place.root)!r}))
        site.sandbox.run(Command(("/bin/sleep", "987654"), Path("/tmp"), {{"PATH": "/usr/bin:/bin"}}))
        """)
    )
    parent = subprocess.Popen([sys.executable, str(script)])
    try:
        wait_until(lambda: any("987654" in line for line in survivors(site.place.root)))
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: survivors(site.place.root) == [])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
