"""Damages a real test file in the ways of ways.yaml, so that goutbench and `go test` can disagree about it.

Names that are added contain "damaged", and imports get such a name, so that they collide with nothing.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from goutbench.golang.syntax.file import GoFile
from goutbench.golang.syntax.parser import parse

_PARAMETER = re.compile(rb"\(\s*(\w+)\s+\*testing\.T\s*\)")


class Way(BaseModel):
    """One way to damage a file; ways.yaml explains the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    statement: str = ""
    declaration: str = ""
    constraint: str = ""
    imports: tuple[str, ...] = ()
    change: Literal[
        "", "rename_package", "swap_packages", "cut", "only_package_clause", "skip_everything",
        "repeat_test", "without_testing", "empty_body",
    ] = ""  # fmt: skip


@cache
def ways() -> dict[str, Way]:
    """All ways by name."""
    groups = yaml.safe_load(Path(__file__).with_name("ways.yaml").read_text())
    return {name: Way(**fields) for group in groups.values() for name, fields in group.items()}


def mutilate(text: str, way: Way) -> str | None:
    """The damaged text; None where the file has no test to damage."""
    file = parse(text.encode())
    test = first_test(file)
    if test is None or file.package_span is None or file.errors:
        return None
    name, parameter, opening = test
    source, end = file.source, file.package_span[1]
    if way.change:
        changed = CHANGES[way.change](file, name)
        return None if changed is None or changed == text else changed
    imports = "".join(f'\nimport damaged{path.rpartition("/")[2]} "{path}"\n' for path in way.imports)
    statement = way.statement.replace("$t", parameter)
    parts = [
        f"{way.constraint}\n\n" if way.constraint else "",
        source[:end].decode(),
        imports,
        source[end : opening + 1].decode(),
        f"\n{statement}\n" if statement else "",
        source[opening + 1 :].decode(),
        f"\n{way.declaration}\n" if way.declaration else "",
    ]
    return "".join(parts)


def first_test(file: GoFile) -> tuple[str, str, int] | None:
    """Name, parameter and the offset of the body's brace of the first test that names its parameter."""
    for test in file.tests:
        declaration = file.declarations[test.declaration]
        if test.kind == "test" and declaration.body is not None:
            match = _PARAMETER.search(file.source, declaration.node_start, declaration.body[0])
            if match is not None and match[1] != b"_":
                return test.name, match[1].decode(), declaration.body[0]
    return None


# ── changes of the whole text: the file and the first test's name → the new text ──────────────────


def rename_package(file: GoFile, name: str) -> str:
    return with_package(file, "damagedpackage")


def swap_packages(file: GoFile, name: str) -> str:
    """An internal test becomes external, and the other way round."""
    package = file.package or ""
    return with_package(file, package.removesuffix("_test") if "_test" in package else f"{package}_test")


def with_package(file: GoFile, package: str) -> str:
    start, end = file.package_span or (0, 0)
    return f"{file.source[:start].decode()}package {package}{file.source[end:].decode()}"


def cut(file: GoFile, name: str) -> str:
    return file.source.decode().rstrip().removesuffix("}")


def only_package_clause(file: GoFile, name: str) -> str:
    return f"package {file.package}\n"


def skip_everything(file: GoFile, name: str) -> str | None:
    """Every test skips; None where the file also has fuzz targets or examples."""
    text, after = b"", 0
    for test in file.tests:
        declaration = file.declarations[test.declaration]
        if test.kind == "benchmark" or declaration.body is None:
            continue
        match = _PARAMETER.search(file.source, declaration.node_start, declaration.body[0])
        if match is None or match[1] == b"_":
            return None
        opening = declaration.body[0] + 1
        text += file.source[after:opening] + b'\nif true { %s.Skip("damaged") }\n' % match[1]
        after = opening
    return (text + file.source[after:]).decode()


def repeat_test(file: GoFile, name: str) -> str:
    return f"{file.source.decode()}\nfunc {name}(t *testing.T) {{}}\n"


def without_testing(file: GoFile, name: str) -> str | None:
    for spec in file.imports:
        if spec.path == "testing":
            return (file.source[: spec.start] + file.source[spec.end :]).decode()
    return None


def empty_body(file: GoFile, name: str) -> str:
    """The first test does nothing; what it used may be unused now."""
    declaration = next(d for d in file.declarations if d.kind == "func" and name in d.names)
    start, end = declaration.body or (0, 0)
    return f"{file.source[:start].decode()}{{}}{file.source[end:].decode()}"


CHANGES: dict[str, Callable[[GoFile, str], str | None]] = {
    change.__name__: change
    for change in (
        rename_package, swap_packages, cut, only_package_clause, skip_everything, repeat_test,
        without_testing, empty_body,
    )
}  # fmt: skip
