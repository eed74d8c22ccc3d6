"""Every command looks alike: help, names of values, --dataset, --json. One walk over all commands."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from judging import make_pair, write_dataset
from reporting import PASSED, write_run
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.cli.command import GROUPS, metavar
from goutbench.errors import ConfigError
from goutbench.execute.stage import select
from goutbench.records import Candidate

COMMANDS: dict[str, Any] = dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
GENERIC = re.compile(
    r"^  -.*?(\b(?:TEXT|INTEGER|PATH|FLOAT|FILENAME|DIRECTORY|DATETIME)\b|<\w+>|%Y)(?:  | <|$)", re.MULTILINE
)


def help_of(*words: str) -> str:
    done = CliRunner().invoke(app, [*words, "-h"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_follows_the_conventions(name: str) -> None:
    command = COMMANDS[name]
    line = command.get_short_help_str(200)
    assert 0 < len(line) < 50, line
    assert command.rich_help_panel in GROUPS
    options = {parameter.name: parameter for parameter in command.params}
    assert "--json" in options["as_json"].opts
    assert options["as_json"].is_flag
    dataset = options.get("dataset")
    if dataset is not None:  # the first option, or the first argument, which is also an option
        kind = dataset.param_type_name
        same = [p.name for p in command.params if p.param_type_name == kind]
        assert same[0] == "dataset"
    assert GENERIC.findall(help_of(name)) == []
    for parameter in command.params:
        assert parameter.help or getattr(parameter, "hidden", False), parameter.name


def test_the_help_lists_every_command_in_a_group() -> None:
    text = help_of()
    assert [group for group in GROUPS if f"{group}:" in text] == list(GROUPS)
    assert set(COMMANDS) == set(re.findall(r"^  ([a-z]+) +[A-Z]", text, re.MULTILINE))
    assert "--install-completion" in text


def test_an_option_without_a_kind_of_value_has_its_own_name() -> None:
    assert metavar("curate", "out") == "FOLDER"
    assert metavar("report", "out") == "PAGE"
    assert metavar("split", "balance") == "BALANCE"


@pytest.mark.parametrize("form", [["--dataset", "DATASET"], ["--dataset=DATASET"], ["DATASET"]])
def test_a_dataset_can_be_given_in_the_same_way_everywhere(tmp_path: Path, form: list[str]) -> None:
    dataset = str(write_dataset(tmp_path / "dataset", [make_pair(number) for number in range(3)]))
    words = ["generate", "--model", "baseline/empty", *(word.replace("DATASET", dataset) for word in form)]
    done = CliRunner().invoke(app, [*words, "--dry-run", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["items"] == 3


def test_a_report_as_json_has_its_page_and_its_numbers(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(3)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    run = write_run(tmp_path / "run", "m", pairs, lambda number: PASSED)
    arguments = ["report", str(run), "--dataset", str(dataset), "-o", str(tmp_path / "r.html"), "--json"]
    content = json.loads(CliRunner().invoke(app, arguments).stdout)
    assert content["page"] == str(tmp_path / "r.html")
    assert content["models"][0]["passed"] == 3
    assert content["warnings"] == []


def test_execute_selects_candidates_by_pair_and_at_random() -> None:
    candidates = [
        Candidate(str(number), f"p{number % 4}", "m", (), "code", "p", "merge", ()) for number in range(12)
    ]
    assert [c.id for c in select(candidates, 0, ["p1"], 1)] == ["1", "5", "9"]
    drawn = select(candidates, 5, [], 1)
    assert len(drawn) == 5
    assert [c.id for c in drawn] == sorted((c.id for c in drawn), key=int)
    assert drawn != select(candidates, 5, [], 2)
    assert select(candidates, 0, [], 1) == candidates
    with pytest.raises(ConfigError, match="no candidate is for the pair 'px'"):
        select(candidates, 0, ["px"], 1)


def test_the_version_names_what_decides_about_results() -> None:
    lines = CliRunner().invoke(app, ["--version"]).stdout.splitlines()
    names = [line.split()[0] for line in lines]
    assert names[:4] == ["goutbench", "python", "go", "sandbox"]
    assert {"inspect_ai", "pyarrow", "tree-sitter-go"} <= set(names)


def test_the_help_imports_nothing_that_is_slow() -> None:
    code = "import sys; from goutbench.cli import app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    slow = {"numpy", "pyarrow", "inspect_ai", "pydantic", "yaml", "tree_sitter", "jinja2", "asyncio"}
    assert slow & set(done.stdout.split()) == set()
