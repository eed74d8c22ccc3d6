"""Which weights LoRA touches, by name: PEFT skips in silence a target that matches nothing beside others."""

from dataclasses import dataclass
from typing import Any

from goutbench.errors import ConfigError, first_line
from goutbench.train.recipe import Lora


@dataclass(frozen=True, slots=True)
class Target:
    """A target of the recipe and the modules or parameters it matched."""

    target: str
    kind: str  # "module" | "parameter"
    matched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """Numbers of weights: all of the base model, and those that are trained."""

    total: int
    trainable: int

    @property
    def share(self) -> float:
        return self.trainable / self.total if self.total else 0.0


def attach(model: Any, lora: Lora) -> tuple[Any, tuple[Target, ...]]:
    """The model with LoRA on it, and what it touches. Raises ConfigError for a target that matches nothing.

    PEFT refuses dropout beside `target_parameters`, since it cannot be done there. It can for the modules:
    they get theirs here, after PEFT has made them.
    """
    from peft import LoraConfig, get_peft_model

    settings = lora.model_dump()
    settings["target_modules"] = list(lora.target_modules)
    settings["target_parameters"] = list(lora.target_parameters) or None
    settings["lora_dropout"] = 0.0 if lora.target_parameters else lora.lora_dropout
    _check(model, lora)
    meta = next(model.parameters()).device.type == "meta"
    try:
        wrapped = get_peft_model(model, LoraConfig(**settings), low_cpu_mem_usage=meta)
    except ValueError as error:
        raise ConfigError(first_line(error), where="lora", hint="correct the targets") from error
    if lora.target_parameters and lora.lora_dropout:
        _set_dropout(wrapped, lora.lora_dropout)
    return wrapped, _matched(wrapped, lora)


def weights(model: Any) -> Weights:
    """Count the weights; a LoRA matrix is trained and not of the base model."""
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    adapted = sum(p.numel() for name, p in model.named_parameters() if "lora_" in name)
    return Weights(sum(p.numel() for p in model.parameters()) - adapted, trainable)


def _check(model: Any, lora: Lora) -> None:
    modules = [name for name, _ in model.named_modules()]
    parameters = [name for name, _ in model.named_parameters()]
    missing = [t for t in lora.target_modules if not _fits(t, modules)]
    missing += [t for t in lora.target_parameters if not _fits(t, parameters)]
    if missing:
        leaves = sorted({name.rpartition(".")[2] for name, m in model.named_modules() if _is_linear(m)})
        what = f"nothing in the model is named {', '.join(missing)}"
        raise ConfigError(what, where="lora", hint=f"its linear modules are {', '.join(leaves)}")


def _matched(wrapped: Any, lora: Lora) -> tuple[Target, ...]:
    """What PEFT really touched, by target: it rewrites some targets, and then they match nothing."""
    modules, parameters = (
        wrapped.base_model.targeted_module_names,
        wrapped.base_model.targeted_parameter_names,
    )
    found = [Target(t, "module", tuple(_fits(t, modules))) for t in lora.target_modules]
    found += [Target(t, "parameter", tuple(_fits(t, parameters))) for t in lora.target_parameters]
    missing = [each.target for each in found if not each.matched]
    if missing:
        what = f"PEFT leaves {', '.join(missing)} alone in this model"
        hint = "its experts are fused: name their parameters in target_parameters"
        raise ConfigError(what, where="lora", hint=hint)
    return tuple(found)


def _fits(target: str, names: list[str]) -> list[str]:
    """PEFT's rule for a list of targets: the whole name, or its end after a dot."""
    return [name for name in names if name == target or name.endswith(f".{target}")]


def _is_linear(module: Any) -> bool:
    return type(module).__name__ == "Linear"


def _set_dropout(wrapped: Any, share: float) -> None:
    from peft.tuners.lora.layer import LoraLayer, ParamWrapper
    from torch import nn

    for module in wrapped.modules():
        if isinstance(module, LoraLayer) and not isinstance(module, ParamWrapper):
            for name in module.lora_dropout:
                module.lora_dropout[name] = nn.Dropout(share)
