"""No run of a candidate can read the reference test that it replaces."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from goutbench.execute.inputs import text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.machine import Machine
from goutbench.execute.sandbox.landlock import Landlock
from goutbench.execute.sandbox.unshare import Unshare
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, Tree, find_package
from goutbench.golang.toolchain.installation import Toolchain
from goutbench.records import Execution, Status

MARK = "the-expected-value-of-the-reference"
FILES = {
    "go.mod": "module hidden.test/Root/v2\n\ngo 1.22\n",
    "inner/deep/two.go": "package deep\n\nfunc Two() int {\n\treturn 1 + 1\n}\n",
    "inner/deep/two_test.go": f'package deep\n\nimport "testing"\n\n'
    f'func TestTwo(t *testing.T) {{\n\t_ = "{MARK}"\n}}\n',
    "inner/deep/one_windows_test.go": f"package deep\n\n// {MARK}\n",
    "inner/deep/golden.txt": "golden",
}
# the complete sandbox but for the system: the mark is put together, so that the candidate does not have it
SEARCH = """package deep

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSearch(t *testing.T) {
	if golden, err := os.ReadFile("golden.txt"); string(golden) != "golden" {
		t.Fatal(err)
	}
	mark := []byte(strings.Join([]string{"the", "expected", "value", "of", "the", "reference"}, "-"))
	for _, top := range []string{".", "../..", "/run", "/tmp", "/var", os.Getenv("GOMODCACHE"),
		filepath.Dir(os.Getenv("GOMODCACHE")) + "/trees/{tree}"} {
		filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				if data, _ := os.ReadFile(path); bytes.Contains(data, mark) {
					t.Errorf("readable: %s", path)
				}
			}
			return nil
		})
	}
	if os.WriteFile("left.txt", nil, 0o600) != nil || os.Remove("golden.txt") != nil || Two() != 2 {
		t.Error("cannot write, or a mutant")
	}
}
"""
EMBED = """package deep

import (
	"embed"
	"strings"
	"testing"
)

//go:embed *
var files embed.FS

func TestEmbedded(t *testing.T) {
	mark := strings.Join([]string{"the", "expected", "value", "of", "the", "reference"}, "-")
	entries, _ := files.ReadDir(".")
	for _, entry := range entries {
		if data, _ := files.ReadFile(entry.Name()); strings.Contains(string(data), mark) {
			t.Errorf("in the build: %s", entry.Name())
		}
	}
	if len(entries) < 3 {
		t.Fatal(entries)
	}
}
"""
CACHED = (
    "hidden.test/!root@v1.0.0",
    "hidden.test/!root/v2@v2.1.0/inner",
    "cache/download/hidden.test/!root/v2/@v",
)
Climb = Callable[..., Execution]


@pytest.fixture
def run(machine: Machine, worker: Worker, tmp_path: Path) -> Climb:
    """Runs a test in the place of `reference`, with the module's other versions in the module cache."""
    root = machine.workspace.trees / f"hidden-{tmp_path.name}"
    shutil.rmtree(root, ignore_errors=True)
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for folder in CACHED:
        (machine.workspace.module_cache / folder).mkdir(parents=True, exist_ok=True)
        (machine.workspace.module_cache / folder / "two_test.go").write_text(MARK)
    tree = Tree("hidden/root", "1", root.resolve())

    def execute(code: str, reference: str = "two_test.go", own: Worker = worker) -> Execution:
        code = code.replace("{tree}", root.name)
        package = find_package(tree, "inner/deep/two.go", f"inner/deep/{reference}", machine.toolchain)
        options = replace(own.options, repeat=2, mutants=0, build_seconds=600.0)
        own = replace(own, options=options, helpers={}, results={})
        try:
            return climb(own, package, text_candidate("hidden", "model", code))
        finally:
            own.close()

    return execute


@pytest.mark.parametrize("reference", ["two_test.go", "one_windows_test.go"])
@pytest.mark.parametrize("how", ["overlay", "file by file", "unshare", "landlock", "landlock with links"])
def test_no_file_that_a_run_can_open_is_the_reference_test(
    how: str, reference: str, run: Climb, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "unshare":
        if os.geteuid() != 0:
            pytest.skip("unshare needs root")
        worker = replace(worker, sandbox=Unshare(worker.sandbox.init))  # type: ignore[attr-defined]
    if how.startswith("landlock"):
        worker = replace(worker, sandbox=Landlock(worker.sandbox.init))  # type: ignore[attr-defined]
    if how == "landlock with links":
        monkeypatch.setattr("goutbench.execute.sandbox.copies._is_small", lambda *_: False)
    if how == "file by file":
        monkeypatch.setattr("goutbench.execute.sandbox.copies.why_no_overlay", lambda *_: "switched off")
    other = {"two_test.go": "one_windows_test.go", "one_windows_test.go": "two_test.go"}[reference]
    record = run(SEARCH, reference, worker)
    readable = [line for line in record.evidence.splitlines() if "readable" in line]
    assert all(line.endswith(f"{other}") for line in readable), record.evidence
    assert readable, "the other file is no secret: the search works"


def test_each_run_begins_without_what_an_earlier_one_wrote(run: Climb) -> None:
    """The test fails if it finds what it wrote, or misses what it removed."""
    record = run(SEARCH.replace('t.Errorf("readable', 't.Logf("readable'))
    assert (record.status, record.evidence) == (Status.PASSED, "")
    assert record.mutation is not None
    assert record.mutation.reason == ""
    assert record.mutation.killed > 0


@pytest.mark.parametrize("reference", ["two_test.go", "one_windows_test.go"])
def test_no_build_embeds_the_reference_test(reference: str, run: Climb) -> None:
    other = {"two_test.go": "one_windows_test.go", "one_windows_test.go": "two_test.go"}[reference]
    embedded = [line for line in run(EMBED, reference).evidence.splitlines() if "in the build" in line]
    assert len(embedded) == 1
    assert embedded[0].endswith(other)


def test_another_installation_of_go_is_hidden_from_tests_of_go(machine: Machine, tmp_path: Path) -> None:
    from goutbench.execute.workspace.hidden import folders_with_copies

    goroot = tmp_path / "go"
    (goroot / "src" / "a").mkdir(parents=True)
    own = Toolchain(goroot / "bin" / "go", "go1.30", goroot)
    tree = Tree("golang/go", "1", goroot / "src", goroot=goroot)
    package = PackageUnderTest(tree, goroot / "src" / "a", "a.go", "a_test.go", own)
    cached = machine.workspace.module_cache / "golang.org" / "toolchain@v0.0.1-go1.30.linux-amd64"
    cached.mkdir(parents=True, exist_ok=True)
    hidden = folders_with_copies(package, machine.workspace.module_cache)
    assert cached in hidden
    installed = machine.toolchain.goroot.resolve()
    assert not installed.is_relative_to("/usr") or installed / "src" in hidden
