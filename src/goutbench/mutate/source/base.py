"""Where commands run that concern no single file of a work tree."""

from pathlib import Path

from goutbench.execute.finder import PackageFinder
from goutbench.execute.machine import Machine
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.mutate.source.worktree import WorkTree


def base_package(machine: Machine, work_tree: WorkTree, folder: Path) -> PackageUnderTest:
    """A folder of the work tree (its real path) as a package without a focal file, with the Go and the
    go.work that are used there. Raises SourceError."""
    tree, seen = work_tree.tree, work_tree.inside(folder)
    toolchain, go_work = PackageFinder(machine, Path(), {}).go_work(tree, seen)
    return PackageUnderTest(tree, seen, "", "", toolchain, go_work)
