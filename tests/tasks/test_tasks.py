"""Tasks: chosen by rule from real executions of the baselines, the same bytes twice."""

import json
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from judging import make_pair, write_dataset
from workfolder import shared_work

from goutbench.dataset.reading import read_records
from goutbench.dataset.store import file_hash, write_rows
from goutbench.errors import ConfigError, DatasetError
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.stage import run_stage
from goutbench.generate.items import read_items
from goutbench.generate.options import GenerateOptions
from goutbench.generate.stage import generate
from goutbench.locations import CANDIDATES
from goutbench.records import Pair
from goutbench.tasks.draw import draw_evenly, thirds
from goutbench.tasks.harbor.export import NO_SOLUTION, export_harbor
from goutbench.tasks.harbor.verify import judge
from goutbench.tasks.rule import Rule
from goutbench.tasks.score import options_for, read_task_manifest
from goutbench.tasks.stage import make_tasks
from goutbench.tasks.task import VerifiedTask

CALC = Path(__file__).parents[1] / "data" / "execute" / "calc"
TEST = """package calc

import "testing"

func TestClamp(t *testing.T) {
	for x, want := range map[int]int{0: 1, 1: 1, 2: 2, 3: 3, 4: 3} {
		if got := Clamp(x, 1, 3); got != want {
			t.Errorf("Clamp(%d) = %d", x, got)
		}
	}
}

func TestAdd(t *testing.T) {
	if Add(2, 3) != 5 {
		t.Error()
	}
}
"""
RUNS = (("reference", "file"), ("reference", "function"), ("no-assertions", "file"))


def a_pair(id: str, test: str, year: int) -> Pair:
    first = datetime(year, 5, 1, tzinfo=UTC)
    return replace(
        make_pair(0), id=id, repository="example/calc", code=(CALC / "calc.go").read_text(), test=test,
        code_path="calc.go", test_path="calc_test.go", code_first_date=first,
    )  # fmt: skip


@pytest.fixture(scope="module")
def baselines(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A split dataset of two pairs, one of which fails, and the executed runs of baselines."""
    folder = tmp_path_factory.mktemp("tasks")
    shutil.copytree(CALC, folder / "repos" / "example" / "calc")
    calc = folder / "repos" / "example" / "calc"
    git = ["git", "-C", str(calc), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "calc"], ["rev-parse", "HEAD"]):
        head = subprocess.run([*git, *command], check=True, capture_output=True, text=True).stdout.strip()
    pairs = [a_pair("right", TEST, 2020), a_pair("wrong", TEST.replace("!= 5", "== 5"), 2024)]
    pairs = [replace(pair, revision=head) for pair in pairs]
    dataset, runs = write_dataset(folder / "dataset", pairs), []
    rows = [{"pair_id": pair.id, "group": f"group of {pair.id}", "split": "test"} for pair in pairs]
    write_rows(dataset / "splits" / "leakfree.parquet", rows)
    for name, unit in RUNS:
        runs.append(folder / f"{name}-{unit}")
        generate(dataset, runs[-1], f"baseline/{name}", GenerateOptions(unit=unit))
        run_stage(
            runs[-1] / CANDIDATES, dataset, folder / "repos", runs[-1], work=shared_work("tasks"),
            options=ExecuteOptions(repeat=2, mutants=0),
        )  # fmt: skip
    return dataset, runs


def test_tasks_have_a_ceiling_and_floors_that_tell_the_baselines_apart(
    baselines: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    made = make_tasks(*baselines, tmp_path / "tasks", rule=Rule(min_killed=4))
    assert [(task.unit, task.focal) for task in made.tasks] == [("file", ()), ("function", ("Clamp",))]
    assert made.excluded == {
        "the reference test kills fewer than 4 mutants": 1,  # Add
        "the reference test: assertion": 3,
    }
    file, function = made.tasks
    assert file.floor_no_assertions_coverage == file.ceiling_coverage > 0
    assert file.floor_no_assertions_score == 0.0 < file.ceiling_score
    assert (file.floor_smoke_score, function.floor_no_assertions_score) == (None, None)
    assert function.ceiling_coverage == 1.0
    assert {(task.group, task.split) for task in made.tasks} == {("group of right", "test")}
    assert read_records(tmp_path / "tasks" / "tasks.parquet", VerifiedTask) == list(made.tasks)


def test_equal_input_gives_equal_bytes_and_the_manifest_has_their_hash(
    baselines: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    for folder in ("one", "two"):
        make_tasks(*baselines, tmp_path / folder, rule=Rule(min_killed=4), count=1, seed=7)
    for name in ("tasks.parquet", "manifest.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    assert manifest["files"]["tasks.parquet"]["sha256"] == file_hash(tmp_path / "one" / "tasks.parquet")
    assert manifest["units"] == {"file": 1, "function": 1}


def test_a_fresh_window_has_only_files_that_are_younger(
    baselines: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    fresh = Rule(min_killed=4, fresh_after=datetime(2019, 1, 1, tzinfo=UTC))
    assert len(make_tasks(*baselines, tmp_path, rule=fresh).tasks) == 2
    with pytest.raises(ConfigError, match="no item can be a task") as error:
        make_tasks(*baselines, tmp_path, rule=replace(fresh, fresh_after=datetime(2021, 1, 1, tzinfo=UTC)))
    assert "not fresh (3)" in (error.value.hint or "")


def test_runs_that_decide_nothing_are_errors(baselines: tuple[Path, list[Path]], tmp_path: Path) -> None:
    dataset, runs = baselines
    with pytest.raises(ConfigError, match="no run has reference tests"):
        make_tasks(dataset, [run for run in runs if run.name.startswith("no-")], tmp_path)
    with pytest.raises(ConfigError, match="an earlier run has reference"):
        make_tasks(dataset, [runs[0], runs[0]], tmp_path)
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(runs[2] / "executions.parquet", bare)
    with pytest.raises(ConfigError, match="the run lacks its candidates"):
        make_tasks(dataset, [runs[0], bare], tmp_path)
    with pytest.raises(ConfigError, match="a run without executions"):
        make_tasks(dataset, [tmp_path], tmp_path)
    unsplit = write_dataset(tmp_path / "unsplit", [a_pair("right", TEST, 2020), a_pair("wrong", TEST, 2020)])
    with pytest.raises(ConfigError, match="no leak-free split"):
        make_tasks(unsplit, runs, tmp_path, rule=Rule(min_killed=4))


def test_the_options_of_all_runs_are_those_of_the_ceilings(
    baselines: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    dataset, runs = baselines
    rule = Rule(min_killed=4)
    make_tasks(dataset, runs, tmp_path / "tasks", rule=rule)
    proof = {"mutants": 0, "seed": 1, "repeat": 2, "siblings": "all", "ignore_texts": False, "short": False}
    assert read_task_manifest(tmp_path / "tasks")["proof"] == proof
    with pytest.raises(ConfigError, match="proven with other mutants"):
        options_for(tmp_path / "tasks", ExecuteOptions(mutants=60))
    other = shutil.copytree(runs[2], tmp_path / "other")
    (other / "execute.json").write_text((other / "execute.json").read_text().replace('"2"', '"3"'))
    with pytest.raises(ConfigError, match=r"other options \(repeat\)"):
        make_tasks(dataset, [*runs[:2], other], tmp_path / "tasks", rule=rule)


def test_tasks_of_kind_write_are_judged_with_the_options_of_their_ceiling(
    baselines: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    dataset, runs = baselines
    repos, tasks = dataset.parent / "repos", tmp_path / "tasks"
    made = make_tasks(dataset, runs, tasks, rule=Rule(min_killed=4))
    assert len(export_harbor(tasks, dataset, tmp_path / "all", repos).folders) == len(made.tasks) == 2
    (folder,) = (path for path in (tmp_path / "all").iterdir() if made.tasks[1].id in path.name)
    solution = (folder / "solution" / "answer.go.txt").read_text()
    assert judge(folder / "tests", made.tasks[1], solution, tmp_path / "out", shared_work("tasks")) == 0
    reward = json.loads((tmp_path / "out" / "reward.json").read_text())
    assert reward["reward"] == reward["ceiling"] == made.tasks[1].ceiling_score
    options = json.loads((tmp_path / "out" / "run" / "execute.json").read_text())["options"]
    assert (options["mutants"], options["repeat"]) == ("0", "2")
    (tasks / "solutions.parquet").unlink()
    assert export_harbor(tasks, dataset, tmp_path / "one", repos).excluded == {NO_SOLUTION: 1}
    (tasks / "manifest.json").write_text("{}")
    with pytest.raises(ConfigError, match="no options of the ceilings"):
        export_harbor(tasks, dataset, tmp_path / "none", repos)


def test_a_model_is_asked_about_the_tasks_and_nothing_else(
    baselines: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    dataset, folder = baselines[0], tmp_path / "tasks"
    make_tasks(*baselines, folder, rule=Rule(min_killed=4))
    options = GenerateOptions(unit="function", tasks=str(folder))
    (item,) = read_items(dataset, options)
    assert (item.pair.id, item.focal) == ("right", ("Clamp",))
    assert [item.pair.id for item in read_items(dataset, replace(options, unit="file"))] == ["right"]
    with pytest.raises(ConfigError, match="no prompt for the task Clamp"):
        read_items(dataset, replace(options, budget=5))
    other = write_dataset(tmp_path / "other", [make_pair(1)])
    with pytest.raises(ConfigError, match=r"the dataset lacks calc\.go of a task"):
        read_items(other, options)
    with pytest.raises(ConfigError, match="not a folder of tasks"):
        read_items(dataset, replace(options, tasks=str(tmp_path)))
    shutil.copy(dataset / "splits" / "leakfree.parquet", folder / "tasks.parquet")
    with pytest.raises(DatasetError, match="not those of the manifest"):
        read_items(dataset, options)


def test_repositories_take_turns_and_so_do_sizes_within_them() -> None:
    strata = {
        f"{name}{number}": (name, "small" if number < 90 else "large")
        for name in "ab"
        for number in range(100)
    }
    drawn = draw_evenly(strata, 40, seed=3)
    assert Counter(strata[item] for item in drawn) == {
        (name, size): 10 for name in "ab" for size in ("small", "large")
    }
    assert drawn == draw_evenly(dict(reversed(strata.items())), 40, seed=3)
    assert drawn != draw_evenly(strata, 40, seed=4)
    assert draw_evenly(strata, 30, seed=3) == drawn[:30]


def test_thirds_put_equal_values_together() -> None:
    assert thirds({"a": 1, "b": 5, "c": 9}) == {"a": "small", "b": "medium", "c": "large"}
    assert set(thirds(dict.fromkeys("abc", 4)).values()) == {"large"}
    assert thirds({}) == {}
