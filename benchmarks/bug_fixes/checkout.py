"""The work tree of a bug fix, in which the focal file and its test file can be those of either commit."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bug_fixes.find import read_file
from goutbench.errors import SourceError
from goutbench.execute.finder import PackageFinder
from goutbench.execute.machine import Machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.execute.workspace.prepare import prepare_modules
from goutbench.execute.workspace.trees import materialise
from goutbench.mutate.source.packages import ListedPackage, list_packages
from goutbench.mutate.source.tests import read_tests
from goutbench.tasks.kinds.bug_fixes import BugFix

_TEST_SECONDS = 20.0
_SALT = b"bug-fixes"


class Unusable(Exception):
    """A commit cannot be used; the message is a reason, the same for commits with the same problem."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A bug fix's commit in a folder. `code` and `tests` hold the focal and the test file by commit."""

    fix: BugFix
    package: PackageUnderTest
    code: dict[str, bytes]
    tests: dict[str, bytes]

    def put(self, *, code: str, tests: str) -> None:
        """Write the focal file and the test file of these commits."""
        root = self.package.tree.root
        (root / self.fix.path).write_bytes(self.code[code])
        (root / self.fix.test_path).write_bytes(self.tests[tests])


@contextmanager
def open_checkout(machine: Machine, git_dir: Path, fix: BugFix) -> Iterator[Checkout]:
    """The commit's work tree, with the modules that it needs, until the end of the block. Raises Unusable."""
    tree = materialise(git_dir, fix.repository, fix.commit, machine.workspace)
    try:
        if not tree.module_root((tree.root / fix.path).parent).joinpath("go.mod").is_file():
            raise Unusable("no go.mod")
        folder = (tree.root / fix.path).parent
        toolchain, go_work = PackageFinder(machine, Path(), {}).go_work(tree, folder)
        package = PackageUnderTest(tree, folder, Path(fix.path).name, "", toolchain, go_work)
        for download in prepare_modules([package.module], toolchain, machine.workspace):
            if download.problem:
                raise Unusable("modules cannot be downloaded")
        versions = []
        for path in (fix.path, fix.test_path):
            found = {commit: read_file(git_dir, commit, path) for commit in (fix.parent, fix.commit)}
            texts = {commit: text for commit, text in found.items() if text is not None}
            if len(texts) < 2:
                raise Unusable("the parent lacks one of the files")
            versions.append(texts)
        yield Checkout(fix, package, *versions)
    finally:
        shutil.rmtree(tree.root.parent, ignore_errors=True)


@contextmanager
def open_worker(machine: Machine) -> Iterator[Worker]:
    """A worker that has seen no version of the files yet."""
    options = ExecuteOptions(test_seconds=_TEST_SECONDS)
    with closing(Worker(machine.workspace, machine.sandbox, options, 0, _SALT)) as worker:
        yield worker


def tests_of(worker: Worker, checkout: Checkout) -> tuple[str, ...]:
    """What `go test` runs of the test file, as it is now. Raises Unusable."""
    test_file = Path(checkout.fix.test_path).name
    tests = read_tests(_listed(worker, checkout.package)).tests
    return tuple(test.name for test in tests if test.file == test_file)


def _listed(worker: Worker, package: PackageUnderTest) -> ListedPackage:
    try:
        packages = list_packages(worker, package, ["."]).values()
    except SourceError as error:
        raise Unusable("go list fails, for lack of a module as a rule") from error
    selected = [item for item in packages if item.selected]
    if len(selected) != 1 or selected[0].error or package.focal not in selected[0].sources:
        raise Unusable("the focal file is not built here")
    return selected[0]
