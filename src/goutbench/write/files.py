"""A source file under test with its package, and the tests of a reply about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from goutbench.assemble.package_context import package_context
from goutbench.assemble.pieces import PackageContext
from goutbench.execute.inputs import text_candidate
from goutbench.execute.workspace.package import PackageUnderTest
from goutbench.golang.syntax.header import package_name
from goutbench.mutate.results import MutatedFile
from goutbench.mutate.source.packages import ListedPackage
from goutbench.records import Candidate

EMPTY_TEST = "TestGoutbenchEmpty"


@dataclass(frozen=True, slots=True)
class FileUnderTest:
    """A source file, its package with the name that candidates get there, the names of the package's own
    tests that pass, and the keys of its functions in scope. `path` is below the root."""

    path: str
    package: PackageUnderTest
    listed: ListedPackage
    mutated: MutatedFile
    names: tuple[str, ...]
    functions: tuple[str, ...]

    @property
    def source(self) -> bytes:
        return self.mutated.source

    def candidate(self, model: str, code: str) -> Candidate:
        """A candidate for the functions in scope."""
        candidate = text_candidate(self.path, model, code, mode="merge")
        return replace(candidate, focal=self.functions)

    def empty_candidate(self) -> Candidate:
        """A test of nothing: what it reaches and kills, initialisation does."""
        return self.candidate("empty", empty_test(self.source))

    def siblings(self, overlay: Mapping[str, bytes], without: str) -> Iterator[tuple[str, bytes]]:
        """The other Go files of the package's build, by their base names, with those of an overlay in the
        place of their own versions; but for the test file `without`."""
        for name in sorted({*self.listed.sources, *self.listed.tests, *overlay}):
            if name not in (self.package.focal, without):
                yield name, overlay[name] if name in overlay else (self.listed.folder / name).read_bytes()

    def context(self, without: str, overlay: Mapping[str, bytes]) -> PackageContext:
        """The package, but for the test file `without`, which new tests go into."""
        return package_context(self.source, self.siblings(overlay, without), self.listed.path)


def empty_test(source: bytes) -> str:
    """A test file of the focal file's package with a test that does nothing."""
    package = package_name(source) or "main"
    return f'package {package}\n\nimport "testing"\n\nfunc {EMPTY_TEST}(t *testing.T) {{}}\n'


@dataclass(frozen=True, slots=True)
class Destination:
    """A test file by its base name, and its content; None where it is new."""

    name: str
    content: bytes | None


@dataclass(frozen=True, slots=True)
class ReplyTest:
    """A test of a reply as a file of its own, and the test file that it would go into. With a `reason` it is
    not executed."""

    name: str
    code: str
    destination: Destination
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ReplyTests:
    """All tests of a reply, and its code as one file."""

    code: str
    package: str
    tests: tuple[ReplyTest, ...]
