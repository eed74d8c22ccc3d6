"""The ladder is defined once, in records.py: a rung or a status that is added there appears everywhere."""

import ast
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import fields
from pathlib import Path

import pytest

import goutbench
from goutbench.records import MutantStatus, Mutation, Rung, Status

PACKAGE = Path(goutbench.__file__).parent
HELPERS = Path(__file__).parent / "helpers"
STATUSES = {status.value for status in Status}
RUNGS = {rung.value for rung in Rung}
MUTANT_STATUSES = {status.value for status in MutantStatus}

CHECK = """
import csv
import sys
from pathlib import Path

import goutbench
from judging import make_pair, write_dataset
from reporting import PASSED, execution, write_run

folder = Path(sys.argv[1])
assert Path(goutbench.__file__).is_relative_to(folder), goutbench.__file__

from goutbench.execute.journal import open_journal
from goutbench.execute.progress import tally
from goutbench.execute.reward import reward_of
from goutbench.records import Rung, Status
from goutbench.report.stage import report

assert [rung.value for rung in Rung][3:6] == ["vet", "format", "build"]
assert Rung.FORMAT.reaches(Rung.VET) and not Rung.FORMAT.reaches(Rung.BUILD)
assert Rung.RUNS.reaches(Rung.FORMAT)

pairs = [make_pair(number) for number in range(4)]
vetoed = (Status.UNFORMATTED, Rung.FORMAT, "gofmt")
run = write_run(folder / "run", "model", pairs, lambda number: vetoed if number else PASSED)
records = [execution(str(n), pair, "model", *(vetoed if n else PASSED)) for n, pair in enumerate(pairs)]
assert tally(records) == "3 not formatted, 1 passed"
assert [reward_of(record) for record in records[1:]] == [0.18] * 3
with open_journal(folder / "journal") as journal:
    journal.add(records[1].id, records[1])
assert open_journal(folder / "journal").records == {records[1].id: records[1]}

page = folder / "report.html"
report([run], write_dataset(folder / "dataset", pairs), page)


def table(name):
    with (folder / "report_files" / "data" / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


steps = {row["step"]: row["model"] for row in table("ladder")}
assert list(steps)[list(steps).index("vet") :][:3] == ["vet", "format", "build"], steps
assert (steps["vet"], steps["format"], steps["build"]) == ("4", "4", "1"), steps
(leader,) = table("leaderboard")
assert (leader["built"], leader["passed"], leader["items"]) == ("1", "1", "4"), leader
assert {"passed": "1", "unformatted": "3"} == {row["class"]: row["model"] for row in table("failures")}
text = page.read_text()
assert "is formatted" in text and "not formatted" in text
"""


def test_a_new_rung_and_a_new_status_appear_in_ladder_leaderboard_reward_and_progress(tmp_path: Path) -> None:
    copy = tmp_path / "src" / "goutbench"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    records = (copy / "records.py").read_text()
    for before, line in (
        ("    BUILD = ", '    FORMAT = "format", "is formatted", 0.18\n'),
        ("    NO_TESTS_RAN = ", '    UNFORMATTED = "UNFORMATTED", "not formatted"\n'),
    ):
        assert records.count(before) == 1
        records = records.replace(before, line + before)
    (copy / "records.py").write_text(records)
    (tmp_path / "check.py").write_text(CHECK)
    env = {**os.environ, "PYTHONPATH": f"{tmp_path / 'src'}{os.pathsep}{HELPERS}"}
    command = [sys.executable, str(tmp_path / "check.py"), str(tmp_path)]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_only_records_spells_a_status_or_a_rung() -> None:
    modules = (path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "records.py")
    spelled = {str(path): literals(ast.parse(path.read_text(encoding="utf-8"))) for path in modules}
    assert {path: lines for path, lines in spelled.items() if lines} == {}


def literals(tree: ast.AST) -> list[str]:
    """Statuses, rungs and statuses of mutants that are written as texts.

    A status counts anywhere. Rungs and statuses of mutants are common words: a rung counts as the value of a
    name with "rung" in it, and more than two of either count in one list, tuple, set or dictionary.
    """
    return [
        f"line {node.lineno}: {', '.join(sorted(map(str, names)))}"
        for node in ast.walk(tree)
        if isinstance(node, ast.expr | ast.keyword) and (names := _names(node))
    ]


def _names(node: ast.expr | ast.keyword) -> set[str]:
    if isinstance(node, ast.Constant):
        return {node.value} & STATUSES if isinstance(node.value, str) else set()
    if isinstance(node, ast.keyword):
        return _texts([node.value]) & RUNGS if "rung" in (node.arg or "") else set()
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        return _texts(sides) & RUNGS if any("rung" in ast.unparse(side).lower() for side in sides) else set()
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        texts = _texts(node.elts)
    elif isinstance(node, ast.Dict):
        texts = _texts([key for key in node.keys if key is not None])
    else:
        return set()
    return {text for names in (RUNGS, MUTANT_STATUSES) if len(texts & names) > 2 for text in texts & names}


def _texts(nodes: list[ast.expr]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize(
    "code",
    [
        "status = 'PASSED'",
        "replace(record, rung='runs')",
        "if record.rung == 'pass': ...",
        "STEPS = {'none': 0.0, 'syntax': 0.05, 'types': 0.15}",
        "LADDER = ('build', 'runs', 'pass')",
        "names = ['killed', 'survived', 'timed_out']",
    ],
)
def test_a_spelled_status_or_rung_is_detected(code: str) -> None:
    assert literals(ast.parse(textwrap.dedent(code)))


def test_the_counts_of_a_mutation_have_the_names_of_the_statuses() -> None:
    assert {status.value for status in MutantStatus} <= {field.name for field in fields(Mutation)}
