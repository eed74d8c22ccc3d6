"""The guides for extending goutbench are complete: a test follows each one in a copy of the package."""

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from plain_go import plain_go

from goutbench.golang.toolchain.installation import find_toolchain

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^ *```(python|diff)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`(src/goutbench/[\w/]+\.(?:py|go))`")


def follow(guide: str, copy: Path) -> None:
    """Write each python block of a guide to the file named before it; apply each diff block to that file."""
    text = (ROOT / "docs" / "howto" / guide).read_text("utf-8")
    for block in _BLOCK.finditer(text):
        path = copy / _FILE.findall(text[: block.start()])[-1]
        body = textwrap.dedent(block[2])
        if block[1] == "python":
            assert not path.exists(), f"{path} is no new file"
            path.write_text(body, "utf-8")
        else:
            apply_change(path, body.splitlines(keepends=True))


def apply_change(path: Path, lines: list[str]) -> None:
    before = "".join(line[1:] or "\n" for line in lines if not line.startswith("+"))
    after = "".join(line[1:] or "\n" for line in lines if not line.startswith("-"))
    source = path.read_text("utf-8")
    assert source.count(before) == 1, f"the lines that the guide shows of {path.name} are not in it"
    path.write_text(source.replace(before, after), "utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def python(copy: Path, *lines: str) -> str:
    command = [sys.executable, "-c", "\n".join(lines)]
    run = subprocess.run(
        command, env={"PYTHONPATH": str(copy / "src")}, cwd=copy, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_guide_for_a_pairing_rule_is_complete(copy: Path) -> None:
    follow("add-a-pairing-rule.md", copy)
    tree = copy / "tree" / "calc"
    (tree / "test").mkdir(parents=True)
    (tree / "add.go").write_text("package calc\n\nfunc Add(a, b int) int { return a + b }\n")
    (tree / "test" / "add_test.go").write_text(
        'package test\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {}\n'
    )
    (copy / "repos.yaml").write_text(
        "repositories:\n  - {name: o/calc, source: tree/calc, version: v1, declared_licence: MIT}\n"
    )
    arguments = ["curate", "repos.yaml", "--pairing", "test-folder", "--out", "dataset"]
    python(copy, "from goutbench.cli import app", f"app({arguments}, standalone_mode=False)")
    rows = python(
        copy,
        "from pathlib import Path",
        "from goutbench.dataset.store import read_pairs",
        "print([(pair.test_path, pair.pairing_rule) for pair in read_pairs(Path('dataset'))])",
    )
    assert rows == "[('test/add_test.go', 'test-folder')]\n"


def test_the_guide_for_a_leaderboard_column_is_complete(copy: Path) -> None:
    before = python(copy, *_HEADERS)
    follow("add-a-leaderboard-column.md", copy)
    after = python(copy, *_HEADERS)
    assert "flaky" not in before
    assert "flaky" in after
    assert "flaky_rate" in after


def test_the_guide_for_a_mutation_operator_is_complete(copy: Path) -> None:
    follow("add-a-mutation-operator.md", copy)
    helper = copy / "src/goutbench/golang/toolchain/gohelper"
    command = ["test", "-vet=off", "-v", "-run=Operator", "./mutation"]
    done = plain_go(find_toolchain(), command, helper)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "--- PASS: TestEveryOperatorMakesItsMutantsAndNoOthers/true-condition/0" in done.stdout


_HEADERS = (
    "from goutbench.report.results import Results",
    "from goutbench.report.tables.leaderboard import COLUMNS",
    "print([(column.name, column.header) for column in COLUMNS])",
)
