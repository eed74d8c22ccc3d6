"""Which test file of a package new tests go into, and the style that is found there."""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import count

from goutbench.golang.analysis.features import style_of
from goutbench.golang.analysis.platforms import platform_suffixes
from goutbench.golang.syntax.header import package_name
from goutbench.golang.syntax.parser import parse
from goutbench.mutate.source.packages import ListedPackage
from goutbench.write.files import Destination

_EXTERNAL = "_test"


def destination(package: ListedPackage, focal: str, clause: str) -> Destination:
    """The file for new tests of a focal file in this package (`p` or `p_test`): its own test file, or one
    beside it where that is of the other package, not in the build, or no ordinary file."""
    for name in _names(focal, clause):
        path = package.folder / name
        if not os.path.lexists(path):
            return Destination(name, None)
        if name in package.tests and path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if package_name(content) == clause:
                return Destination(name, content)
    raise AssertionError("names do not end")


def _names(focal: str, clause: str) -> Iterator[str]:
    stem = focal.removesuffix(".go")
    yield f"{stem}_test.go"
    kind = "external" if clause.endswith(_EXTERNAL) else "internal"
    for number in count(1):
        part = kind if number == 1 else f"{kind}{number}"
        # a platform at the end of a name is a build constraint
        yield f"{part}_{stem}_test.go" if platform_suffixes(focal) else f"{stem}_{part}_test.go"


def usual_clause(package: ListedPackage, focal: str) -> str:
    """The package of a focal file's tests: that of its own test file, else that of most test files of the
    folder; its own for a command, which no test can import."""
    own = package_name((package.folder / focal).read_bytes()) or "main"
    if own == "main":
        return own
    clauses = {name: package_name((package.folder / name).read_bytes()) for name in package.tests}
    usual = clauses.get(f"{focal.removesuffix('.go')}_test.go")
    counts = Counter(clauses.values())
    external = f"{own}{_EXTERNAL}"
    return usual or (external if counts[external] > counts[own] else own)


def style_text(tests: bytes | None) -> str:
    """How a test file tests, as sentences for a prompt; about table tests and libraries."""
    if tests is None:
        return "Use package testing alone."
    style = style_of(parse(tests))
    libraries = " and ".join(style.libraries)
    asserts = f"Assert with {libraries}" if libraries else "Use package testing alone"
    return f"{asserts}, as the existing tests do." + (
        " Write tables of cases where there are several." if style.table_driven else ""
    )
