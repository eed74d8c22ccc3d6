"""The family of a model, by its name: a judge may prefer models of its own family."""

import re
from collections.abc import Sequence

from goutbench.judge.config import Judge

# The first match counts. A fine-tuned model belongs to its base's family, so bases come before their tuners.
_FAMILIES = {
    "openai": r"\bgpt|\bchatgpt|\bo[1345]\b|\bcodex",
    "claude": r"claude",
    "google": r"gemini|gemma|\bpalm",
    "deepseek": r"deepseek",
    "qwen": r"qwen|\bqwq",
    "llama": r"llama",
    "mistral": r"mistral|mixtral|codestral|ministral|devstral|magistral",
    "phi": r"\bphi[-_]?\d",
    "smollm": r"smollm",
    "granite": r"granite",
    "starcoder": r"starcoder",
    "grok": r"\bgrok",
    "command": r"\bcommand[-_]?[ra]|cohere",
    "glm": r"\bglm|chatglm",
    "kimi": r"kimi|moonshot",
    "yi": r"\byi-",
}


def family(model: str) -> str:
    """The family that a model's name shows; empty if it shows none, such as a path to an adapter."""
    name = model.partition("/")[2].lower() or model.lower()  # a provider serves models of many families
    return next((key for key, pattern in _FAMILIES.items() if re.search(pattern, name)), "")


def self_preference_warnings(judges: Sequence[Judge], models: Sequence[str]) -> list[str]:
    """A warning for each judge model that is one of the models, or of the family of one of them."""
    warnings = []
    for judge in judges:
        judge_family = family(judge.model)
        for model in dict.fromkeys(models):
            if judge.model == model:
                warnings.append(f"{judge.label} judges itself, {model}, and may prefer its own tests")
            elif judge_family and judge_family == family(model):
                warnings.append(
                    f"{judge.label} judges {model}, of its own family {judge_family}, and may prefer it"
                )
    return warnings
