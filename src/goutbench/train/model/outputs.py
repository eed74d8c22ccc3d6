"""What a run leaves: an adapter, and the whole model in safetensors, which transformers and vLLM load."""

from pathlib import Path
from typing import Any

from goutbench.dataset.store import storage_error, write_json
from goutbench.errors import ConfigError, first_line
from goutbench.inference.models import PROMPT_SETTINGS_FILE
from goutbench.prompts.examples import UNLIMITED
from goutbench.train.model.load import load_model
from goutbench.train.recipe import Recipe


def write_outputs(model: Any, tokenizer: Any, recipe: Recipe, out: Path) -> dict[str, str]:
    """Save adapter and merged model, or the model that was trained as a whole; the names of the folders.

    Beside the weights stands how the model was asked in training, for `generate` to compare with.
    """
    import torch

    try:
        if recipe.lora is None:
            rounded = model.to(getattr(torch, recipe.model.dtype))  # it was trained in 32 bits
            made = {"model": _save(rounded, tokenizer, out / "model")}
        else:
            made = {"adapter": _save(model, tokenizer, out / "adapter")}
            if recipe.merge:
                made["merged"] = _save(merged(out / "adapter", recipe), tokenizer, out / "merged")
    except OSError as error:
        raise storage_error(error, out) from None
    for folder in made.values():
        write_json(out / folder / PROMPT_SETTINGS_FILE, asked(recipe))
    return made


def asked(recipe: Recipe) -> dict[str, Any]:
    """The settings of `generate` that give the prompts of the training, where a whole file is never cut."""
    data = recipe.data
    budget = data.context_tokens if data.rows == "function" else UNLIMITED
    return {
        "unit": data.rows,
        "budget": budget,
        "cross_file_tokens": data.cross_file_tokens,
        "examples": data.examples,
    }


def merged(adapter: Path, recipe: Recipe) -> Any:
    """The base model with the adapter in its weights: added in 32 bits, and rounded once.

    Raises ConfigError where the adapter does not fit the model.
    """
    import torch
    from peft import PeftModel

    whole = recipe.model.model_copy(update={"dtype": "float32"})
    try:
        model = PeftModel.from_pretrained(load_model(whole), str(adapter)).merge_and_unload(safe_merge=True)
    except ValueError as error:
        what = first_line(error)
        raise ConfigError(what, where=str(adapter), hint="give the model that it was made for") from error
    return model.to(getattr(torch, recipe.model.dtype))


def _save(model: Any, tokenizer: Any, folder: Path) -> str:
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return folder.name
