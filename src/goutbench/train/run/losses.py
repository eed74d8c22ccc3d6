"""Losses outside the training loop: held-out completions, and other tasks that a tuned model may forget."""

import random
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from goutbench.train.data.tokens import IGNORED

if TYPE_CHECKING:
    from collections.abc import Iterator

_GO_TOKENS = 384  # of a Go file, for the loss on plain Go
_GO_FILES = 24


@dataclass(frozen=True, slots=True)
class Loss:
    """The mean cross entropy (natural logarithm) of `tokens` predicted tokens."""

    name: str
    loss: float
    tokens: int


Sample = dict[str, list[int]]  # `input_ids` and `labels`


def measure(model: Any, tasks: dict[str, Sequence[Sample]]) -> list[Loss]:
    """The loss on each task, a sample at a time, so that neither padding nor order plays a part."""
    with _resting(model):
        return [_loss(model, name, samples) for name, samples in tasks.items() if samples]


def other_tasks(tokenizer: Any, go_files: Sequence[str], *, seed: int) -> dict[str, list[Sample]]:
    """What should not be forgotten: going on with Go code that is no test, and answering plain questions.

    The questions, our own, are in questions.yaml; the Go files are of pairs that are not trained on, drawn
    from all of these by the seed. Some 9,000 and 300 tokens: enough to see a model that lost its way, not to
    tell small changes apart.
    """
    plain = []
    for text in random.Random(seed).sample(go_files, min(_GO_FILES, len(go_files))):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"][:_GO_TOKENS]
        plain.append({"input_ids": ids, "labels": ids})
    return {"Go code": plain, "code questions": [_question(tokenizer, each) for each in _questions()]}


def _questions() -> list[dict[str, str]]:
    text = (files("goutbench.train.run") / "questions.yaml").read_text("utf-8")
    listed: list[dict[str, str]] = yaml.safe_load(text)
    return listed


def _question(tokenizer: Any, each: dict[str, str]) -> Sample:
    asked = [{"role": "user", "content": each["question"]}]
    answered = [*asked, {"role": "assistant", "content": each["answer"]}]
    options = {"tokenize": True, "return_dict": False}
    head = list(tokenizer.apply_chat_template(asked, add_generation_prompt=True, **options))
    ids = list(tokenizer.apply_chat_template(answered, **options))
    return {"input_ids": ids, "labels": [IGNORED] * len(head) + ids[len(head) :]}


def _loss(model: Any, name: str, samples: Sequence[Sample]) -> Loss:
    import torch

    total, tokens = 0.0, 0
    for sample in samples:
        ids = torch.tensor([sample["input_ids"]], device=model.device)
        labels = torch.tensor(sample["labels"][1:], device=model.device)
        asked = (labels != IGNORED).nonzero().flatten()  # logits of a long prompt would fill the memory
        with torch.no_grad():
            logits = model(input_ids=ids, logits_to_keep=asked).logits[0].float()
        total += float(torch.nn.functional.cross_entropy(logits, labels[asked], reduction="sum"))
        tokens += len(asked)
    return Loss(name, total / max(tokens, 1), tokens)


@contextmanager
def _resting(model: Any) -> "Iterator[None]":
    """Without dropout while the block runs, and without moving the random state."""
    import torch

    was, state = model.training, torch.get_rng_state()
    model.eval()
    try:
        yield
    finally:
        model.train(was)
        torch.set_rng_state(state)
