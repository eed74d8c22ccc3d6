"""Repositories whose build reads files of the host: the type check and the build see the repository alone."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sandboxes import SANDBOXES, sandbox_called

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.machine import Machine
from goutbench.execute.sandbox.command import PATH, Command
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, Tree
from goutbench.records import Execution, Status

SECRET = "hunter2-of-the-host"
Execute = Callable[..., Execution]
CODE = "package leak\n\nfunc Two() int { return 2 }\n"
TEST = """package leak

import "testing"

func TestTwo(t *testing.T) {
	if Two() != 2 {
		t.Fatal(Two())
	}
}
"""


@pytest.fixture
def host(machine: Machine) -> Path:
    """A folder beside the trees, which our user may read: a module, and a file without a Go syntax."""
    folder = machine.workspace.root / f"private-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "go.mod").write_text("module private.test/p\n\ngo 1.22\n")
    (folder / "p.go").write_text(f'package p\n\nconst Key = "{SECRET}"\n')
    (folder / "secret").write_text(f"{SECRET}\n")
    (folder / "secret").chmod(0o600)
    return folder


@pytest.fixture
def execute(machine: Machine, worker: Worker, tmp_path: Path) -> Execute:
    """Executes a test in a module with these files; a value may name the host's folder as {up} or {host}."""

    def run(
        files: dict[str, str],
        host: Path,
        test: str = TEST,
        *,
        cgo: bool = False,
        add: Callable[[Path], None] = lambda root: None,
    ) -> Execution:
        root = machine.workspace.trees / f"hostile-{tmp_path.name}"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        base = {"go.mod": "module leak.test/leak\n\ngo 1.22\n", "leak.go": CODE}
        for name, text in (base | files).items():
            up = os.path.relpath(host, root)
            (root / name).write_text(text.replace("{up}", up).replace("{host}", str(host)))
        add(root)
        tree = Tree("hostile/leak", "1", root.resolve())
        package = PackageUnderTest(tree, tree.root, "leak.go", "leak_test.go", machine.toolchain)
        options = replace(worker.options, cgo=cgo, build_seconds=300.0)
        own = replace(worker, options=options, helpers={}, results={})
        try:
            return climb(own, package, text_candidate("leak", "hostile", test))
        finally:
            own.close()

    return run


def test_a_module_that_is_replaced_by_a_folder_of_the_host_cannot_be_read(
    execute: Execute, host: Path
) -> None:
    files = {
        "go.mod": "module leak.test/leak\n\ngo 1.22\n\nrequire private.test/p v0.0.0\n\n"
        "replace private.test/p => {up}\n"
    }
    test = TEST.replace('import "testing"', 'import (\n\t"testing"\n\n\t"private.test/p"\n)')
    record = execute(files, host, test + "\nvar number int = p.Key\n")
    assert record.status in (Status.BUILD_FAILED, Status.INFRA_FAILURE)
    assert SECRET not in str(record)
    assert execute(files, host).status is Status.PASSED  # as for the go command: nothing needs the module


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler")
@pytest.mark.parametrize(
    "files",
    [
        {"x.S": '.data\n.globl leaked\nleaked: .incbin "{host}/secret"\n.byte 0\n'},
        {"x.c": "", "x.h": "", "y.go": 'package leak\n\n// #include "{host}/secret"\nimport "C"\n'},
        {"y.go": 'package leak\n\n// #cgo CFLAGS: -include {host}/secret\nimport "C"\n'},
    ],
)
def test_a_file_of_the_host_is_in_no_build(files: dict[str, str], execute: Execute, host: Path) -> None:
    uses = {"y.go": 'package leak\n\n// extern char leaked[];\nimport "C"\n\nvar Leaked = C.leaked[0]\n'}
    record = execute(uses | files, host, cgo=True)
    assert record.status is not Status.PASSED
    assert SECRET not in str(record)


def test_the_type_check_runs_with_no_rights_of_ours(worker: Worker, package: PackageUnderTest) -> None:
    helper = worker.helper(package)
    worker.helper(package).ask("match", {"dir": "/", "name": "x.go", "source": "", "flags": []})
    process = helper._process
    assert process is not None
    status = _inner_status(process.pid)
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    if os.geteuid() == 0:
        assert "Uid:\t0\t" not in status


def _inner_status(pid: int) -> str:
    """The status of the innermost descendant of a process."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return _inner_status(int(children[0])) if children else Path(f"/proc/{pid}/status").read_text()


@pytest.mark.parametrize("name", SANDBOXES)
def test_no_process_of_a_resident_program_outlives_the_kill_of_its_group(name: str, machine: Machine) -> None:
    sandbox = sandbox_called(name, machine)
    seconds = f"3{os.getpid()}"
    command = Command(("/bin/sh", "-c", f"sleep {seconds} & echo ready; wait"), Path("/tmp"), {"PATH": PATH})
    process = subprocess.Popen(sandbox.resident(command), stdout=subprocess.PIPE, start_new_session=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.killpg(process.pid, signal.SIGKILL)
    for _ in range(100):
        if not _processes_with(seconds):
            return
        time.sleep(0.05)
    pytest.fail(f"still running: {_processes_with(seconds)}")


def _processes_with(argument: str) -> list[str]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
    return [line for line in lines if line.startswith(f"sleep {argument}")]


@pytest.mark.parametrize("kind", ["folder", "dead link", "loop"])
def test_what_only_looks_like_a_go_file_ends_no_run(kind: str, execute: Execute, host: Path) -> None:
    def add(root: Path) -> None:
        for name in ("odd.go", "odd_test.go"):
            if kind == "folder":
                (root / name).mkdir()
            else:
                (root / name).symlink_to("nowhere" if kind == "dead link" else name)

    # the go command itself refuses a package with a link that leads nowhere
    expected = Status.PASSED if kind == "folder" else Status.INFRA_FAILURE
    assert execute({}, host, add=add).status is expected
