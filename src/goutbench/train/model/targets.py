"""Attaches LoRA and reports which weights it trains: PEFT silently skips a target that matches nothing."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from goutbench.errors import ConfigError, first_line
from goutbench.train.recipe import Lora, Recipe

_LAYER = re.compile(r"\.layers\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class LoraTarget:
    """A target of the recipe and the modules or parameters that it matched."""

    target: str
    kind: str  # "module" | "parameter"
    matched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WeightCounts:
    """The number of weights in the base model, and of those that are trained."""

    total: int
    trainable: int

    @property
    def share(self) -> float:
        return self.trainable / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class TrainableModel:
    """The model's configuration, the LoRA targets (none: all weights are trained), and the weight counts.

    `largest_layer` and `outside_layers` count the weights, adapters included, of the largest layer and of
    everything that is in none.
    """

    config: Any
    targets: tuple[LoraTarget, ...]
    weights: WeightCounts
    largest_layer: int
    outside_layers: int


def make_trainable(model: Any, recipe: Recipe) -> tuple[Any, TrainableModel]:
    """The model with LoRA attached, or with all weights trainable, and a description of both.

    Raises ConfigError for a LoRA target that matches nothing.
    """
    config = model.config
    targets: tuple[LoraTarget, ...] = ()
    if recipe.lora is None:
        model.requires_grad_(True)
    else:
        model, targets = attach_lora(model, recipe.lora)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    adapter = sum(p.numel() for name, p in model.named_parameters() if "lora_" in name)
    total = sum(p.numel() for p in model.parameters()) - adapter  # a LoRA matrix is not of the base model
    largest, outside = _layer_sizes(model)
    return model, TrainableModel(config, targets, WeightCounts(total, trainable), largest, outside)


def _layer_sizes(model: Any) -> tuple[int, int]:
    """The weights of the largest layer, and of all that is in no layer."""
    sizes: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        layer = _LAYER.search(name)
        sizes[layer[1] if layer else ""] += parameter.numel()
    outside = sizes.pop("", 0)
    return max(sizes.values(), default=0), outside


def attach_lora(model: Any, lora: Lora) -> tuple[Any, tuple[LoraTarget, ...]]:
    """The model with LoRA, and what LoRA trains. Raises ConfigError for a target that matches nothing.

    PEFT refuses dropout together with `target_parameters`, since it cannot apply dropout to parameters. The
    modules get theirs here, after PEFT has created them.
    """
    from peft import LoraConfig, get_peft_model

    settings = lora.model_dump()
    settings["target_modules"] = list(lora.target_modules)
    settings["target_parameters"] = list(lora.target_parameters) or None
    settings["lora_dropout"] = 0.0 if lora.target_parameters else lora.lora_dropout
    _check_targets(model, lora)
    is_meta = next(model.parameters()).device.type == "meta"
    try:
        wrapped = get_peft_model(model, LoraConfig(**settings), low_cpu_mem_usage=is_meta)
    except ValueError as error:
        raise ConfigError(first_line(error), where="lora", hint="correct the targets") from error
    if lora.target_parameters and lora.lora_dropout:
        from peft.tuners.lora.layer import LoraLayer, ParamWrapper
        from torch import nn

        for module in wrapped.modules():
            if isinstance(module, LoraLayer) and not isinstance(module, ParamWrapper):
                for name in module.lora_dropout:
                    module.lora_dropout[name] = nn.Dropout(lora.lora_dropout)
    return wrapped, _matched_targets(wrapped.base_model, lora)


def _check_targets(model: Any, lora: Lora) -> None:
    modules = [name for name, _ in model.named_modules()]
    parameters = [name for name, _ in model.named_parameters()]
    missing = [target for target in lora.target_modules if not _matching(target, modules)]
    missing += [target for target in lora.target_parameters if not _matching(target, parameters)]
    if missing:
        linear = {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if type(module).__name__ == "Linear"
        }
        what = f"nothing in the model is named {', '.join(missing)}"
        raise ConfigError(what, where="lora", hint=f"its linear modules are {', '.join(sorted(linear))}")


def _matched_targets(base_model: Any, lora: Lora) -> tuple[LoraTarget, ...]:
    """What PEFT really trains, by target: it rewrites some targets, which then match nothing."""
    modules, parameters = base_model.targeted_module_names, base_model.targeted_parameter_names
    targets = [LoraTarget(t, "module", tuple(_matching(t, modules))) for t in lora.target_modules]
    targets += [LoraTarget(t, "parameter", tuple(_matching(t, parameters))) for t in lora.target_parameters]
    missing = [target.target for target in targets if not target.matched]
    if missing:
        what = f"PEFT does not train {', '.join(missing)} in this model"
        hint = "its experts are fused: name their parameters in target_parameters"
        raise ConfigError(what, where="lora", hint=hint)
    return tuple(targets)


def _matching(target: str, names: list[str]) -> list[str]:
    """PEFT's rule for a list of targets: the full name, or its end after a dot."""
    return [name for name in names if name == target or name.endswith(f".{target}")]
