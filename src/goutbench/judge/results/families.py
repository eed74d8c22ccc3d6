"""Which family a model is of, by its name: a judge may prefer its own kin."""

import re
from collections.abc import Sequence

from goutbench.judge.folder import Juror

# the first that fits; a fine-tuned model is of its base's family, so bases stand before those who tune them
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
    """The family that a model's name tells; empty where it tells none, as a path to an adapter may not."""
    name = (
        model.partition("/")[2].lower() or model.lower()
    )  # the provider is no hint: it serves many families
    return next((key for key, form in _FAMILIES.items() if re.search(form, name)), "")


def self_preference(jurors: Sequence[Juror], models: Sequence[str]) -> list[str]:
    """A warning for each judge that is one of the models, or of a family with one (or both) of them."""
    found = []
    for juror in jurors:
        own = family(juror.model)
        for model in dict.fromkeys(models):
            if juror.model == model or (own and own == family(model)):
                kin = "is itself that model" if juror.model == model else f"is of its family, {own}"
                found.append(f"{juror.label} judges {model} and {kin}: it may prefer its own kind")
    return found
