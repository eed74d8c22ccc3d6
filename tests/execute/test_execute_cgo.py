"""cgo: with it, packages of cgo files are judged like others; without it, what needs them is excluded."""

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from plain_go import plain_go

from goutbench.dataset.store import write_rows
from goutbench.execute.inputs import read_excluded, text_candidate
from goutbench.execute.ladder.climb import climb
from goutbench.execute.ladder.in_build import needs_cgo
from goutbench.execute.machine import Machine
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, Tree
from goutbench.locations import REFERENCE_TABLE
from goutbench.records import Status

FILES = {
    "go.mod": "module example.test/c\n\ngo 1.22\n",
    "own/x.go": 'package own\n\n// static int two(int a) { return 2 * a; }\nimport "C"\n\n'
    "func Two(a int) int { return int(C.two(C.int(a))) }\n",
    "beside/x.go": "package beside\n\nfunc One() int { return 1 }\n",
    "beside/c.go": 'package beside\n\n// static int two(int a) { return 2 * a; }\nimport "C"\n\n'
    "func Two(a int) int { return int(C.two(C.int(a))) }\n",
    "beside/two_test.go": 'package beside\n\nimport "testing"\n\nfunc TestTwo(t *testing.T) { Two(One()) }\n',
    "below/x.go": "package below\n\nfunc Four() int { return Two(2) }\n",
    "below/c.go": 'package below\n\n// static int two(int a) { return 2 * a; }\nimport "C"\n\n'
    "func Two(a int) int { return int(C.two(C.int(a))) }\n",
    "twins/x.go": "package twins\n\nfunc Four() int { return Two(2) }\n",
    "twins/c.go": 'package twins\n\n// static int two(int a) { return 2 * a; }\nimport "C"\n\n'
    "func Two(a int) int { return int(C.two(C.int(a))) }\n",
    "twins/go.go": "//go:build !cgo\n\npackage twins\n\nfunc Two(a int) int { return 2 * a }\n",
    "outer/x.go": 'package outer\n\nimport "example.test/c/own"\n\nfunc Four() int { return own.Two(2) }\n',
    "tagged/x.go": "//go:build cgo\n\npackage tagged\n\nfunc Four() int { return 4 }\n",
    "tagged/y.go": "package tagged\n",
}
CALLS = {
    "own": "Two(2) != 4", "beside": "Two(One()) != 2", "below": "Four() != 4", "twins": "Four() != 4",
    "outer": "Four() != 4", "tagged": "Four() != 4",
}  # fmt: skip
WITHOUT = dict.fromkeys(CALLS, "INFRA_FAILURE cgo-off") | {"twins": "PASSED "}


def text_of(folder: str, *, external: bool = False) -> str:
    """A test of the package, in the package or in its external test package."""
    package, imported = (f"{folder}_test", f'\n\t. "example.test/c/{folder}"') if external else (folder, "")
    return (
        f'package {package}\n\nimport (\n\t"testing"{imported}\n)\n\n'
        f"func TestCall(t *testing.T) {{\n\tif {CALLS[folder]} {{\n\t\tt.Fatal()\n\t}}\n}}\n"
    )


@pytest.fixture(scope="module")
def packages(machine: Machine) -> dict[str, PackageUnderTest]:
    root = machine.workspace.trees / "cgo-source"
    shutil.rmtree(root, ignore_errors=True)
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    tree = Tree("example/c", "1", root)
    return {
        folder: PackageUnderTest(tree, root / folder, "x.go", "x_test.go", machine.toolchain)
        for folder in CALLS
    }


@pytest.mark.parametrize("cgo", [False, True])
def test_packages_pass_with_cgo_and_without_it_those_that_need_it_are_excluded(
    worker: Worker, packages: dict[str, PackageUnderTest], cgo: bool
) -> None:
    options = replace(worker.options, cgo=cgo, build_seconds=600)
    with closing(replace(worker, options=options, helpers={}, results={})) as worker:
        # packages are loaded together before a run: they lack what cgo makes of their files
        first = next(iter(packages.values()))
        worker.helper(first).warm([package.folder for package in packages.values()])
        for external in (False, True):
            texts = {folder: text_of(folder, external=external) for folder in packages}
            records = {
                folder: climb(worker, package, text_candidate(folder, "m", texts[folder]))
                for folder, package in packages.items()
            }
            verdicts = {folder: f"{record.status} {record.reason}" for folder, record in records.items()}
            assert verdicts == (dict.fromkeys(CALLS, "PASSED ") if cgo else WITHOUT)


def test_a_wrong_test_of_a_cgo_file_fails(worker: Worker, packages: dict[str, PackageUnderTest]) -> None:
    options = replace(worker.options, cgo=True, build_seconds=600)
    with closing(replace(worker, options=options, helpers={}, results={})) as worker:
        text = text_of("own").replace("!=", "==")
        failing = climb(worker, packages["own"], text_candidate("own", "m", text))
        assert (failing.status, failing.reason) == (Status.TESTS_FAILED, "assertion")
        broken = climb(worker, packages["own"], text_candidate("own", "m", text + "var _ = none\n"))
        assert (broken.status, broken.reason) == (Status.BUILD_FAILED, "undefined")


def test_go_test_agrees(machine: Machine, packages: dict[str, PackageUnderTest]) -> None:
    """That these packages pass with cgo, and which of them do without, is not our word."""
    for folder, package in packages.items():
        (package.folder / "x_test.go").write_text(text_of(folder))
        try:
            for cgo in ("0", "1"):
                done = plain_go(machine.toolchain, ["test", "."], package.folder, CGO_ENABLED=cgo)
                assert (done.returncode == 0) == (cgo == "1" or folder == "twins"), (folder, cgo, done.stdout)
        finally:
            (package.folder / "x_test.go").unlink()


def test_what_needs_cgo() -> None:
    for source, needed in {
        'package p\n\nimport "C"\n': True,
        'package p\n\nimport (\n\t"fmt"\n\t"C"\n)\n': True,
        'package p\n\n// import "C"\n': False,
        "//go:build cgo && linux\n\npackage p\n": True,
        "//go:build cgo || linux\n\npackage p\n": False,
        "//go:build !cgo\n\npackage p\n": False,
        "//go:build cgofree\n\npackage p\n": False,
        "package p\n": False,
    }.items():
        assert needs_cgo(source.encode()) == needed, source


def test_a_reference_that_lacked_cgo_is_excluded_without_it_alone(tmp_path: Path) -> None:
    rows = [
        {"id": reason, "reference_status": "INFRA_FAILURE", "reference_reason": reason}
        for reason in ("cgo-off", "c-library")
    ]
    write_rows(tmp_path / REFERENCE_TABLE, rows)
    assert set(read_excluded(tmp_path)) == {"cgo-off", "c-library"}
    assert set(read_excluded(tmp_path, cgo=True)) == {"c-library"}
