"""The package that candidates of one pair are tested in, in one materialised commit."""

from dataclasses import dataclass
from pathlib import Path

from goutbench.errors import SourceError
from goutbench.execute.workspace.settings import NO_SETTINGS, RepositorySettings
from goutbench.golang.analysis.platforms import name_without_foreign_platform
from goutbench.golang.syntax.header import package_name
from goutbench.golang.toolchain.installation import Toolchain

Overlay = dict[str, bytes | None]
"""New contents of the package's files by base name; None removes a file."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A materialised version of a repository.

    `root` is a real path. `goroot` is the Go installation that the tree is part of (its `src`), else None.
    `missing` are paths that the partial clone lacks; `added` are files that the commit does not hold and the
    build needs (moby's go.mod, copied from its vendor.mod).
    """

    repository: str
    revision: str
    root: Path
    goroot: Path | None = None
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def module_root(self, package: Path) -> Path:
        """The nearest folder at or above `package` that holds a go.mod, else the tree's root."""
        for folder in (package, *package.parents):
            if (folder / "go.mod").is_file():
                return folder
            if folder == self.root:
                break
        return self.root

    def workspace_file(self, package: Path) -> Path | None:
        """The go.work that the go command uses in `package`: the nearest one at or above it in the tree."""
        for folder in (package, *package.parents):
            if folder == self.goroot:  # the go command does not look above its own installation
                break
            if (folder / "go.work").is_file():
                return folder / "go.work"
            if folder == self.root:
                break
        return None


@dataclass(frozen=True, slots=True)
class PackageUnderTest:
    """One focal file in its package.

    `folder` is the real path of the package's folder; `focal` and `test` are base names there. The candidate
    takes the name `test`, which is the reference test's, unless that name keeps it out of the build:
    `unbuilt_test` is then the reference test's. `test` is empty where the package's own tests are run as they
    are. `go_work` is the go.work that go commands get, None outside of workspaces. `settings` are the
    repository's own.
    """

    tree: Tree
    folder: Path
    focal: str
    test: str
    toolchain: Toolchain
    go_work: Path | None = None
    settings: RepositorySettings = NO_SETTINGS
    unbuilt_test: str = ""

    @property
    def module(self) -> Path:
        return self.tree.module_root(self.folder)

    @property
    def focal_source(self) -> bytes:
        return (self.folder / self.focal).read_bytes()

    def go_files(self) -> list[Path]:
        """The package's Go files in order, without folders and dead links of such a name."""
        return sorted(path for path in self.folder.glob("*.go") if path.is_file())

    def sibling_tests(self) -> tuple[str, ...]:
        """The base names of the package's own test files, without the one that the candidate replaces."""
        names = (path.name for path in self.go_files())
        return tuple(name for name in names if name.endswith("_test.go") and name != self.test)

    def sources(self) -> list[Path]:
        """The package's Go files that are no tests."""
        return [path for path in self.go_files() if not path.name.endswith("_test.go")]

    @property
    def source_root(self) -> Path:
        """The real path of the folder that holds all sources: the tree, or the Go installation around it."""
        return (self.tree.goroot or self.tree.root).resolve()

    def readable_folders(self) -> tuple[Path, ...]:
        """The folders that a command on this package may read: those of the toolchain and of the tree."""
        goroot = self.toolchain.goroot.resolve()
        root = self.tree.root.resolve()
        folders = (goroot,) if root.is_relative_to(goroot) else (goroot, root)
        if self.go_work is None or self.go_work.is_relative_to(root):
            return folders
        return (*folders, self.go_work.parent)


def find_package(tree: Tree, code_path: str, test_path: str, toolchain: Toolchain) -> PackageUnderTest:
    """The package of a pair. Raises SourceError when its focal file is not in the tree."""
    try:
        focal = (tree.root / code_path).resolve()
        test = (tree.root / test_path).resolve()
        inside = all(path.is_relative_to(tree.root.resolve()) for path in (focal, test))
        present = inside and focal.is_file() and test.parent.is_dir()
    except (OSError, ValueError, RuntimeError):  # a name that is too long, a NUL, a link to itself
        present = False
    if not present:
        absent = "the partial clone lacks it" if code_path in tree.missing else "it is not in that version"
        raise SourceError(
            f"{code_path}: {absent}",
            where=f"{tree.repository}@{tree.revision}",
            hint="fetch it, or rebuild the dataset from this repository",
        )
    # a test in another folder (a pairing rule may choose one) stays in its own package
    name = name_without_foreign_platform(test.name)
    if name == test.name:
        return PackageUnderTest(tree, test.parent, focal.name, test.name, toolchain)
    while (test.parent / name).exists():  # a sibling, which stays
        name = f"{name.removesuffix('_test.go')}_candidate_test.go"
    return PackageUnderTest(tree, test.parent, focal.name, name, toolchain, unbuilt_test=test.name)


def empty_test(package: PackageUnderTest) -> bytes:
    """A test file of the focal file's package with nothing in it."""
    return f"package {package_name(package.focal_source) or 'main'}\n".encode()
