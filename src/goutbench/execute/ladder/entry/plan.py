"""Which tests of other files may run what a candidate registers."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache

from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.analysis.registrations import (
    TEST_MAIN,
    EntryPoint,
    Registration,
    entry_points,
    registration,
    variables,
)
from goutbench.golang.syntax.file import GoFile
from goutbench.golang.syntax.parser import parse
from goutbench.golang.syntax.references import identifiers_in


@dataclass(frozen=True, slots=True)
class EntryPlan:
    """What a candidate registers, and the tests that may run it.

    `main` is the test file with TestMain, which runs in any case; empty if there is none. `beside_tests`: the
    candidate also declares tests of its own. `certain`: what it fills is a variable of another test file.
    `linked`: a name or library connects the tests with the candidate; else they are all of the package's.
    """

    points: tuple[EntryPoint, ...]
    added: Registration
    main: str
    beside_tests: bool
    certain: bool
    linked: bool

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(point.name for point in self.points)

    @property
    def files(self) -> frozenset[str]:
        """The test files that must be part of the build."""
        return frozenset([*(point.file for point in self.points), *([self.main] if self.main else [])])

    def without(self, removed: Collection[str]) -> "EntryPlan":
        """The plan for a build that lacks some test files."""
        points = tuple(point for point in self.points if point.file not in removed)
        return replace(self, points=points, main="" if self.main in removed else self.main)

    def describe(self, names: Collection[str]) -> str:
        """The tests of these names with their files, for a reader."""
        files: dict[str, list[str]] = {}
        for point in self.points:
            if point.name in names:
                files.setdefault(point.file, []).append(point.name)
        if not files and self.main:
            files[self.main] = [TEST_MAIN]
        return "; ".join(f"{', '.join(tests)} in {file}" for file, tests in files.items())


def plan_entry(package: PackageUnderTest, code: bytes, *, has_tests: bool) -> EntryPlan | None:
    """The plan for a candidate; None if nothing can run it but its own tests.

    A candidate with tests gets one only if something certainly connects it to a test of another file.
    """
    file = parse(code)
    added = registration(file)
    if not added or (has_tests and not (added.framework or added.suites or added.fills)):
        return None
    siblings, sources = _package_files(package)
    libraries = {spec.path for other in (*siblings.values(), *sources) for spec in other.imports}
    if added.framework and libraries.isdisjoint(added.framework.paths):
        added = replace(added, framework=None)
    points, linked = entry_points(added, siblings, sources, certain=has_tests)
    mains = [
        name
        for name, sibling in {**siblings, package.test: file}.items()
        if any(item.kind == "func" and item.names == (TEST_MAIN,) for item in sibling.declarations)
    ]
    if not points and (has_tests or not mains):
        return None
    main = "" if has_tests or not mains else mains[0]
    certain = bool(added.names & variables(siblings.values()))
    return EntryPlan(points, added, main, has_tests, certain, linked or certain)


def mentioned_elsewhere(package: PackageUnderTest) -> frozenset[bytes]:
    """The identifiers of the package's other files."""
    siblings, sources = _package_files(package)
    files = (*siblings.values(), *sources)
    return frozenset().union(*(identifiers_in(file.source, (0, len(file.source))) for file in files))


@lru_cache(maxsize=4)  # candidates of one package follow each other
def _package_files(package: PackageUnderTest) -> tuple[dict[str, GoFile], tuple[GoFile, ...]]:
    """The sibling test files by base name, and the package's other files."""
    siblings = {name: parse((package.folder / name).read_bytes()) for name in package.sibling_tests()}
    return siblings, tuple(parse(path.read_bytes()) for path in package.sources())
