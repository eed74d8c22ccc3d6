"""Computes what a run will do before its first step: rows, tokens, packing, weights, memory and time."""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from goutbench.train.data.lengths import RowLengths
from goutbench.train.model.targets import LoraTarget, TrainableModel, WeightCounts
from goutbench.train.recipe import Recipe
from goutbench.train.run.estimate import GpuMemory, memory_bytes, run_seconds

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True, slots=True)
class Preflight:
    """What a run will do. `sequences` are the units of a batch: packs, if rows are packed.

    `excluded` counts what is not trained on, by reason. `memory_bytes` and `seconds` are estimates.
    """

    train: RowLengths
    eval: RowLengths
    excluded: dict[str, int]
    sequences: int
    packing_efficiency: float
    steps: int
    tokens_per_step: float
    weights: WeightCounts
    targets: tuple[LoraTarget, ...]
    memory_bytes: int
    seconds: float

    def content(self) -> dict[str, Any]:
        """As JSON values, with the shares that follow from them."""
        content = asdict(self)
        content["train"]["empty_share"] = self.train.empty_share
        content["eval"]["empty_share"] = self.eval.empty_share
        content["weights"]["share"] = self.weights.share
        return content


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """The result of a dry run. Without a preflight, `missing` says why the rows could not be counted.

    `memory` is that of each GPU, for the numbers of GPUs that were asked for.
    """

    weights: WeightCounts
    targets: tuple[LoraTarget, ...]
    preflight: Preflight | None
    missing: str
    memory: tuple[GpuMemory, ...] = ()

    def content(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "weights": {**asdict(self.weights), "share": self.weights.share},
            "targets": [asdict(target) for target in self.targets],
            "preflight": self.preflight.content() if self.preflight else None,
            "missing": self.missing,
            "memory": [memory.content() for memory in self.memory],
        }


def preflight(
    samples: "Dataset",
    lengths: RowLengths,
    held_out: RowLengths,
    excluded: dict[str, int],
    recipe: Recipe,
    model: TrainableModel,
    speed: float,
) -> Preflight:
    """Put together what is known of a run; `speed` is the device's, in operations a second."""
    sequences, efficiency = _packing(samples, recipe)
    sft = recipe.sft
    batch = sft.per_device_train_batch_size * sft.gradient_accumulation_steps
    tokens_per_step = lengths.tokens / max(sequences, 1) * min(batch, sequences)
    steps = sft.max_steps
    if steps <= 0:  # by the Trainer's own rule: a last, smaller batch counts
        batches = math.ceil(sequences / sft.per_device_train_batch_size)
        steps_per_epoch = max(math.ceil(batches / sft.gradient_accumulation_steps), 1)
        steps = math.ceil(steps_per_epoch * sft.num_train_epochs)
    return Preflight(
        train=lengths,
        eval=held_out,
        excluded=excluded,
        sequences=sequences,
        packing_efficiency=efficiency,
        steps=steps,
        tokens_per_step=tokens_per_step,
        weights=model.weights,
        targets=model.targets,
        memory_bytes=memory_bytes(recipe, model.config, model.weights),
        seconds=run_seconds(tokens_per_step * steps, recipe, model.weights, speed),
    )


def _packing(samples: "Dataset", recipe: Recipe) -> tuple[int, float]:
    """The number of sequences, and the share of their positions that tokens fill.

    Without packing, a batch is as long as its longest row. Rows are taken in their order then; shuffled
    batches are filled about as much, and those grouped by length more.
    """
    if recipe.sft.packing:
        from trl.data_utils import pack_dataset

        packs = pack_dataset(samples, recipe.sft.max_length, recipe.sft.packing_strategy)
        filled = sum(len(ids) for ids in packs["input_ids"])
        return len(packs), filled / (len(packs) * recipe.sft.max_length)
    lengths = [len(ids) for ids in samples["input_ids"]]
    if recipe.sft.train_sampling_strategy == "group_by_length":
        lengths.sort()
    size = recipe.sft.per_device_train_batch_size
    batches = [lengths[start : start + size] for start in range(0, len(lengths), size)]
    return len(samples), sum(lengths) / sum(max(batch) * len(batch) for batch in batches)
