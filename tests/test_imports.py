"""The import rule of the package: records and errors below, stages side by side, the command line on top."""

import ast
from pathlib import Path

import pytest

import goutbench

PACKAGE = Path(goutbench.__file__).parent
BASE = {"records", "errors"}
MIDDLE = {"store", "config", "golang", "journal", "metrics", "scale", "card", "croissant", "console"}
SHARED = {
    "chunk", "dedup", "embed", "examples", "figures", "models", "prompt", "secrets", "surroundings",
    "templates",
}  # fmt: skip
TOP = {"cli", "__main__", "__init__", "_registry"}


def units() -> dict[str, list[Path]]:
    """Top-level module or package → its files."""
    found: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        found.setdefault(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), []).append(path)
    return found


def imported(path: Path) -> set[str]:
    """The top-level units of the package that a file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    dotted = [name.split(".") for name in names if name.split(".")[0] == "goutbench"]
    return {parts[1] for parts in dotted if len(parts) > 1} - {"__version__"}


@pytest.mark.parametrize("unit", sorted(units().keys() - TOP))
def test_a_unit_imports_only_what_lies_below_it(unit: str) -> None:
    allowed = BASE | {unit}
    if unit in MIDDLE or unit not in BASE:
        allowed |= MIDDLE
    if unit not in BASE | MIDDLE:
        allowed |= SHARED
    for path in units()[unit]:
        assert imported(path) <= allowed, path


def test_records_and_errors_import_nothing_of_the_package() -> None:
    for unit in BASE:
        for path in units()[unit]:
            assert imported(path) <= BASE, path


def test_there_is_no_module_of_odds_and_ends() -> None:
    assert not list(PACKAGE.rglob("util*.py"))
