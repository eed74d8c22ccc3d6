"""Which Go executes: as go.mod asks, else the user's own, else the wheel's; never one that a tree brings."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from goutbench.execute.finder import PackageFinder
from goutbench.execute.inputs import PairLocation, text_candidate
from goutbench.execute.ladder.record import blank_record
from goutbench.execute.machine import Machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.workspace.folders import Workspace
from goutbench.execute.workspace.prepare import toolchain_for
from goutbench.golang.toolchain.installation import (
    DOWNLOADED,
    NAMED,
    OWN,
    WHEEL,
    Toolchain,
    find_toolchain,
    installed_toolchains,
)


def fake(goroot: Path, version: str) -> Path:
    """A program that reports a version of Go, and leaves a mark when it runs."""
    program = goroot / "bin" / "go"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\ntouch {goroot}/ran\nprintf "%s\\n%s\\n" {version} {goroot}\n')
    program.chmod(0o755)
    return program


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolchain:
    """The user has Go 1.25.4, the wheel is newer."""
    monkeypatch.setenv("PATH", str(fake(tmp_path / "own", "go1.25.4").parent))
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "users-modules"))
    return find_toolchain()


def chosen(tmp_path: Path, default: Toolchain, text: str) -> Toolchain:
    file = tmp_path / "go.mod"
    file.write_text(f"module example.test/m\n\n{text}\n")
    return toolchain_for(file, default, Workspace(tmp_path / "work"))


def test_a_module_gets_the_go_that_it_asks_for(tmp_path: Path, own: Toolchain) -> None:
    wheel = next(found for found in installed_toolchains() if found.source == WHEEL)
    newest = wheel.version.removeprefix("go")
    for text, expected in {
        "go 1.22": own,
        "go 1.25.4": own,
        "go 1.22\ntoolchain go1.24.1": own,
        "go 1.22\ntoolchain default": own,
        f"go {newest}": wheel,
        f"go 1.22\ntoolchain go{newest}": wheel,
        "go 1.22\ntoolchain go1.99.1": own,
        "go 1.25.5\ntoolchain go1.99.1": wheel,
        "go 1.99": own,
    }.items():
        assert chosen(tmp_path, own, text) == expected, text
    named = replace(own, source=NAMED)
    assert chosen(tmp_path, named, f"go {newest}") is named


def test_a_toolchain_that_go_has_downloaded_is_used_if_a_module_asks_for_it(
    tmp_path: Path, own: Toolchain
) -> None:
    for folder, version in (("work/modules", "go1.25.6"), ("users-modules", "go1.25.9")):
        name = f"golang.org/toolchain@v0.0.1-{version}.linux-amd64"
        fake(tmp_path / folder / name, version)
    if not os.geteuid():
        for folder in (tmp_path, *tmp_path.parents):
            if folder.stat().st_uid == 0 and not folder.stat().st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o111)
    for text, version in {
        "go 1.22\ntoolchain go1.25.6": "go1.25.6",
        "go 1.22\ntoolchain go1.25.9": "go1.25.9",
        "go 1.25.7": "go1.25.9",
        "go 1.25.5": "go1.25.6",
    }.items():
        toolchain = chosen(tmp_path, own, text)
        assert (toolchain.version, toolchain.source) == (version, DOWNLOADED)
    assert chosen(tmp_path, own, "go 1.22\ntoolchain go1.25.2") == own


@pytest.mark.parametrize("place", ["bin/go", "../bin/go"])
def test_a_go_in_a_tree_is_not_run(machine: Machine, place: str) -> None:
    """Not at the tree's root, and not beside it, where the standard library's sources have theirs."""
    base = machine.workspace.trees / "fake-goroot"
    shutil.rmtree(base, ignore_errors=True)
    tree = base / "org" / "m"
    source = tree / "src" if place.startswith("..") else tree
    for folder in (tree / "src" / "runtime", source):
        folder.mkdir(parents=True, exist_ok=True)
    (source / "x.go").write_text("package m\n")
    (source / "x_test.go").write_text("package m\n")
    (source / "go.mod").write_text("module m\n")
    fake(tree, machine.toolchain.version)
    finder = PackageFinder(machine, base, {"org/m": str(source)})
    if place.startswith(".."):
        finder.repositories = base / "empty"
    package = finder.package(PairLocation("a", "org/m", "v1", "x.go", "x_test.go"))
    assert package.toolchain == machine.toolchain
    assert not (tree / "ran").exists()


def test_the_tree_of_an_installation_is_built_with_it(machine: Machine) -> None:
    for toolchain in installed_toolchains():
        finder = PackageFinder(
            machine, machine.workspace.trees / "empty", {"golang/go": f"{toolchain.goroot}/src"}
        )
        pair = PairLocation("a", "golang/go", toolchain.version, "sort/sort.go", "sort/sort_test.go")
        package = finder.package(pair)
        assert (package.toolchain.version, package.toolchain.source) == (toolchain.version, toolchain.source)
        record = blank_record(text_candidate("a", "m", ""), package, "s", ExecuteOptions())
        assert (record.toolchain, record.go_source) == (toolchain.version, toolchain.source)


def test_the_users_go_is_the_default(own: Toolchain) -> None:
    assert (own.version, own.source) == ("go1.25.4", OWN)


def test_a_version_managers_go_is_called_by_its_own_name(
    tmp_path: Path, own: Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a `go` is a link to a program that looks at the name by which it was called, and at HOME."""
    manager = tmp_path / "manager"
    manager.write_text(f'#!/bin/sh\n[ "${{0##*/}}" = go ] && [ -d "$HOME" ] && exec {own.go} "$@"\nexit 2\n')
    manager.chmod(0o755)
    shims = tmp_path / "shims"
    shims.mkdir()
    (shims / "go").symlink_to(manager)
    monkeypatch.setenv("PATH", str(shims), prepend=os.pathsep)
    assert (find_toolchain().goroot, find_toolchain().source) == (own.goroot, OWN)
    assert find_toolchain(shims / "go").goroot == own.goroot
