"""Loads the model of a recipe with its tokenizer, or its configuration alone for a dry run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from goutbench.errors import ConfigError, ToolError, first_line
from goutbench.inference.chat_template import fold_system_role
from goutbench.inference.models import has_native_bfloat16, weights_hash
from goutbench.train.model.embedded import prepare_embedded
from goutbench.train.model.targets import TrainableModel, make_trainable
from goutbench.train.recipe import EMBEDDED, ModelChoice, Recipe
from goutbench.train.run.card import front_matter

_DATE = "{%- set date_string = '26 Jul 2024' %}"  # the default of Llama's template


def resolve_dtype(recipe: Recipe) -> Recipe:
    """The recipe with `dtype: auto` replaced by the type that this machine computes fast."""
    if recipe.model.dtype != "auto":
        return recipe
    fast = has_native_bfloat16()
    model = recipe.model.model_copy(update={"dtype": "bfloat16" if fast else "float32"})
    sft = recipe.sft if fast else recipe.sft.model_copy(update={"bf16": False})
    return recipe.model_copy(update={"model": model, "sft": sft})


def model_in_training(recipe: Recipe) -> ModelChoice:
    """The model choice with the type of its weights during training: float32 if all of them are trained.

    In 16 bits a step smaller than half the distance to the next number is rounded away, and so is every later
    one. At a learning rate of 5e-5 that happens to most weights. PEFT keeps adapters in float32.
    """
    return recipe.model if recipe.lora else recipe.model.model_copy(update={"dtype": "float32"})


def resolve_name(choice: ModelChoice) -> str:
    """The folder or Hub name that transformers loads; converts the embedded model if necessary.

    A folder gets its absolute path: an adapter stores it and is loaded from elsewhere.
    """
    if choice.name == EMBEDDED:
        return str(prepare_embedded())
    folder = Path(choice.name)
    return str(folder.resolve()) if folder.is_dir() else choice.name


def base_model(choice: ModelChoice) -> dict[str, str | None]:
    """The `name` and `licence` of a model by its own card (None: not stated), and its `version`.

    The version is a hash of a folder's weights, or the commit on the Hub.
    """
    folder = Path(resolve_name(choice))
    if folder.is_dir():
        card, version = front_matter(folder / "README.md"), weights_hash(folder)
    else:
        card, version = _hub_card(choice)
    licence = card.get("license")
    return {
        "name": str(card.get("model_name") or (folder.name if folder.is_dir() else choice.name)),
        "licence": str(licence) if licence else None,
        "version": version,
    }


def _hub_card(choice: ModelChoice) -> tuple[dict[str, Any], str]:
    """The card of a model on the Hub and its commit; without a card, nothing and the recipe's revision."""
    from huggingface_hub import hf_hub_download

    try:
        path = Path(hf_hub_download(choice.name, "README.md", revision=choice.revision or "main"))
    except (OSError, ValueError):
        return {}, choice.revision or "main"
    return front_matter(path), path.parent.name


def load_tokenizer(choice: ModelChoice, *, offline: bool = False) -> Any:
    """The model's tokenizer, with a padding token.

    Raises ConfigError if it cannot be loaded, with `offline` also if it is not on this machine.
    """
    from transformers import AutoTokenizer

    revision = choice.revision or "main"
    tokenizer = _load(
        choice, lambda name: AutoTokenizer.from_pretrained(name, revision=revision, local_files_only=offline)
    )
    if "strftime_now" in (tokenizer.chat_template or ""):  # the prompt must not change with the date
        tokenizer.chat_template = _DATE + tokenizer.chat_template
    fold_system_role(tokenizer)  # saved with the model, so that generation shows the same prompt
    if tokenizer.pad_token_id is None:  # labels mask padding by position, so any token will do
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(choice: ModelChoice) -> Any:
    """The model with its weights in the type of `choice`. Raises ConfigError if it cannot be loaded."""
    import torch
    from transformers import AutoModelForCausalLM

    return _load(
        choice,
        lambda name: AutoModelForCausalLM.from_pretrained(
            name,
            revision=choice.revision or "main",
            dtype=getattr(torch, choice.dtype),
            attn_implementation=choice.attention,
        ),
    )


def load_config(choice: ModelChoice) -> Any:
    """The model's configuration, as the recipe declares it, else as it comes with the model."""
    from transformers import AutoConfig

    if choice.shape is None:
        revision = choice.revision or "main"
        return _load(choice, lambda name: AutoConfig.from_pretrained(name, revision=revision))
    try:
        return AutoConfig.for_model(**choice.shape)
    except (TypeError, ValueError) as error:
        hint = "give model_type and its values"
        raise ConfigError(first_line(error), where="model.shape", hint=hint) from error


def _load(choice: ModelChoice, load: Callable[[str], Any]) -> Any:
    """What `load` returns for the model's name. Raises ConfigError or ToolError if it fails."""
    name = resolve_name(choice)
    try:
        return load(name)
    except (OSError, ValueError, ImportError) as error:
        what = first_line(error)
        if isinstance(error, ImportError):
            raise ToolError(what, where=f"model.name {choice.name}", hint="install it") from error
        hint = "" if Path(name).is_dir() else "give a folder with a model that transformers can load"
        raise ConfigError(what, where=f"model.name {choice.name}", hint=hint) from error


def end_ids(choice: ModelChoice, config: Any, *, offline: bool = False) -> tuple[int, ...]:
    """The ids that end the model's own generation, by its generation settings, else by its configuration.

    None for a declared shape: its class may have an id of another vocabulary by default.
    """
    from transformers import GenerationConfig

    revision = choice.revision or "main"
    try:
        ids = GenerationConfig.from_pretrained(
            resolve_name(choice), revision=revision, local_files_only=offline
        ).eos_token_id
    except (OSError, ValueError):
        ids = None
    if ids is None and choice.shape is None:
        ids = getattr(config, "eos_token_id", None)
    if ids is None:
        return ()
    return tuple(ids) if isinstance(ids, list) else (ids,)


def describe_model(recipe: Recipe) -> TrainableModel:
    """What a recipe trains, from the configuration alone: names and sizes on torch's meta device."""
    import torch
    from transformers import AutoModelForCausalLM

    config = load_config(recipe.model)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            config, dtype=getattr(torch, recipe.model.dtype)
        )
    return replace(make_trainable(model, recipe)[1], config=config)
