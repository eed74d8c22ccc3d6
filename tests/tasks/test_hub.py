"""The folder for a hub: the readers that users have read it, and it says what the tasks are."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from taskbench import TEST, Workbench

from goutbench.dataset.store import read_table
from goutbench.errors import ConfigError
from goutbench.tasks.hub.folder import COLUMNS, write_hub


@pytest.fixture(scope="module")
def folder(bench: Workbench) -> Path:
    out = bench.folder / "hub"
    assert write_hub(bench.tasks("extend"), bench.folder / "dataset", out, "someone/go-tasks") == 1
    return out


def test_the_table_has_prompt_and_reference(folder: Path) -> None:
    (row,) = read_table(folder / "data" / "test.parquet").to_pylist()
    assert list(row) == list(COLUMNS)
    assert row["reference"] == TEST
    assert "TestSign" in row["prompt"]
    assert "TestLarger" not in row["prompt"]
    assert row["kind"] == "extend"


# mlcroissant's own dependencies warn of themselves
@pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:mlcroissant")
def test_the_hubs_libraries_read_the_folder(folder: Path) -> None:
    import datasets
    import mlcroissant
    from huggingface_hub import DatasetCard

    datasets.disable_progress_bars()
    (row,) = datasets.load_dataset(str(folder), split="test", cache_dir=str(folder.parent / "hf"))
    assert row["licence"] == "MIT"
    assert DatasetCard.load(folder / "README.md").data.configs[0]["config_name"] == "default"
    croissant = mlcroissant.Dataset(str(folder / "croissant.json"))
    assert not croissant.metadata.issues.errors
    assert not croissant.metadata.issues.warnings
    assert croissant.metadata.ctx.is_v1_1()
    assert "authors" in croissant.metadata.data_limitations[0]
    assert next(iter(croissant.records("tasks")))["tasks/kind"] == b"extend"


def test_inspect_accepts_the_evaluation(folder: Path) -> None:
    from inspect_ai._eval.task.hf import HFTask

    content: dict[str, Any] = yaml.safe_load((folder / "eval.yaml").read_text())
    (task,) = (HFTask.model_validate(task) for task in content["tasks"])
    assert (task.split, task.field_spec.input) == ("test", "prompt")
    assert "goutbench execute" in content["description"]


def test_the_datasheet_and_the_citation_state_facts(folder: Path) -> None:
    sheet = (folder / "DATASHEET.md").read_text()
    for section in ("Motivation", "Composition", "Collection", "Uses", "Limits", "Maintenance"):
        assert f"## {section}\n" in sheet
    assert "| example/calc | 1 |" in sheet
    assert "min_killed 3" in sheet
    assert "| MIT | 1 |" in (folder / "README.md").read_text()
    citation = yaml.safe_load((folder / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()


def test_equal_tasks_give_equal_bytes_and_a_name_has_an_owner(
    bench: Workbench, folder: Path, tmp_path: Path
) -> None:
    write_hub(bench.tasks("extend"), bench.folder / "dataset", tmp_path, "someone/go-tasks")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes(), path
    with pytest.raises(ConfigError, match="not a name of a dataset"):
        write_hub(bench.tasks("extend"), bench.folder / "dataset", tmp_path, "tasks")
