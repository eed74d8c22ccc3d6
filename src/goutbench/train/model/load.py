"""The model of a recipe: found, loaded with its tokenizer, or built without weights for a dry run."""

import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from goutbench.errors import ConfigError, ToolError, first_line
from goutbench.inference.models import has_native_bfloat16, weights_hash
from goutbench.train.model.embedded import prepare_embedded
from goutbench.train.model.targets import Target, Weights, attach, weights
from goutbench.train.recipe import EMBEDDED, ModelChoice, Recipe
from goutbench.train.run.card import front_matter

_DAY = "{%- set date_string = '26 Jul 2024' %}"  # Llama's own for a template that is told no day


def settled(recipe: Recipe) -> Recipe:
    """The recipe with `dtype: auto` replaced by what this machine is fast in."""
    if recipe.model.dtype != "auto":
        return recipe
    fast = has_native_bfloat16()
    model = recipe.model.model_copy(update={"dtype": "bfloat16" if fast else "float32"})
    sft = recipe.sft if fast else recipe.sft.model_copy(update={"bf16": False})
    return recipe.model_copy(update={"model": model, "sft": sft})


def held(recipe: Recipe) -> ModelChoice:
    """The model as it is held while it is trained: in 32 bits where its own weights are what is trained.

    In 16 bits a step that is smaller than half the distance to the next number is rounded away, and so is
    every later one: at a learning rate of 5e-5 that is most weights' lot. PEFT keeps adapters in 32 bits.
    """
    return recipe.model if recipe.lora else recipe.model.model_copy(update={"dtype": "float32"})


def resolve(choice: ModelChoice) -> str:
    """The folder or Hub name that transformers loads; converts the embedded model where need be. A folder is
    named in full: an adapter remembers it, and is loaded from elsewhere."""
    if choice.name == EMBEDDED:
        return str(prepare_embedded())
    folder = Path(choice.name)
    return str(folder.resolve()) if folder.is_dir() else choice.name


def base_model(choice: ModelChoice) -> dict[str, str | None]:
    """`name`, `licence` and `version` of a recipe's model: as its own card says, None where it does not; the
    version is a hash of a folder's weights, else the commit on the Hub."""
    folder = Path(resolve(choice))
    if folder.is_dir():
        told, version = front_matter(folder / "README.md"), weights_hash(folder)
    else:
        told, version = _hub_card(choice)
    licence = told.get("license")
    return {
        "name": str(told.get("model_name") or (folder.name if folder.is_dir() else choice.name)),
        "licence": str(licence) if licence else None,
        "version": version,
    }


def _hub_card(choice: ModelChoice) -> tuple[dict[str, Any], str]:
    """What the card of a model on the Hub says, and the commit that it was read at; what the recipe says and
    no more where there is none to be had."""
    from huggingface_hub import hf_hub_download

    try:
        path = Path(hf_hub_download(choice.name, "README.md", revision=choice.revision or "main"))
    except (OSError, ValueError):
        return {}, choice.revision or "main"
    return front_matter(path), path.parent.name


def load_tokenizer(choice: ModelChoice, *, offline: bool = False) -> Any:
    """The model's tokenizer, with a pad token. Raises ConfigError where it cannot be had, or with `offline`
    where it is not on this machine."""
    from transformers import AutoTokenizer

    revision = choice.revision or "main"
    tokenizer = _found(
        choice, lambda name: AutoTokenizer.from_pretrained(name, revision=revision, local_files_only=offline)
    )
    if "strftime_now" in (tokenizer.chat_template or ""):  # a prompt that says the day differs tomorrow
        tokenizer.chat_template = _DAY + tokenizer.chat_template
    if tokenizer.pad_token_id is None:  # labels of padding are masked by position, so any token will do
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(choice: ModelChoice) -> Any:
    """The model with its weights in the recipe's type. Raises ConfigError where it cannot be had."""
    import torch
    from transformers import AutoModelForCausalLM

    return _found(
        choice,
        lambda name: AutoModelForCausalLM.from_pretrained(
            name,
            revision=choice.revision or "main",
            dtype=getattr(torch, choice.dtype),
            attn_implementation=choice.attention,
        ),
    )


def load_shape(choice: ModelChoice) -> Any:
    """The model's configuration alone, as the recipe declares it, else as it comes with the model."""
    from transformers import AutoConfig

    if choice.shape is not None:
        return _declared(choice.shape)
    return _found(choice, lambda name: AutoConfig.from_pretrained(name, revision=choice.revision or "main"))


def _declared(values: dict[str, Any]) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.for_model(**values)
    except (TypeError, ValueError) as error:
        what = first_line(error)
        raise ConfigError(what, where="model.shape", hint="give model_type and its values") from error


def ends(choice: ModelChoice, shape: Any, *, offline: bool = False) -> tuple[int, ...]:
    """The ids at which the model's own generation ends: as its generation settings say, else its
    configuration; none of a declared shape, whose class may have an id of another vocabulary by default."""
    from transformers import GenerationConfig

    try:
        told = GenerationConfig.from_pretrained(
            resolve(choice), revision=choice.revision or "main", local_files_only=offline
        ).eos_token_id
    except (OSError, ValueError):
        told = None
    if told is None and choice.shape is None:
        told = getattr(shape, "eos_token_id", None)
    return tuple(told) if isinstance(told, list) else (() if told is None else (told,))


def weightless(shape: Any, dtype: str) -> Any:
    """A model of this configuration on the meta device: names and sizes, and no memory."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            shape, dtype=getattr(torch, dtype)
        )


def with_method(model: Any, recipe: Recipe) -> tuple[Any, tuple[Target, ...], Weights]:
    """The model made ready for LoRA, or for training all weights; what is touched, and how much that is."""
    if recipe.lora is None:
        model.requires_grad_(True)
        return model, (), weights(model)
    wrapped, targets = attach(model, recipe.lora)
    return wrapped, targets, weights(wrapped)


def weigh(recipe: Recipe) -> tuple[Any, tuple[Target, ...], Weights]:
    """The model's configuration, what is touched, and how much that is, without any weights."""
    shape = load_shape(recipe.model)
    _, targets, counted = with_method(weightless(shape, recipe.model.dtype), recipe)
    return shape, targets, counted


def checkpointing(recipe: Recipe) -> str:
    """Whose gradient checkpointing is used: "none", "torch" or "unsloth"; the last is switched on here."""
    wanted = recipe.sft.gradient_checkpointing
    if wanted != "unsloth":
        return "torch" if wanted else "none"
    import torch

    # It moves what is kept to the CPU's memory, and fails where all is there already.
    if not torch.cuda.is_available():
        return "torch"
    # The first is what `import unsloth` sets; that import would put trainers of its own in the place of
    # TRL's, which pack rows in another way than was counted. The second keeps other losses out of the models.
    os.environ.setdefault("UNSLOTH_IS_PRESENT", "1")
    os.environ.setdefault("UNSLOTH_FUSED_FORWARD", "0")
    try:
        with redirect_stdout(sys.stderr):  # it greets
            from unsloth_zoo.gradient_checkpointing import (  # type: ignore[import-not-found]
                patch_unsloth_smart_gradient_checkpointing,
            )
    except (ImportError, NotImplementedError):  # the latter for an accelerator that it does not know
        return "torch"
    with redirect_stdout(sys.stderr):  # what is kept is kept in the type that it is told, whatever it was in
        patch_unsloth_smart_gradient_checkpointing(getattr(torch, held(recipe).dtype))
    return "unsloth"


def _found(choice: ModelChoice, load: Callable[[str], Any]) -> Any:
    name = resolve(choice)
    try:
        return load(name)
    except (OSError, ValueError, ImportError) as error:
        what = first_line(error)
        if isinstance(error, ImportError):
            raise ToolError(what, where=f"model.name {choice.name}", hint="install it") from error
        hint = "give a folder with a model in transformers' form" if not Path(name).is_dir() else ""
        raise ConfigError(what, where=f"model.name {choice.name}", hint=hint) from error
