"""A dataset with its splits, a tiny model, and a recipe that trains it in seconds."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from judging import make_pair, write_dataset
from tinymodel import write_tiny_model

from goutbench.dataset.store import to_table, write_table
from goutbench.records import Pair


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """A model of a few thousand weights is slower on several threads."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pair = make_pair(1)
    return write_tiny_model(tmp_path_factory.mktemp("tiny"), (pair.code + pair.test) * 3)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pairs of three repositories, split 42, 9 and 9."""
    pairs = [make_pair(number) for number in range(60)]
    folder = write_dataset(tmp_path_factory.mktemp("data") / "set", pairs)
    for name, part in {"train": pairs[:42], "validation": pairs[42:51], "test": pairs[51:]}.items():
        write_table(to_table(part, Pair), folder / "splits" / f"paper.{name}.parquet")
    return folder


@pytest.fixture
def content(tiny_model: Path) -> dict[str, Any]:
    """The content of the recipe's YAML."""
    return {
        "model": {"name": str(tiny_model), "dtype": "float32"},
        "data": {"context_tokens": 512, "max_eval_rows": 4},
        "lora": {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "down_proj"]},
        "sft": {
            "max_length": 1024, "learning_rate": 0.01, "max_steps": 6, "per_device_train_batch_size": 2,
            "save_steps": 2, "logging_steps": 1, "eval_steps": 3, "seed": 3,
        },
    }  # fmt: skip


@pytest.fixture
def recipe(tmp_path: Path, content: dict[str, Any]) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    return path
