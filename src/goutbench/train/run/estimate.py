"""Estimates of memory and time before a run: good to plan with, no promise."""

import time
from typing import Any

from goutbench.train.model.targets import Weights
from goutbench.train.recipe import Recipe

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_TRAINED = 4  # what is trained, and so its gradient, is held in 32 bits
_ADAM = 8  # two moments of 32 bits for each trained weight
_TILE = 32_768  # entries of the vocabulary that TRL's loss looks at in one go
_EFFICIENCY = 0.4  # of the speed of one large matrix product that training reaches: 0.35 to 0.5 measured


def memory_bytes(recipe: Recipe, shape: Any, weights: Weights) -> int:
    """What one device holds at once: weights, gradients and Adam's moments, kept activations, logits.

    The peak is higher: what is made and dropped on the way (5 of 14.6 GiB in a run of a 0.5B model on the
    CPU) and, there, the process itself come on top. Attention's own matrix is not counted: the attentions in
    use never write it out. With checkpointing each layer keeps its input, and one at a time all of it.
    """
    size, sft = _BYTES[recipe.model.dtype], recipe.sft
    tokens = sft.max_length * sft.per_device_train_batch_size
    held = weights.total * size + weights.trainable * _TRAINED if recipe.lora else weights.total * _TRAINED
    moments = weights.trainable * (_TRAINED + _ADAM)
    layer = tokens * _kept_by_layer(shape) * size
    layers = shape.num_hidden_layers
    kept = (
        layers * tokens * shape.hidden_size * size + layer if sft.gradient_checkpointing else layers * layer
    )
    # TRL never holds all logits: they are made by tiles of the vocabulary, with their gradient, in 32 bits
    logits = tokens * min(shape.vocab_size, _TILE) * 8
    return int(held + moments + kept + logits)


def _kept_by_layer(shape: Any) -> int:
    """Numbers that a layer keeps of each token for the way back, by counting a Llama layer's: about eight of
    the model's width (norms, queries, what attention gives, residuals), keys and values as projected and as
    rotated, and four of the width of the gated network (gate, up, activation, product); of a mixture of
    experts, those of the experts that a token meets."""
    heads = getattr(shape, "num_key_value_heads", None) or shape.num_attention_heads
    head = getattr(shape, "head_dim", None) or shape.hidden_size // shape.num_attention_heads
    inner = shape.intermediate_size
    if experts := getattr(shape, "num_experts_per_tok", None):
        met = experts + (getattr(shape, "n_shared_experts", None) or 0)
        inner = met * getattr(shape, "moe_intermediate_size", inner)
    return int(8 * shape.hidden_size + 4 * heads * head + 4 * inner)


def run_seconds(tokens: float, recipe: Recipe, weights: Weights, speed: float) -> float:
    """Time for so many tokens: 2 operations a weight and token forward, as many for what flows back, as many
    again for the gradients of trained weights, and a forward more with checkpointing. `speed` is that of the
    device, in floating-point operations a second."""
    passes = 2 + 2 + 2 * weights.share + (2 if recipe.sft.gradient_checkpointing else 0)
    work = passes * weights.total * tokens
    return work / (speed * _EFFICIENCY)


def measure_speed(dtype: str, *, side: int = 1024) -> float:
    """Operations a second of the device that training takes, as it multiplies matrices for half a second.

    Of several products the fastest counts: what else the machine does makes single ones slow.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    one = torch.ones(side, side, device=device, dtype=getattr(torch, dtype))
    best, start = float("inf"), time.perf_counter()
    while (began := time.perf_counter()) - start < 0.5:
        float((one @ one)[0, 0])  # reading a value waits for the device
        best = min(best, time.perf_counter() - began)
    return 2 * side**3 / best
