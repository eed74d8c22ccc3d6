"""Find the package of a candidate, or the reason why there is none."""

import errno
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from goutbench.errors import SourceError
from goutbench.execute.inputs import PairLike
from goutbench.execute.ladder.faults import fault_line
from goutbench.execute.machine import Machine
from goutbench.execute.units import MissingPackage
from goutbench.execute.workspace.go_work import usable_go_work
from goutbench.execute.workspace.package import PackageUnderTest, Tree, find_package
from goutbench.execute.workspace.prepare import toolchain_for
from goutbench.execute.workspace.settings import NO_SETTINGS, RepositorySettings
from goutbench.execute.workspace.trees import materialise, repository_folder
from goutbench.golang.toolchain.installation import Toolchain, find_toolchain, installed_toolchains
from goutbench.records import Candidate


class PackageFinder:
    """Finds trees and packages, each tree only once."""

    def __init__(
        self,
        machine: Machine,
        repositories: Path,
        sources: Mapping[str, str],
        settings: Mapping[str, RepositorySettings] | None = None,
    ) -> None:
        self.machine = machine
        self.repositories = repositories
        self.sources = sources
        self.settings = settings or {}
        self.goroots: dict[Path, str] = {}
        self.go_works: dict[Path, Path] = {}
        self.trees: dict[tuple[str, str], Tree | SourceError] = {}

    def package_of(
        self, candidate: Candidate, pairs: Mapping[str, PairLike], excluded: Mapping[str, str]
    ) -> PackageUnderTest:
        """The package of a candidate. Raises MissingPackage."""
        pair = pairs.get(candidate.pair_id)
        if pair is None:
            raise MissingPackage("unknown-pair", f"no pair has the id {candidate.pair_id}")
        if pair.id in excluded:
            raise MissingPackage("reference-cannot-run", excluded[pair.id])
        try:
            return self.package(pair)
        except SourceError as error:
            evidence = fault_line(f"{error.where}: {error.what}" if error.where else error.what, error.hint)
            raise MissingPackage("no-source", evidence) from error

    def package(self, pair: PairLike) -> PackageUnderTest:
        """The package of a pair. Raises SourceError."""
        tree, toolchain = self.tree(pair.repository, pair.revision), self.machine.toolchain
        package = find_package(tree, pair.code_path, pair.test_path, toolchain)
        package = replace(package, settings=self.settings.get(pair.repository, NO_SETTINGS))
        if tree.goroot is not None:
            program, source = tree.goroot / "bin" / "go", self.goroots[tree.goroot]
            return replace(package, toolchain=find_toolchain(program, source=source))
        toolchain, go_work = self.go_work(tree, package.folder)
        return replace(package, toolchain=toolchain, go_work=go_work)

    def go_work(self, tree: Tree, folder: Path) -> tuple[Toolchain, Path | None]:
        """The toolchain for a folder of the tree, and the go.work to use there. Raises SourceError."""
        machine, file = self.machine, tree.workspace_file(folder)
        module = file or tree.module_root(folder) / "go.mod"
        toolchain = toolchain_for(module, machine.toolchain, machine.workspace)
        if file is not None and file not in self.go_works:
            root = tree.root.resolve()
            self.go_works[file] = usable_go_work(file, root, toolchain, machine.workspace, machine.sandbox)
        return toolchain, self.go_works[file] if file is not None else None

    def tree(self, repository: str, revision: str) -> Tree:
        """The tree of a repository. Raises SourceError."""
        key = (repository, revision)
        if key not in self.trees:
            try:
                path = repository_folder(self.repositories, repository, self.sources.get(repository, ""))
                new = materialise(path, repository, revision, self.machine.workspace)
                self.trees[key] = self._with_trusted_goroot(new, path.resolve())
            except SourceError as error:
                self.trees[key] = error
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                    raise  # a fault of this machine, which the other repositories would meet, too
                what = f"its files cannot be read: {error.strerror or error}"
                self.trees[key] = SourceError(what[:500], where=f"{repository}@{revision}")
        tree = self.trees[key]
        if isinstance(tree, SourceError):
            raise tree
        return tree

    def _with_trusted_goroot(self, tree: Tree, path: Path) -> Tree:
        """The tree; only that of a Go installation of this machine is built with the go in it.

        Anyone can put a program at bin/go.
        """
        if tree.goroot is None:
            return tree
        for toolchain in (self.machine.toolchain, *installed_toolchains()):
            if toolchain.goroot.resolve() in (path, path.parent):
                self.goroots[tree.goroot] = toolchain.source
                return tree
        return replace(tree, goroot=None)
