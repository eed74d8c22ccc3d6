"""The command `goutbench chunk`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.errors import ConfigError

SHOP = Path(__file__).parent / "shop.go"


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["chunk", *arguments], env={"COLUMNS": "200"}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_file_within_the_budget_is_printed_unchanged() -> None:
    assert run(str(SHOP)) == SHOP.read_text()


def test_json_prints_the_records() -> None:
    rows = [json.loads(line) for line in run(str(SHOP), "--budget", "300", "--json").splitlines()]
    assert len(rows) > 2
    assert [row["index"] for row in rows] == list(range(len(rows)))
    assert all(row["tokens"] <= 300 for row in rows)
    assert {"Cart.Put", "Map", "init", "init#2"} <= {key for row in rows for key in row["functions"]}


def test_explain_prints_a_table_of_chunks_tokens_and_cut_edges() -> None:
    table = run(str(SHOP), "--budget", "300", "--explain")
    assert "Cart.Checkout" in table
    assert "in outline" in table
    assert "at most 300 tokens (estimate)" in table
    assert "package shop" not in table


def test_function_chunks_name_the_tests_that_exercise_them(tmp_path: Path) -> None:
    tests = tmp_path / "shop_test.go"
    tests.write_text('package shop\nimport "testing"\nfunc TestNew(t *testing.T) { New("x") }\n')
    table = run(str(SHOP), "--functions", "--tests", str(tests), "--explain")
    assert "TestNew: call; name" in table


def test_shorten_brings_a_declaration_within_the_budget() -> None:
    over = [json.loads(line) for line in run(str(SHOP), "--budget", "100", "--json").splitlines()]
    assert any(row["over_budget"] for row in over)
    rows = [
        json.loads(line) for line in run(str(SHOP), "--budget", "100", "--shorten", "--json").splitlines()
    ]
    assert not any(row["over_budget"] for row in rows)
    assert [row["shortened"] for row in rows] == [row["over_budget"] for row in over]


def test_wrong_arguments_are_config_errors(tmp_path: Path) -> None:
    for arguments in (
        [str(tmp_path / "none.go")],
        [str(tmp_path)],
        [str(SHOP), "--tokenizer", "nowhere"],
        [str(SHOP), "--tests", str(SHOP)],
    ):
        with pytest.raises(ConfigError):
            run(*arguments)
