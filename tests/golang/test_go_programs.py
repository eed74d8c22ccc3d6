"""The Go programs of this package: their own tests, and their table of mutation operators."""

from pathlib import Path

import pytest

import goutbench.golang.toolchain
from goutbench.golang.toolchain.helper import GoHelper
from goutbench.golang.toolchain.installation import Toolchain, run_go
from goutbench.golang.toolchain.mutation import operators

PROGRAMS = Path(goutbench.golang.toolchain.__file__).parent


@pytest.mark.parametrize("program", ["gohelper", "sandboxinit"])
def test_the_go_tests_pass(toolchain: Toolchain, go_environment: dict[str, str], program: str) -> None:
    done = run_go(toolchain, ["test", "-vet=off", "./..."], cwd=PROGRAMS / program, env=go_environment)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_go_package_has_tests() -> None:
    for folder in {path.parent for path in PROGRAMS.rglob("*.go")} - {PROGRAMS / "testwitness"}:
        assert list(folder.glob("*_test.go")), folder


def test_the_helper_lists_its_operators(helper: GoHelper) -> None:
    table = operators(helper)
    assert len({operator.name for operator in table}) == len(table) > 0
    assert all(operator.doc and operator.example for operator in table)


def test_the_reference_page_has_the_operators_in_their_order(helper: GoHelper) -> None:
    page = (PROGRAMS.parents[3] / "docs" / "reference" / "mutation-operators.md").read_text("utf-8")
    rows = [row.replace("`", "").replace("\\|", "|") for row in page.splitlines() if row.startswith("| `")]
    table = [f"| {operator.name} | {operator.doc} | {operator.example} |" for operator in operators(helper)]
    assert rows[: len(table)] == [row.replace("`", "") for row in table]


def test_no_python_module_lists_an_operator(helper: GoHelper) -> None:
    package = PROGRAMS.parents[1]
    names = [operator.name for operator in operators(helper) if "-" in operator.name]
    for path in package.rglob("*.py"):
        quoted = [name for name in names if f'"{name}"' in path.read_text("utf-8")]
        assert not quoted, f"{path} names {quoted}"
