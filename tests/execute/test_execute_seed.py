"""Tests that call the go command: their runs have a copy of a build cache with the standard library."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sandboxes import SANDBOXES, sandbox_called, slow

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder import seed
from goutbench.execute.ladder.climb import climb
from goutbench.execute.ladder.runs import adopt_seed, seeds_of
from goutbench.execute.machine import Machine
from goutbench.execute.sandbox.command import PATH, Command, CommandRun, PrivateCopy
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.records import Status

CALLS_GO = """package calc

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestCallsGo(t *testing.T) {
	cache := os.Getenv("GOCACHE")
	if err := os.MkdirAll(cache+"/00", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cache+"/00/compiled", make([]byte, 5<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-export", "-f", "{{.Export}}", "cmp").CombinedOutput()
	if err != nil {
		t.Fatal(err, string(out))
	}
	if info, err := os.Stat(strings.TrimSpace(string(out))); err != nil || info.ModTime().Year() != 2100 {
		t.Fatal("not from the seed", err)
	}
	if Add(1, 2) != 3 {
		t.Fatal()
	}
}
"""


def state(root: Path) -> dict[Path, tuple[int, ...]]:
    infos = {path: path.lstat() for path in [root, *root.rglob("*")]}
    return {path: (i.st_mode, i.st_uid, i.st_size, i.st_mtime_ns, i.st_ctime_ns) for path, i in infos.items()}


@pytest.fixture
def seeds(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of seeds, which have one small package."""
    monkeypatch.setattr(seed, "PACKAGES", ("cmp",))
    shutil.rmtree(machine.workspace.seeds, ignore_errors=True)
    yield machine.workspace.seeds
    shutil.rmtree(machine.workspace.seeds)


def test_only_the_run_with_a_seed_counts(
    machine: Machine, worker: Worker, package: PackageUnderTest, seeds: Path
) -> None:
    worker = slow(replace(worker, options=replace(worker.options, repeat=2, mutants=2), results={}))
    assert seeds_of(worker, package) == ()
    record = climb(worker, package, text_candidate("calc", "model", CALLS_GO))
    assert (record.status, record.reason) == (Status.PASSED, ""), record.evidence
    assert record.mutation is not None
    assert record.mutation.score is not None, record.mutation
    ((folder, _),) = seeds_of(worker, package)
    before = state(folder)
    assert folder.parent == seeds
    assert climb(worker, package, text_candidate("calc", "other", CALLS_GO)).status is Status.PASSED
    assert state(folder) == before, "a run has written to the seed"


def test_a_seed_has_no_focal_file_that_is_hidden(
    machine: Machine, worker: Worker, package: PackageUnderTest, seeds: Path
) -> None:
    own = replace(package, tree=replace(package.tree, goroot=package.toolchain.goroot))
    hiding = replace(worker, options=replace(worker.options, hide_focal=True), results={})
    assert not adopt_seed(hiding, own)
    assert seeds_of(hiding, own) == ()
    assert not seeds.exists()
    assert adopt_seed(hiding, package)
    assert not adopt_seed(hiding, package), "it is not new any more"


@pytest.mark.parametrize("name", [name for name in SANDBOXES if name != "landlock"])
def test_every_run_gets_a_fresh_copy_of_a_seed(name: str, machine: Machine, tmp_path: Path) -> None:
    root = machine.workspace.root / "scratch" / "seeds"
    shutil.rmtree(root, ignore_errors=True)
    sources, cache = root / "sources", root / "cache"
    for folder in (sources, cache / "00"):
        folder.mkdir(parents=True)
    (cache / "00" / "file").write_text("seed\n")
    before = state(cache)
    script = (
        "set -e; cd /tmp/go-build; [ $(cat 00/file) = seed ]; [ -O 00/file ]; [ ! -e 00/new ]; : > 00/new;"
        "echo other > 00/file; mkdir 01; ! mv /tmp/go-build /tmp/elsewhere 2>/dev/null"
    )
    command = Command(
        ("/bin/sh", "-c", script), sources, {"PATH": PATH}, readable=(sources,),
        copy=PrivateCopy(sources, overlay=True), seeds=((cache, Path("/tmp/go-build")),),
        runs=(CommandRun(),) * 3,
    )  # fmt: skip
    outcome = sandbox_called(name, machine).run(command)
    assert [report.exit_code for report in outcome.reports] == [0, 0, 0], outcome
    assert state(cache) == before
    shutil.rmtree(root)
