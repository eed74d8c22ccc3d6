"""Where a candidate goes: the package of one pair in one materialised commit."""

from dataclasses import dataclass
from pathlib import Path

from goutbench.errors import SourceError
from goutbench.execute.workspace.trees import Tree, module_root
from goutbench.golang.toolchain.go import Toolchain


@dataclass(frozen=True, slots=True)
class Subject:
    """One focal file in its package, ready for candidates.

    `package` is the real path of the package's folder; `focal` and `test` are base names there, `test` being
    the name that the candidate takes (the reference test's).
    """

    tree: Tree
    package: Path
    focal: str
    test: str
    toolchain: Toolchain

    @property
    def module(self) -> Path:
        return module_root(self.tree, self.package)

    def test_files(self) -> tuple[str, ...]:
        """The base names of the package's own test files, but for the one that the candidate replaces."""
        return tuple(sorted(path.name for path in self.package.glob("*_test.go") if path.name != self.test))


def find_subject(tree: Tree, code_path: str, test_path: str, toolchain: Toolchain) -> Subject:
    """The subject of a pair. Raises SourceError when its focal file is not in the tree."""
    focal = (tree.root / code_path).resolve()
    test = (tree.root / test_path).resolve()
    inside = all(path.is_relative_to(tree.root.resolve()) for path in (focal, test))
    if not focal.is_file() or not test.parent.is_dir() or not inside:
        missing = "the partial clone lacks it" if code_path in tree.missing else "it is not in that version"
        raise SourceError(
            f"{code_path}: {missing}",
            where=f"{tree.repository}@{tree.revision}",
            hint="fetch it, or rebuild the dataset from this repository",
        )
    # a test of another folder (a pairing rule may say so) still goes where its own package is
    return Subject(tree, test.parent, focal.name, test.name, toolchain)
