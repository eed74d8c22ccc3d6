"""Losses outside the training loop: on held-out completions, and on tasks that a model may forget."""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from goutbench.train.data.tokens import IGNORED, Sample

_GO_TOKENS = 384  # of a Go file, for the loss on plain Go
_GO_FILES = 24


@dataclass(frozen=True, slots=True)
class Loss:
    """The mean cross entropy (natural logarithm) over `tokens` predicted tokens."""

    name: str
    loss: float
    tokens: int


def measure_losses(model: Any, tasks: Mapping[str, Sequence[Sample]]) -> list[Loss]:
    """The loss on every task, one sample at a time, so that padding and order do not matter."""
    with _evaluation_mode(model):
        return [_loss(model, name, samples) for name, samples in tasks.items() if samples]


def compare_losses(before: Sequence[Loss], after: Sequence[Loss]) -> list[dict[str, Any]]:
    """One row per task, for the record: loss before and after, and the relative change."""
    return [
        {
            "task": old.name,
            "tokens": old.tokens,
            "before": old.loss,
            "after": new.loss,
            "change": new.loss / old.loss - 1 if old.loss else None,
        }
        for old, new in zip(before, after, strict=True)
    ]


def forgetting_tasks(tokenizer: Any, go_files: Sequence[str], *, seed: int) -> dict[str, list[Sample]]:
    """What a model should not forget: continuing Go code that is not a test, and answering questions.

    The questions, our own, are in questions.yaml. The Go files are a sample of those that are not trained on.
    About 9,000 and 300 tokens are enough to detect a model that lost its abilities, not small changes.
    """
    code = []
    for text in random.Random(seed).sample(go_files, min(_GO_FILES, len(go_files))):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"][:_GO_TOKENS]
        code.append({"input_ids": ids, "labels": ids})
    questions: list[dict[str, str]] = yaml.safe_load(
        (files("goutbench.train.run") / "questions.yaml").read_text("utf-8")
    )
    return {"Go code": code, "code questions": [_answer_sample(tokenizer, item) for item in questions]}


def _answer_sample(tokenizer: Any, item: Mapping[str, str]) -> Sample:
    question = [{"role": "user", "content": item["question"]}]
    answered = [*question, {"role": "assistant", "content": item["answer"]}]
    options = {"tokenize": True, "return_dict": False}
    prompt = list(tokenizer.apply_chat_template(question, add_generation_prompt=True, **options))
    ids = list(tokenizer.apply_chat_template(answered, **options))
    return {"input_ids": ids, "labels": [IGNORED] * len(prompt) + ids[len(prompt) :]}


def _loss(model: Any, name: str, samples: Sequence[Sample]) -> Loss:
    import torch

    total, tokens = 0.0, 0
    for sample in samples:
        ids = torch.tensor([sample["input_ids"]], device=model.device)
        labels = torch.tensor(sample["labels"][1:], device=model.device)
        positions = (labels != IGNORED).nonzero().flatten()  # logits of a long prompt would fill the memory
        with torch.no_grad():
            logits = model(input_ids=ids, logits_to_keep=positions).logits[0].float()
        total += float(torch.nn.functional.cross_entropy(logits, labels[positions], reduction="sum"))
        tokens += len(positions)
    return Loss(name, total / max(tokens, 1), tokens)


@contextmanager
def _evaluation_mode(model: Any) -> Iterator[None]:
    """Without dropout, and without changing the random state."""
    import torch

    was_training, state = model.training, torch.get_rng_state()
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
        torch.set_rng_state(state)
