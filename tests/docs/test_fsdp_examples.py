"""The configurations of accelerate: they shard every layer of the paper's models, which a dry run sizes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file
from transformers import AutoModelForCausalLM

from goutbench.train.model.load import describe_model, load_config
from goutbench.train.model.targets import TrainableModel, WeightCounts
from goutbench.train.recipe import load_recipe
from goutbench.train.run.estimate import memory_bytes
from goutbench.train.run.sharding import gpu_memory, memory_by_gpus, memory_lines

FOLDER = Path(__file__).parents[2] / "examples" / "fsdp"
RECIPES = {"llama-3.2-3b": "llama-3.2-3b-full", "deepseek-coder-v2-lite": "deepseek-coder-v2-lite-lora"}


def test_every_configuration_has_a_recipe() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(RECIPES)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_accelerate_reads_a_configuration_which_wraps_every_layer(name: str) -> None:
    path = FOLDER / f"{name}.yaml"
    assert f"goutbench train {RECIPES[name]} --dry-run --gpus 8" in path.read_text()
    config = load_config_from_file(str(path))
    assert (config.num_processes, config.fsdp_config["fsdp_version"]) == (8, 2)
    shape = load_config(load_recipe(RECIPES[name]).model)
    shape.num_hidden_layers = 3  # the class of the layers, without the time of all
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(shape)  # type: ignore[no-untyped-call]
    layers = [type(module).__name__ for module in model.model.layers]
    assert layers == [config.fsdp_config["fsdp_transformer_layer_cls_to_wrap"]] * 3


def test_the_memory_of_a_gpu_is_what_torch_would_allocate() -> None:
    recipe = load_recipe(RECIPES["llama-3.2-3b"])
    model = describe_model(recipe)
    one, four, eight = memory_by_gpus(recipe, model, 8)
    assert (one.gpus, four.gpus, eight.gpus) == (1, 4, 8)
    total = model.weights.total
    assert (one.weights, one.gradients, one.moments) == (4 * total, 4 * total, 8 * total)
    assert eight.weights + eight.gradients + eight.moments == 2 * total
    layer = 3072 * (3072 + 3072 + 2 * 1024 + 3 * 8192) + 2 * 3072  # projections and two norms
    assert model.largest_layer == layer
    assert model.outside_layers == total - 28 * layer
    assert eight.gathered == 2 * (model.outside_layers + 2 * layer) + 4 * model.outside_layers
    assert one.gathered == 0
    assert one.total(checkpointing=True) == memory_bytes(recipe, model.config, model.weights)
    assert eight.total(checkpointing=True) < 24 * 2**30 < one.total(checkpointing=True)
    assert "   8      1.5        1.5      3.0       2.6     4.0" in memory_lines([eight])[2]


def test_frozen_weights_have_no_gradients_and_are_gathered() -> None:
    recipe = load_recipe(RECIPES["deepseek-coder-v2-lite"])
    config = load_config(recipe.model)
    model = TrainableModel(config, (), WeightCounts(1_000_000, 10_000), 50_000, 200_000)
    memory = gpu_memory(recipe, model, 4)
    assert memory.weights == (2 * 1_000_000 + 4 * 10_000) // 4
    assert memory.gradients == 4 * 10_000 // 4
    assert memory.gathered == 2 * (200_000 + 2 * 50_000)
    assert gpu_memory(recipe, replace(model, largest_layer=0, outside_layers=0), 4).gathered == 0
