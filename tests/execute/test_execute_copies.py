"""Tests that write to their repository: every run has its own copy, and the repository stays as it is."""

import os
import shutil
import signal
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sandboxes import DATA, SANDBOXES, sandbox_called, slow

from goutbench.execute.doctor import examine
from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.machine import Machine
from goutbench.execute.sandbox.command import PATH, Command, CommandRun, Limits, Outcome, PrivateCopy, Sandbox
from goutbench.execute.sandbox.copies import private_copy, why_no_overlay
from goutbench.execute.sandbox.no_sandbox import NoSandbox
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, Tree
from goutbench.records import Status


@pytest.fixture
def tree(machine: Machine) -> Iterator[Path]:
    """The module of tests/data/execute/writes; it must be the same afterwards."""
    root = machine.workspace.trees / "writes"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(DATA / "writes", root)
    before = state(root)
    yield root.resolve()
    assert state(root) == before


def state(root: Path) -> dict[Path, tuple[object, ...]]:
    """Content, mode, owner and times of everything in a folder."""
    found: dict[Path, tuple[object, ...]] = {}
    for path in [root, *root.rglob("*")]:
        info = path.lstat()
        data = path.read_bytes() if stat.S_ISREG(info.st_mode) else b""
        found[path] = (data, info.st_mode, info.st_uid, info.st_nlink, info.st_mtime_ns, info.st_ctime_ns)
    return found


def shell(
    sandbox: Sandbox,
    tree: Path,
    script: str,
    *,
    overlay: bool,
    runs: int = 0,
    core: str = "",
    scratch: int = 8,
) -> Outcome:
    """Run a script in the tree's package, with a private copy of the tree; `scratch` in MiB."""
    return sandbox.run(
        Command(
            ("/bin/sh", "-c", script), tree / "pkg",
            {"PATH": PATH, "PWD": str(tree / "pkg"), "TMPDIR": "/tmp", "HOME": "/tmp/home"},
            readable=(tree,),
            copy=PrivateCopy(tree, overlay=overlay, core=core), limits=Limits(scratch=scratch << 20),
            runs=(CommandRun(),) * runs,
        )
    )  # fmt: skip


@pytest.mark.parametrize("name", SANDBOXES)
def test_a_test_may_write_to_its_repository(name: str, machine: Machine, worker: Worker, tree: Path) -> None:
    """As an ordinary user's `go test`, in all runs, also those of the mutants."""
    package = PackageUnderTest(
        Tree("example/writes", "1", tree), tree / "pkg", "put.go", "put_test.go", machine.toolchain
    )
    test = (tree / "pkg" / "put_test.go").read_text()
    worker = slow(replace(worker, sandbox=sandbox_called(name, machine)))
    worker = replace(worker, options=replace(worker.options, repeat=3, mutants=0))

    record = climb(worker, package, text_candidate("writes", "reference", test))

    assert (record.status, record.reason, record.evidence) == (Status.PASSED, "", "")
    assert (record.covered, record.statements, record.repeats) == (1, 1, 3)
    assert record.mutation is not None
    assert record.mutation.reason == ""
    assert record.mutation.killed > 0, record.mutation


LEAVE = """
shm=; touch /dev/shm/probe 2>/dev/null && rm /dev/shm/probe && shm=/dev/shm
for folder in . .. testdata $TMPDIR $HOME $shm; do
  [ ! -e $folder/left ] && [ ! -e $folder/.hidden ] || { echo "$folder: $(ls -a $folder)"; exit 1; }
  mkdir $folder/left $folder/left/closed && : > $folder/left/closed/file && : > $folder/.hidden || exit 2
  chmod 0 $folder/left/closed $folder/left
done
deep=deep; for i in $(seq 150); do deep=$deep/a-long-name-of-a-folder; done
mkdir -p $TMPDIR/$deep $TMPDIR/more/$deep && mv $TMPDIR/more $TMPDIR/$deep || exit 4
ln -s /usr $TMPDIR/link; mkfifo pipe; rm -r testdata/deep; touch -t 200101010000 .; chmod 0 .. && chmod 0 .
chmod 0 $HOME 2>/dev/null
[ "$(stat -c %a $TMPDIR)" = 1777 ] || exit 3
chmod 700 $TMPDIR 2>/dev/null
sleep 987654 &
"""


def skip_without_overlay(name: str, *, overlay: bool) -> None:
    if name == "landlock" and overlay:
        pytest.skip("without namespaces, no overlay can be mounted")


@pytest.mark.parametrize("overlay", [True, False], ids=["overlay", "file by file"])
@pytest.mark.parametrize("name", SANDBOXES)
def test_no_run_finds_what_an_earlier_run_left(
    name: str, overlay: bool, machine: Machine, tree: Path
) -> None:
    skip_without_overlay(name, overlay=overlay)
    sandbox = sandbox_called(name, machine)
    outcome = shell(sandbox, tree, LEAVE, overlay=overlay, runs=4)
    assert [(report.exit_code, report.tail) for report in outcome.reports] == [(0, "")] * 4, outcome
    assert outcome.ok


@pytest.mark.parametrize(
    "change",
    [
        '[ "$(stat -c %a ..)" = 755 ] && chmod 700 ..',
        '[ "$(stat -c %Y ..)" != 1000 ] && touch -d @1000 ..',
        "[ ! -e testdata/deep/new ] && : > testdata/deep/new",
        "grep golden testdata/golden.txt && : > testdata/golden.txt",
        "[ -e ../go.mod ] && rm ../go.mod",
        "[ -x ../tool.sh ] && chmod 600 ../tool.sh",
        ": > ../new && rm ../new",
    ],
)
@pytest.mark.parametrize("core", ["", "pkg", "."], ids=["overlay", "package copied", "all copied"])
def test_one_change_alone_is_gone_in_the_next_run(
    change: str, core: str, machine: Machine, tree: Path
) -> None:
    """A run that changes nothing leaves its copy to the next one."""
    outcome = shell(machine.sandbox, tree, change, overlay=True, core=core, runs=3)
    assert [report.exit_code for report in outcome.reports] == [0, 0, 0], outcome


@pytest.mark.parametrize("overlay", [True, False], ids=["overlay", "file by file"])
@pytest.mark.parametrize("name", SANDBOXES)
def test_the_copy_is_complete_and_belongs_to_the_run(
    name: str, overlay: bool, machine: Machine, tree: Path
) -> None:
    script = """cat testdata/golden.txt ../other/other.txt && ../tool.sh && cd .. &&
    find . -printf '%P %m %s %T@\\n' | sort && find . ! -user $(id -u) -print && echo end"""
    skip_without_overlay(name, overlay=overlay)
    outcome = shell(sandbox_called(name, machine), tree, script, overlay=overlay)
    lines = outcome.stdout.decode().splitlines()
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    times = {line.split()[0]: line.split()[1:] for line in lines if line.count(" ") == 3 and line[0] != " "}
    assert lines[:3] == ["golden", "other", "tool"], outcome
    assert lines[-1] == "end"
    assert len(lines[3:-1]) == len(list(tree.rglob("*"))) + 1, "something belongs to another user, or is lost"
    for path in files:
        info = path.stat()
        mode, size, when = times[str(path.relative_to(tree))]
        assert (int(mode, 8), int(size)) == (stat.S_IMODE(info.st_mode), info.st_size)
        assert abs(float(when) - info.st_mtime) < 1e-5


@pytest.mark.parametrize("overlay", [True, False], ids=["overlay", "file by file"])
def test_a_run_that_writes_too_much_is_told_so(overlay: bool, machine: Machine, tree: Path) -> None:
    outcome = shell(machine.sandbox, tree, "head -c 9000000 /dev/zero > big", overlay=overlay)
    assert outcome.exit_code != 0
    assert outcome.started
    assert b"No space left on device" in outcome.stderr


def test_of_a_large_tree_without_overlays_the_package_is_copied(machine: Machine, tree: Path) -> None:
    script = "echo > new && echo > testdata/new && echo > ../new && cat ../other/other.txt"
    outcome = shell(machine.sandbox, tree, script, overlay=False, core="pkg", runs=2)
    assert [report.exit_code for report in outcome.reports] == [0, 0], outcome


def test_without_a_sandbox_the_copy_is_in_another_place(machine: Machine, tree: Path) -> None:
    sandbox = NoSandbox(machine.sandbox.init)  # type: ignore[attr-defined]
    copy = private_copy(sandbox, tree, tree / "pkg")
    assert not copy.overlay
    outcome = shell(sandbox, tree, "[ ! -e new ] && echo > new && rm ../go.mod && pwd", overlay=False, runs=2)
    assert [report.exit_code for report in outcome.reports] == [0, 0], outcome
    assert str(tree) not in outcome.reports[0].tail


def test_a_run_gains_nothing_by_the_copy(machine: Machine, tree: Path) -> None:
    """No capability, no way to mount, no way to the process that mounts."""
    script = """grep -E '^Cap' /proc/self/status | grep -v 0000000000000000; grep NoNewPrivs /proc/self/status
    umount "$PWD/.." ; mount -o remount,size=100m "$PWD/.."; ls -l /proc/1/fd; ls /proc/self/fd
    ls -d /proc/[0-9]* | wc -l"""
    outcome = shell(machine.sandbox, tree, script, overlay=True)
    lines = outcome.stdout.decode().split()
    assert lines[:2] == ["NoNewPrivs:", "1"]
    assert lines[2:-1] == ["0", "1", "2", "3"], "only its streams, and the one that lists"
    assert int(lines[-1]) < 6
    assert (
        outcome.stderr.decode().count("ermission") + outcome.stderr.decode().count("must be superuser") >= 2
    )


def test_the_process_that_makes_copies_is_replaced_when_it_was_killed(machine: Machine, tree: Path) -> None:
    for _ in range(2):
        assert shell(machine.sandbox, tree, "echo > new", overlay=True).ok
        children = " ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children")).split()
        lines = {int(pid): Path("/proc", pid, "cmdline").read_bytes().split(b"\0") for pid in children}
        makers = [pid for pid, line in lines.items() if b"copies" in line]
        assert makers
        for pid in makers:
            os.kill(pid, signal.SIGKILL)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_doctor_tells_how_copies_are_made(machine: Machine) -> None:
    assert why_no_overlay(machine.sandbox, machine.workspace.trees) == ""
    (check,) = (check for check in examine(machine.workspace.root) if check.what.startswith("private copies"))
    assert (check.state, check.detail) == ("ok", "by an overlay file system")
