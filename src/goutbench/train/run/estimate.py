"""Estimates the memory and time of a run, for planning."""

import time
from dataclasses import asdict, dataclass
from typing import Any

from goutbench.train.model.targets import WeightCounts
from goutbench.train.recipe import Recipe

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_TRAINED = 4  # trained weights and their gradients are float32
_ADAM = 8  # two float32 moments for every trained weight
_TILE = 32_768  # entries of the vocabulary that TRL's loss computes at once
_EFFICIENCY = 0.4  # the speed of training relative to one large matrix product; measured: 0.35 to 0.5


@dataclass(frozen=True, slots=True)
class StateBytes:
    """The size of what a run stores between two steps, and of the gradients."""

    weights: int
    gradients: int
    moments: int


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """Bytes on each of `gpus` GPUs. `gathered` is what a GPU has of the shards of the others at once."""

    gpus: int
    weights: int
    gradients: int
    moments: int
    gathered: int
    logits: int
    activations: int
    activations_checkpointed: int

    def total(self, *, checkpointing: bool) -> int:
        """All of them, with or without gradient checkpointing."""
        held = self.weights + self.gradients + self.moments + self.gathered + self.logits
        return held + (self.activations_checkpointed if checkpointing else self.activations)

    def content(self) -> dict[str, int]:
        """As JSON values, with the sums."""
        return {
            **asdict(self),
            "total": self.total(checkpointing=False),
            "total_checkpointed": self.total(checkpointing=True),
        }


def memory_bytes(recipe: Recipe, config: Any, weights: WeightCounts) -> int:
    """What a device stores at once: weights, gradients, Adam's moments, saved activations and logits.

    The peak is higher: it adds temporary values (5 of 14.6 GiB in a run of a 0.5B model on the CPU) and, on a
    CPU, the process itself. The attention matrix does not count, since no attention in use materialises it.
    """
    stored = state_bytes(recipe, weights)
    checkpointing = bool(recipe.sft.gradient_checkpointing)
    activations = activation_bytes(recipe, config, checkpointing=checkpointing)
    return stored.weights + stored.gradients + stored.moments + activations + logit_bytes(recipe, config)


def state_bytes(recipe: Recipe, weights: WeightCounts) -> StateBytes:
    """The bytes of weights, gradients and moments; a frozen weight has the recipe's type and no others."""
    size = _BYTES[recipe.model.dtype]
    stored = weights.total * size + weights.trainable * _TRAINED if recipe.lora else weights.total * _TRAINED
    return StateBytes(stored, weights.trainable * _TRAINED, weights.trainable * _ADAM)


def activation_bytes(recipe: Recipe, config: Any, *, checkpointing: bool) -> int:
    """The bytes of activations that the layers save for the backward pass of one batch.

    With checkpointing every layer saves its input, and one layer at a time all its activations.
    """
    size, tokens = _BYTES[recipe.model.dtype], _tokens(recipe)
    layer, layers = tokens * _activations_per_token(config) * size, int(config.num_hidden_layers)
    return layers * tokens * int(config.hidden_size) * size + layer if checkpointing else layers * layer


def logit_bytes(recipe: Recipe, config: Any) -> int:
    """TRL computes the logits by tiles of the vocabulary, with their gradients, in float32."""
    return _tokens(recipe) * min(int(config.vocab_size), _TILE) * 8


def _tokens(recipe: Recipe) -> int:
    return recipe.sft.max_length * recipe.sft.per_device_train_batch_size


def _activations_per_token(config: Any) -> int:
    """Values that a Llama layer saves of every token for the backward pass.

    About eight of the model's width (norms, queries, attention output, residuals), keys and values before and
    after rotation, and four of the width of the gated network (gate, up, activation, product). In a mixture
    of experts the last are those of the experts that a token uses.
    """
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    inner = config.intermediate_size
    if experts := getattr(config, "num_experts_per_tok", None):
        used = experts + (getattr(config, "n_shared_experts", None) or 0)
        inner = used * getattr(config, "moe_intermediate_size", inner)
    return int(8 * config.hidden_size + 4 * heads * head + 4 * inner)


def run_seconds(tokens: float, recipe: Recipe, weights: WeightCounts, speed: float) -> float:
    """Seconds for a number of tokens, at `speed` floating-point operations a second.

    A weight and token take 2 operations in the forward pass, 2 for the gradients of activations, 2 for those
    of trained weights, and with checkpointing 2 more for a second forward pass.
    """
    passes = 2 + 2 + 2 * weights.share + (2 if recipe.sft.gradient_checkpointing else 0)
    work = passes * weights.total * tokens
    return work / (speed * _EFFICIENCY)


def measure_speed(dtype: str, *, side: int = 1024) -> float:
    """Operations a second of the training device, from matrix products within half a second.

    The fastest product counts, since other load on the machine slows some of them down.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    matrix = torch.ones(side, side, device=device, dtype=getattr(torch, dtype))
    best, start = float("inf"), time.perf_counter()
    while (started := time.perf_counter()) - start < 0.5:
        float((matrix @ matrix)[0, 0])  # reading a value waits for the device
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best
