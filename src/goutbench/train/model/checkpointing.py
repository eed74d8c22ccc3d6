"""Gradient checkpointing: torch's, or unsloth's where it works."""

import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

from goutbench.train.recipe import Recipe


def checkpointing_kind(recipe: Recipe) -> str:
    """The gradient checkpointing that a run uses on this machine: "none", "torch" or "unsloth"."""
    requested = recipe.sft.gradient_checkpointing
    if requested == "unsloth":
        return "unsloth" if _unsloth_patch() is not None else "torch"
    return "torch" if requested else "none"


def enable_unsloth_checkpointing(dtype: str) -> None:
    """Replace torch's checkpointing by unsloth's for this process; it stores activations in `dtype`.

    `checkpointing_kind` must have returned "unsloth".
    """
    import torch

    patch = _unsloth_patch()
    assert patch is not None, "unsloth's checkpointing does not work on this machine"
    with redirect_stdout(sys.stderr):
        patch(getattr(torch, dtype))


def _unsloth_patch() -> Callable[[Any], None] | None:
    """unsloth's function that replaces torch's checkpointing; None without unsloth or without a GPU."""
    import torch

    if not torch.cuda.is_available():  # it moves activations from the GPU to the CPU's memory
        return None
    # `import unsloth` sets the first, but also replaces TRL's trainers by ones that pack rows differently
    # from how they were counted. The second keeps its losses out of the models.
    os.environ.setdefault("UNSLOTH_IS_PRESENT", "1")
    os.environ.setdefault("UNSLOTH_FUSED_FORWARD", "0")
    try:
        with redirect_stdout(sys.stderr):  # it prints a greeting
            from unsloth_zoo.gradient_checkpointing import (  # type: ignore[import-not-found]
                patch_unsloth_smart_gradient_checkpointing,
            )
    except (ImportError, NotImplementedError):  # the latter for an accelerator that it does not support
        return None
    patch: Callable[[Any], None] = patch_unsloth_smart_gradient_checkpointing
    return patch
