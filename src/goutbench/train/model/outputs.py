"""Writes what a run produces: an adapter, and the complete model for transformers and vLLM."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goutbench.dataset.store import storage_error, write_json
from goutbench.errors import ConfigError, first_line
from goutbench.inference.models import PROMPT_OPTIONS, PROMPT_SETTINGS_FILE
from goutbench.prompts.examples import UNLIMITED
from goutbench.prompts.library import load_prompt
from goutbench.train.model.load import load_model
from goutbench.train.recipe import Recipe


def recipe_prompt_settings(recipe: Recipe) -> dict[str, Any]:
    """The prompt settings of a recipe's rows, by option of `generate`, and the prompt's hash."""
    data = recipe.data
    # training never splits a file
    budget = data.context_tokens if data.rows == "function" else UNLIMITED
    values = data.rows, budget, data.cross_file_tokens, data.examples, data.prompt
    settings = dict(zip(PROMPT_OPTIONS, values, strict=True))
    return {**settings, "prompt_hash": load_prompt(data.prompt).hash}


def write_outputs(
    model: Any, tokenizer: Any, recipe: Recipe, out: Path, settings: Mapping[str, Any]
) -> dict[str, str]:
    """Save the adapter and the merged model, or the fully trained model; returns the folders by kind.

    Each folder gets the prompt settings of the training, which `generate` compares with its own.
    """
    import torch

    try:
        if recipe.lora is None:
            rounded = model.to(getattr(torch, recipe.model.dtype))  # it was trained in float32
            folders = {"model": _save(rounded, tokenizer, out / "model")}
        else:
            folders = {"adapter": _save(model, tokenizer, out / "adapter")}
            if recipe.merge:
                merged = merge_adapter(out / "adapter", recipe)
                folders["merged"] = _save(merged, tokenizer, out / "merged")
    except OSError as error:
        raise storage_error(error, out) from None
    for folder in folders.values():
        write_json(out / folder / PROMPT_SETTINGS_FILE, dict(settings))
    return folders


def merge_adapter(adapter: Path, recipe: Recipe) -> Any:
    """The base model with the adapter added to its weights in float32 and rounded once.

    Raises ConfigError if the adapter does not fit the model.
    """
    import torch
    from peft import PeftModel

    base = load_model(recipe.model.model_copy(update={"dtype": "float32"}))
    try:
        model = PeftModel.from_pretrained(base, str(adapter)).merge_and_unload(safe_merge=True)
    except ValueError as error:
        hint = "give the model that the adapter was trained on"
        raise ConfigError(first_line(error), where=str(adapter), hint=hint) from error
    return model.to(getattr(torch, recipe.model.dtype))


def _save(model: Any, tokenizer: Any, folder: Path) -> str:
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return folder.name
