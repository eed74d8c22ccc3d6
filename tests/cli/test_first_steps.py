"""What a newcomer meets: the next command can be pasted, silence is short, and what is missing has a name."""

import gc
import json
import re
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from judging import make_pair, with_inspect, write_dataset
from reporting import PASSED, write_run
from tiny_repository import tiny_repository
from typer.testing import CliRunner
from workfolder import shared_work

from goutbench import console
from goutbench.cli import app
from goutbench.dataset.store import read_manifest
from goutbench.errors import ConfigError, DatasetError, ToolError
from goutbench.generate.items import read_items
from goutbench.generate.options import GenerateOptions
from goutbench.train.recipe import built_in_recipes, load_recipe, recipe_file


@pytest.fixture
def inspect_tidied() -> Iterator[None]:
    """Collects the streams that Inspect leaves unclosed here, where their warnings are ignored."""
    yield
    gc.collect()


def run(command: str) -> str:
    """The standard output of a command as it is pasted into a shell."""
    done = CliRunner().invoke(app, shlex.split(command.removeprefix("goutbench ")), catch_exceptions=False)
    assert done.exit_code == 0, f"{command}: {done.output}"
    return done.stdout


def following(command: str) -> Iterator[str]:
    """The commands that each one suggests, from this one on; each is pasted."""
    while True:
        yield command
        suggested = re.findall(r"^next: (.*)$", run(command), re.MULTILINE)
        if not suggested:
            return
        (command,) = suggested


@pytest.mark.filterwarnings("ignore")
def test_every_next_command_works_when_it_is_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOUTBENCH_CACHE", str(shared_work("first_steps")))
    tiny_repository(tmp_path / "code")
    (tmp_path / "my repos.yaml").write_text("repositories: [{name: example/tiny, source: code}]\n")
    first = "goutbench curate 'my repos.yaml' --out 'my data'"
    stages = [shlex.split(command)[1] for command in following(first)]
    assert stages == ["curate", "split", "execute", "report"]
    run("goutbench generate 'my data' --model baseline/no-assertions --unit function --out run-a")
    stages = [shlex.split(command)[1] for command in following(_next_of("run-a", "my data"))]
    assert stages == ["execute", "report"]
    assert len(list(tmp_path.glob("report*.html"))) == 2


def _next_of(run_folder: str, dataset: str) -> str:
    arguments = ["goutbench", "generate", dataset, "--model", "baseline/no-assertions", "--unit", "function"]
    text = run(shlex.join([*arguments, "--out", run_folder]))
    return re.findall(r"^next: (.*)$", text, re.MULTILINE)[0]


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        ("report RUN --dataset DATASET", "altair", "report"),
        ("describe DATASET", "vl_convert", "report"),
        ("train focal-function --dataset DATASET", "torch", "train"),
        ("harvest RUN --dataset DATASET", "duckdb", "train"),
    ],
)
def test_a_missing_extra_is_one_error_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, module: str, extra: str
) -> None:
    pairs = [make_pair(number) for number in range(3)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    folder = write_run(tmp_path / "run", "m", pairs, lambda number: PASSED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    names = {"RUN": str(folder), "DATASET": str(dataset)}
    done = CliRunner().invoke(app, [names.get(word, word) for word in command.split()])
    assert isinstance(done.exception, ToolError)
    assert done.exception.hint == f"pip install 'goutbench[{extra}]'"
    assert repr(module) in str(done.exception)


def test_built_in_recipes_are_listed_and_read_by_name() -> None:
    names = [recipe.name for recipe in built_in_recipes()]
    assert {"demo", "focal-function", "self-contained-function"} <= set(names)
    text = run("goutbench recipes")
    for name in names:
        assert name in text
        assert load_recipe(name, {"sft.max_steps": 3}).sft.max_steps == 3
    with pytest.raises(ConfigError, match="no such recipe") as caught:
        recipe_file("focal-funktion")
    assert "focal-function" in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        recipe_file("configs/train/demo.yaml")
    assert caught.value.hint == "the recipe is built in: goutbench train demo"


def test_a_command_shows_at_once_what_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_LINE_SECONDS", 0.5)
    shown: list[str] = []
    monkeypatch.setattr(console, "_print_line", shown.append)
    with console.show_steps("reading") as on_step:
        assert shown == ["reading"]
        on_step("comparing")
        time.sleep(1.3)
    assert shown[:2] == ["reading", "comparing"]
    assert shown[2:] == ["comparing: 1 s"]


def test_an_unknown_split_lists_those_that_exist(tmp_path: Path) -> None:
    from goutbench.split import Balance, SplitOptions, split

    dataset = write_dataset(tmp_path / "dataset", [make_pair(number) for number in range(12)])
    with pytest.raises(ConfigError) as caught:
        read_items(dataset, GenerateOptions(split="leakfree:test"))
    assert f"goutbench split {dataset}" in caught.value.hint
    (dataset / "README.md").write_text("---\nconfigs: []\n---\n")
    split(dataset, "paper", SplitOptions(), Balance())
    for name in ("paper:dev", "leakfree:test", "paper"):
        with pytest.raises(ConfigError) as caught:
            read_items(dataset, GenerateOptions(split=name))
        assert "one of: paper:test, paper:train" in caught.value.hint


def test_a_folder_that_is_no_dataset_is_called_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "unfinished" / "data").mkdir(parents=True)
    (tmp_path / "file").touch()
    expected = {
        "nowhere": "no such folder", "empty": "not a dataset:", "file": "not a folder",
        "unfinished": "not a finished dataset:",
    }  # fmt: skip
    for name, what in expected.items():
        with pytest.raises(DatasetError, match=what) as caught:
            read_manifest(tmp_path / name)
        assert "curate" in caught.value.hint


@pytest.mark.filterwarnings("ignore")
@with_inspect
def test_run_is_the_whole_loop_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOUTBENCH_CACHE", str(shared_work("first_steps")))
    tiny_repository(tmp_path / "code")
    (tmp_path / "repos.yaml").write_text("repositories: [{name: example/tiny, source: code}]\n")
    for name, test in (("a", "if Double(2) != 4 { t.Error() }"), ("b", "if Double(2) != 5 { t.Error() }")):
        reply = f'package tiny\n\nimport "testing"\n\nfunc TestIt(t *testing.T) {{ {test} }}\n'
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"contains": "", "reply": reply}) + "\n")
    command = "goutbench run repos.yaml --model scripted/a.jsonl --model scripted/b.jsonl --mutants 5"
    printed = run(command)
    rows = {words[0]: words[1:] for line in printed.splitlines() if (words := line.split())}
    assert rows["scripted/a.jsonl"] == ["1", "100.0%", "100.0%", "100.0%", "100.0%"]
    assert rows["scripted/b.jsonl"][:3] == ["1", "100.0%", "0.0%"]
    assert rows["baseline/reference"][:3] == ["1", "100.0%", "100.0%"]
    assert printed.endswith("page: goutbench-run/report.html\n")
    assert "scripted/b.jsonl" in (tmp_path / "goutbench-run" / "report.html").read_text()
    calls = [path.read_bytes() for path in sorted(tmp_path.glob("goutbench-run/runs/*/*.jsonl"))]
    assert run(command) == printed
    assert [path.read_bytes() for path in sorted(tmp_path.glob("goutbench-run/runs/*/*.jsonl"))] == calls
    (tmp_path / "repos.yaml").write_text("repositories: [{name: other/name, source: code}]\n")
    done = CliRunner().invoke(app, shlex.split(command)[1:])
    assert isinstance(done.exception, ConfigError)
    assert "another configuration" in str(done.exception)


@pytest.mark.filterwarnings("ignore")
@with_inspect
def test_run_fails_where_nothing_can_be_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOUTBENCH_CACHE", str(shared_work("first_steps")))
    tiny_repository(tmp_path / "code", constraint="//go:build windows")
    (tmp_path / "repos.yaml").write_text("repositories: [{name: example/tiny, source: code}]\n")
    (tmp_path / "a.jsonl").write_text(json.dumps({"contains": "", "reply": "func TestIt("}) + "\n")
    done = CliRunner().invoke(app, shlex.split("run repos.yaml --model scripted/a.jsonl"))
    assert isinstance(done.exception, ToolError)
    assert "no test was executed: all 3 results" in str(done.exception)
    assert (tmp_path / "goutbench-run" / "report.html").is_file()
