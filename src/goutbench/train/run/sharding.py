"""The memory of each GPU where a model is trained on several, sharded by FSDP2."""

from collections.abc import Iterable

from goutbench.train.model.targets import TrainableModel
from goutbench.train.recipe import Recipe
from goutbench.train.run.estimate import GpuMemory, activation_bytes, logit_bytes, state_bytes

_COMPUTED = 2  # bytes of a weight in the forward and backward pass: bfloat16
_REDUCED = 4  # bytes of a gradient when the GPUs add theirs
_GATHERED_LAYERS = 2  # the one that is computed, and the next one, which is on its way


def gpu_memory(recipe: Recipe, model: TrainableModel, gpus: int) -> GpuMemory:
    """What one of several GPUs stores; an estimate that, as `memory_bytes`, leaves out temporary values.

    Weights, gradients and Adam's moments are divided by the number of GPUs: stage 3 of ZeRO (Rajbhandari
    et al., 2020, section 5.4), which FSDP2 implements. Beyond its shards a GPU has, as torch's
    documentation of `fully_shard` describes, the weights outside of the layers, which stay gathered
    between forward and backward pass, and two layers: the one at work and the one that is prefetched; for
    the largest layer, or the weights outside of the layers if they are more, also the gradients until
    they are added up. Activations and logits are those of the GPU's own rows. They are not divided, so
    `per_device_train_batch_size` decides about them; their formula, per layer as in Korthikanti et al.,
    2022, is that of the preflight.
    """
    stored = state_bytes(recipe, model.weights)
    gathered = 0
    if gpus > 1:
        weights = model.outside_layers + _GATHERED_LAYERS * model.largest_layer
        gathered = weights * _COMPUTED
        if recipe.lora is None:
            gathered += max(model.largest_layer, model.outside_layers) * _REDUCED
    return GpuMemory(
        gpus=gpus,
        weights=-(-stored.weights // gpus),
        gradients=-(-stored.gradients // gpus),
        moments=-(-stored.moments // gpus),
        gathered=gathered,
        logits=logit_bytes(recipe, model.config),
        activations=activation_bytes(recipe, model.config, checkpointing=False),
        activations_checkpointed=activation_bytes(recipe, model.config, checkpointing=True),
    )


def memory_by_gpus(recipe: Recipe, model: TrainableModel, gpus: int) -> tuple[GpuMemory, ...]:
    """The memory with one GPU, with half of `gpus`, and with all of them."""
    return tuple(gpu_memory(recipe, model, number) for number in sorted({1, max(gpus // 2, 1), gpus}))


def memory_lines(memory: Iterable[GpuMemory]) -> list[str]:
    """A table for a terminal, in GiB for each GPU."""
    header = f"{'GPUs':>4}{'weights':>9}{'gradients':>11}{'moments':>9}{'gathered':>10}{'logits':>8}"
    return [
        "GiB on each GPU (FSDP2; activations and total without → with gradient checkpointing)",
        f"{header}{'activations':>15}{'total':>16}",
        *(
            f"{row.gpus:>4}{_gib(row.weights):>9}{_gib(row.gradients):>11}{_gib(row.moments):>9}"
            f"{_gib(row.gathered):>10}{_gib(row.logits):>8}"
            f"{_gib(row.activations) + ' → ' + _gib(row.activations_checkpointed):>15}"
            f"{_gib(row.total(checkpointing=False)) + ' → ' + _gib(row.total(checkpointing=True)):>16}"
            for row in memory
        ),
    ]


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f}"
