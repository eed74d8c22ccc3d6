"""The tests of a package: what its test files declare, and the text that each verdict depends on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from goutbench.golang.analysis.test_entries import is_run
from goutbench.golang.syntax.file import line_and_column
from goutbench.golang.syntax.parser import parse
from goutbench.mutate.results import SourceTest
from goutbench.mutate.source.packages import ListedPackage
from goutbench.records import short_hash


@dataclass(frozen=True, slots=True)
class PackageTests:
    """The tests of a package in the order of its files, and a hash of the rest of its test files."""

    tests: tuple[SourceTest, ...]
    rest: str

    def hashes(self) -> Mapping[str, str]:
        return {test.name: test.hash for test in self.tests}


def read_tests(package: ListedPackage) -> PackageTests:
    """The tests that `go test` runs in a package."""
    tests: dict[str, SourceTest] = {}
    rest: list[str] = []
    for name in package.tests:
        file = parse((package.folder / name).read_bytes())
        at = 0
        for test in file.tests:
            declaration = file.declarations[test.declaration]
            rest.append(_text(file.source[at : declaration.start]))
            at = declaration.end
            if not is_run(file, test):
                continue
            text = _text(file.source[declaration.node_start : declaration.node_end])
            if earlier := tests.get(test.name):
                text = earlier.hash + text
            line, _ = line_and_column(file.source, declaration.node_start)
            tests[test.name] = SourceTest(test.name, name, line, short_hash(text))
        rest += [_text(file.source[at:]), name]
    return PackageTests(tuple(tests.values()), short_hash(*rest))


def _text(source: bytes) -> str:
    return source.decode("utf-8", "surrogateescape")


def test_path(package: ListedPackage, test: SourceTest, root: Path) -> str:
    """The path of a test's file below the root of the work tree."""
    return (package.folder / test.file).relative_to(root).as_posix()
