"""Rows from executed runs: the best, distinct, with the prompts of `generate`, none of held-out groups."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from judging import make_pair, write_dataset
from shopruns import OPTIONS, STRONG
from tinymodel import write_tiny_model
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.dataset.store import read_pairs, read_table, to_table, write_table
from goutbench.errors import DatasetError, GoutbenchError
from goutbench.generate.items import read_items
from goutbench.generate.tuned import differs_from_training
from goutbench.harvest.select import HarvestOptions
from goutbench.harvest.stage import harvest
from goutbench.records import Pair, SplitAssignment

pytestmark = pytest.mark.filterwarnings("ignore")  # of Inspect, torch and transformers

Runs = tuple[Path, Path]


def test_the_best_distinct_samples_of_training_groups_become_rows(
    runs: Runs, dataset: Path, tmp_path: Path
) -> None:
    result = harvest(runs, dataset, "paper", tmp_path / "rows")
    assert {row.functions: row.run for row in result.rows} == {("Sum",): "strong", ("Reverse",): "strong"}
    assert result.candidates == 8
    assert result.excluded == {
        "of held-out groups": 2,
        "not selected by --where": 1,
        "like the test of a held-out pair": 1,
        "near-duplicates of a better row": 1,
        "beyond the best of their function": 1,
    }
    promised = [overlap for overlap in result.proof if overlap.promised_zero]
    assert {overlap.side for overlap in promised} == {"code", "test"}
    assert all(overlap.first_rows == 0 for overlap in promised)
    assert len(read_table(tmp_path / "rows" / "proof.parquet")) == len(result.proof)


def test_a_row_has_the_prompt_of_generate_and_leads_to_its_records(
    runs: Runs, dataset: Path, tmp_path: Path
) -> None:
    harvest(runs, dataset, "paper", tmp_path / "rows")
    asked = {prompt.focal: prompt for item in read_items(dataset, OPTIONS) for prompt in item.prompts}
    for row in read_table(tmp_path / "rows" / "rows.parquet").to_pylist():
        prompt, run = asked[tuple(row["functions"])], runs[1]
        assert tuple((part["role"], part["content"]) for part in row["messages"]) == prompt.messages
        assert (row["prompt"], row["prompt_hash"], row["prompt_id"]) == (
            "default",
            prompt.prompt_hash,
            prompt.id,
        )
        candidates = {one["id"]: one for one in read_table(run / "candidates.parquet").to_pylist()}
        executions = {one["id"]: one for one in read_table(run / "executions.parquet").to_pylist()}
        code = candidates[row["candidate_id"]]["code"]
        assert row["completion"] == f"```go\n{code.rstrip()}\n```\n"
        assert STRONG[row["functions"][0]].split("{")[1].strip() in row["completion"]
        execution = executions[row["execution_id"]]
        assert (row["status"], row["mutation_score"]) == ("PASSED", execution["mutation_score"])
        assert row["mutation_score"] > 0.5
        assert (row["model"], row["sample"], row["revision"]) == (execution["model"], 0, "")


@pytest.mark.parametrize(
    ("options", "functions"),
    [
        (HarvestOptions(per_function=2), ["Reverse", "Sum", "Sum"]),
        (
            HarvestOptions(where="mutation_score > 0.5 AND coverage = 1 AND branch_coverage = 1"),
            ["Reverse", "Sum"],
        ),
        (HarvestOptions(where="run = 'weak' AND prompt = 'default' AND passed[1] = 'TestNothing'"), ["Sum"]),
        (HarvestOptions(where="model LIKE '%weak%' AND function = 'Max'"), ["Max"]),
        (HarvestOptions(where="status = 'TESTS_FAILED' AND sample = 0"), ["Max"]),
    ],
)
def test_expressions_and_caps(
    runs: Runs, dataset: Path, tmp_path: Path, options: HarvestOptions, functions: list[str]
) -> None:
    rows = harvest(runs, dataset, "paper", tmp_path / "rows", options).rows
    assert sorted(name for row in rows for name in row.functions) == functions


def test_a_cap_of_repositories_draws_by_its_seed(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    drawn = set()
    for seed in range(8):
        options = HarvestOptions(per_repository=1, seed=seed)
        (row,) = harvest(runs, dataset, "paper", tmp_path / "rows", options).rows
        drawn.add(row.functions)
    assert drawn == {("Sum",), ("Reverse",)}


def copy_of(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copied"))


def without_executions(runs: Runs, dataset: Path, tmp_path: Path) -> list[str]:
    (copy_of(runs[0], tmp_path) / "executions.parquet").unlink()
    return [str(tmp_path / "copied"), "--dataset", str(dataset)]


def of_another_dataset(runs: Runs, dataset: Path, tmp_path: Path) -> list[str]:
    path = copy_of(runs[0], tmp_path) / "execute.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"dataset": "another"}))
    return [str(runs[1]), str(tmp_path / "copied"), "--dataset", str(dataset)]


def with_examples(runs: Runs, dataset: Path, tmp_path: Path) -> list[str]:
    """The scheme lets a group stand on both sides, so an example may be of a held-out one."""
    path = copy_of(runs[0], tmp_path) / "run.json"
    facts = json.loads(path.read_text())
    facts["options"] |= {"examples": 1, "split": "paper:train"}
    path.write_text(json.dumps(facts))
    return [str(tmp_path / "copied"), "--dataset", str(dataset)]


def of_unknown_pairs(runs: Runs, dataset: Path, tmp_path: Path) -> list[str]:
    other = write_dataset(tmp_path / "other", [make_pair(1)])
    rows = [SplitAssignment(make_pair(1).id, "paper", "train", "g", 1, 1.0)]
    write_table(to_table(rows, SplitAssignment), other / "splits" / "paper.parquet")
    return [str(runs[0]), "--dataset", str(other)]


def with_options(*options: str) -> Callable[[Runs, Path, Path], list[str]]:
    return lambda runs, dataset, tmp_path: [str(runs[0]), "--dataset", str(dataset), *options]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (without_executions, "executions.parquet not found\n  hint: execute it first: goutbench execute "),
        (of_another_dataset, "the runs are of different datasets: "),
        (with_examples, "its in-context examples may be of pairs that 'paper' holds out"),
        (of_unknown_pairs, "2 pairs of the run are not in the dataset "),
        (with_options("--where", "beauty > 1"), 'Referenced column "beauty" not found'),
        (with_options("--where", "beauty > 1"), "mutation_score"),
        (with_options("--where", "coverage > 2"), "no candidate of training groups satisfies it"),
        (with_options("--split", "temporal"), "no split of scheme 'temporal'"),
        (
            with_options("--where", "function = 'Reverse'"),
            "no row remains of 3 candidates: 2 not selected by --where, 1 like the test",
        ),
    ],
)
def test_a_harvest_that_is_not_possible_is_an_error_that_says_why(
    runs: Runs,
    dataset: Path,
    tmp_path: Path,
    arguments: Callable[[Runs, Path, Path], list[str]],
    message: str,
) -> None:
    command = ["harvest", "--split", "paper", "--out", str(tmp_path / "rows")]
    result = CliRunner().invoke(app, [*command, *arguments(runs, dataset, tmp_path)])
    assert isinstance(result.exception, GoutbenchError)
    assert message in str(result.exception)
    assert not (tmp_path / "rows").exists()


def test_a_split_that_hides_its_leaks_is_noticed(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    """The proof reads the texts, not the groups: here the group of level.go is not that of grade.go."""
    copied = Path(shutil.copytree(dataset, tmp_path / "dataset"))
    path = copied / "splits" / "paper.parquet"
    rows = [SplitAssignment(**row) for row in read_table(path).to_pylist()]
    write_table(to_table([replace(row, group=row.pair_id) for row in rows], SplitAssignment), path)
    with pytest.raises(DatasetError, match=r"1 rows have the code of a test pair \(renamed\)"):
        harvest(runs, copied, "paper", tmp_path / "rows")


def test_training_takes_the_rows_and_generate_is_asked_as_they_were(
    runs: Runs, dataset: Path, tmp_path: Path
) -> None:
    result = CliRunner().invoke(
        app,
        [
            "harvest",
            *map(str, runs),
            "--dataset",
            str(dataset),
            "--split",
            "paper",
            "--out",
            str(tmp_path / "rows"),
        ],
        catch_exceptions=False,
    )
    assert (
        "rows: 2 of 2 items in 1 repositories\nrows like a held-out pair, by code or test: 0\n"
        in result.stdout
    )
    model = write_tiny_model(
        tmp_path / "tiny", "".join(pair.code + pair.test for pair in read_pairs(dataset))
    )
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"model: {{name: {model}, dtype: float32}}\n"
        "data: {context_tokens: 512, cross_file_tokens: 0}\nforgetting: false\nmerge: false\n"
        "lora: {r: 2, lora_alpha: 4, target_modules: [q_proj]}\n"
        "sft: {max_length: 4096, learning_rate: 0.001, max_steps: 1, per_device_train_batch_size: 1}\n"
    )

    def train(*options: str) -> tuple[int, str]:
        command = ["train", str(recipe), "--dataset", str(dataset), "--split", "paper", "--json"]
        done = CliRunner().invoke(app, [*command, *options], catch_exceptions=False)
        content = json.loads(done.stdout)
        return (content.get("preflight") or content)["train"]["rows"], done.stderr

    pairs, _ = train("--dry-run")
    rows = ["--rows", str(tmp_path / "rows")]
    beside, warned = train("--dry-run", *rows)
    assert beside == pairs + 2
    assert "warning: the harvested rows have other prompt settings than the rows of the pairs: " in warned
    assert "data.cross_file_tokens: 512, data.context_tokens: 15360" in warned
    only, _ = train(*rows, "--rows-only", "--out", str(tmp_path / "model"))
    assert only == 2
    adapter = f"hf/{tmp_path / 'model' / 'adapter'}"
    assert differs_from_training(OPTIONS, adapter) == ""
    assert "--cross-file-tokens 512" in differs_from_training(replace(OPTIONS, cross_file_tokens=0), adapter)
    record = json.loads((tmp_path / "model" / "train_run.json").read_text())
    assert [run["folder"] for run in record["dataset"]["harvest"]["runs"]] == ["weak", "strong"]
    assert "2 harvested rows, instead of those of the pairs" in (tmp_path / "model" / "README.md").read_text()
    held_out = [pair for pair in read_pairs(dataset) if pair.id != "text"]
    write_table(to_table(held_out, Pair), dataset / "splits" / "paper.train.parquet")
    with pytest.raises(
        GoutbenchError, match="1 pairs of the rows are not in the training split, such as text"
    ):
        train("--dry-run", *rows)
