"""What a run will do, known before its first step: rows, tokens, cuts, packing, weights, memory, time."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from goutbench.errors import ConfigError
from goutbench.train.estimate import Machine, memory_bytes, run_seconds
from goutbench.train.recipe import Recipe
from goutbench.train.targets import Target, Weights
from goutbench.train.tokens import Encoded

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True, slots=True)
class Lengths:
    """What the length limit does to rows. Tokens are those trained on, after dropping and cutting.

    `cut_in_prompt` rows end within their prompt, so that no completion token is left; `cut_in_completion`
    ones within the completion, with the stop token gone. `without_stop` rows have no stop token in their
    labels. `overhanging` tokens are those that were cut off.
    """

    rows: int
    dropped: int
    tokens: int
    completion_tokens: int
    longest: int
    cut_in_prompt: int
    cut_in_completion: int
    overhanging: int
    without_stop: int

    @property
    def empty_share(self) -> float:
        """The share of trained rows without any completion token."""
        return self.cut_in_prompt / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class Preflight:
    """All of it; `sequences` are what a step's batch is made of (packs, where rows are packed)."""

    train: Lengths
    eval: Lengths
    sequences: int
    packing_efficiency: float
    steps: int
    weights: Weights
    targets: tuple[Target, ...]
    memory_bytes: int
    seconds: float

    def content(self) -> dict[str, Any]:
        """As JSON values, with what is computed from them."""
        listed = asdict(self)
        listed["train"]["empty_share"] = self.train.empty_share
        listed["eval"]["empty_share"] = self.eval.empty_share
        listed["weights"]["share"] = self.weights.share
        return listed


def within(rows: Sequence[Encoded], recipe: Recipe) -> tuple[list[Encoded], int]:
    """The rows that stay where the recipe drops what is over `max_length`, and how many went."""
    if recipe.data.too_long == "truncate":
        return list(rows), 0
    kept = [row for row in rows if len(row.ids) <= recipe.sft.max_length]
    return kept, len(rows) - len(kept)


def fit(
    rows: Sequence[Encoded], recipe: Recipe, stops: frozenset[int], *, dropped: int = 0
) -> tuple[list[dict[str, list[int]]], Lengths]:
    """Cut what is over `max_length`, as TRL will, and count it.

    "wrapped" packing cuts nothing off: rows follow each other, and a sequence ends where it is full. Raises
    ConfigError where a row that was not cut has no stop token in its labels: a model trained so never stops.
    """
    limit, data = recipe.sft.max_length, recipe.data
    whole = recipe.sft.packing and recipe.sft.packing_strategy in ("wrapped", "bfd_split")
    ready: list[dict[str, list[int]]] = []
    in_prompt = in_completion = overhang = unstopped = 0
    for row in rows:
        end = len(row.ids) if whole else min(limit, len(row.ids))
        labels = row.labels(data.loss)[:end]
        cut = end < len(row.ids)
        stopped = any(label in stops for label in labels[row.prompt :])
        if not cut and not stopped:
            what = f"row {row.row.id} has no stop token in its labels"
            raise ConfigError(what, where="model", mend="use a chat template that ends the answer's turn")
        in_prompt += end <= row.prompt
        in_completion += row.prompt < end < len(row.ids)
        overhang += len(row.ids) - end
        unstopped += not stopped
        ready.append({"input_ids": row.ids[:end], "labels": labels})
    lengths = Lengths(
        rows=len(rows),
        dropped=dropped,
        tokens=sum(len(each["input_ids"]) for each in ready),
        completion_tokens=sum(
            max(len(e["input_ids"]) - r.prompt, 0) for e, r in zip(ready, rows, strict=True)
        ),
        longest=max((len(row.ids) for row in rows), default=0),
        cut_in_prompt=in_prompt,
        cut_in_completion=in_completion,
        overhanging=overhang,
        without_stop=unstopped,
    )
    return ready, lengths


def refuse_empty(lengths: Lengths, recipe: Recipe) -> None:
    """Raises ConfigError where there is nothing to train on, or too many rows show nothing of a test."""
    if not lengths.rows:
        what = f"no row is left of {lengths.dropped}" if lengths.dropped else "there is no row"
        raise ConfigError(what, where="data", mend="raise max_length, or choose other rows")
    if lengths.empty_share > recipe.data.max_empty_share:
        what = (
            f"{lengths.cut_in_prompt} of {lengths.rows} rows ({lengths.empty_share:.1%}) have no completion "
            f"token left within {recipe.sft.max_length} tokens"
        )
        mend = "set too_long: drop, use function rows, or allow it with data.max_empty_share"
        raise ConfigError(what, where="data", mend=mend)


def packed(ready: "Dataset", recipe: Recipe) -> tuple[int, float]:
    """How many sequences the rows make, and which share of their places is filled."""
    if not recipe.sft.packing:
        return len(ready), _padded(ready, recipe)
    from trl.data_utils import pack_dataset

    packs = pack_dataset(ready, recipe.sft.max_length, recipe.sft.packing_strategy)
    filled = sum(len(ids) for ids in packs["input_ids"])
    return len(packs), filled / (len(packs) * recipe.sft.max_length)


def _padded(ready: "Dataset", recipe: Recipe) -> float:
    """The share of places filled without packing, rows taken in their order: each batch is as long as its
    longest row. Shuffled batches are about the same; those grouped by length are better."""
    lengths = [len(ids) for ids in ready["input_ids"]]
    if recipe.sft.train_sampling_strategy == "group_by_length":
        lengths.sort()
    size = recipe.sft.per_device_train_batch_size
    batches = [lengths[start : start + size] for start in range(0, len(lengths), size)]
    return sum(lengths) / sum(max(batch) * len(batch) for batch in batches)


def step_count(sequences: int, recipe: Recipe, devices: int = 1) -> int:
    """Optimizer steps, by the Trainer's own rule: a last, smaller batch counts."""
    sft = recipe.sft
    if sft.max_steps > 0:
        return sft.max_steps
    batches = math.ceil(sequences / (sft.per_device_train_batch_size * devices))
    return math.ceil(max(math.ceil(batches / sft.gradient_accumulation_steps), 1) * sft.num_train_epochs)


def preflight(
    train: tuple["Dataset", Lengths],
    evaluation: Lengths,
    recipe: Recipe,
    shape: Any,
    counted: Weights,
    targets: tuple[Target, ...],
    machine: Machine,
) -> Preflight:
    """Put together what is known; `shape` is the model's configuration."""
    ready, lengths = train
    sequences, efficiency = packed(ready, recipe)
    steps = step_count(sequences, recipe, machine.devices)
    per_epoch = lengths.tokens * steps / max(step_count(sequences, recipe, machine.devices), 1)
    epochs = recipe.sft.num_train_epochs if recipe.sft.max_steps <= 0 else _epochs(sequences, recipe)
    return Preflight(
        train=lengths,
        eval=evaluation,
        sequences=sequences,
        packing_efficiency=efficiency,
        steps=steps,
        weights=counted,
        targets=targets,
        memory_bytes=memory_bytes(recipe, shape, counted),
        seconds=run_seconds(per_epoch * epochs, recipe, counted, machine),
    )


def _epochs(sequences: int, recipe: Recipe) -> float:
    sft = recipe.sft
    seen = sft.max_steps * sft.per_device_train_batch_size * sft.gradient_accumulation_steps
    return seen / sequences
