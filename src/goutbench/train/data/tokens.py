"""Rows as token ids and labels: what the model sees, and what the loss is taken on.

Done here, once, and handed to TRL as it is: so that what is counted before the run is what is trained on. A
test compares ids and labels with those of TRL's own preparation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from goutbench.errors import ConfigError
from goutbench.train.data.rows import Row

IGNORED = -100  # the label that torch's cross entropy skips


@dataclass(frozen=True, slots=True)
class Encoded:
    """A row's tokens before any cut; `prompt` counts those ahead of the completion."""

    row: Row
    ids: list[int]
    prompt: int

    def labels(self, loss: str) -> list[int]:
        """Labels for loss on the `completion` only, or on `all`."""
        start = self.prompt if loss == "completion" else 0
        return [IGNORED] * start + self.ids[start:]


def encode(rows: Sequence[Row], tokenizer: Any) -> list[Encoded]:
    """Tokens by the tokenizer's chat template. Raises ConfigError where it has none, or one that rewrites
    the prompt once an answer follows: the model would be trained on another prompt than it is given later."""
    if not tokenizer.chat_template:
        raise ConfigError("the tokenizer has no chat template", where="model", hint="use an instruct model")
    made = []
    for row in rows:
        prompt = [{"role": role, "content": content} for role, content in row.prompt]
        head = _ids(tokenizer, prompt, add_generation_prompt=True)
        ids = _ids(tokenizer, [*prompt, {"role": "assistant", "content": row.completion}])
        if ids[: len(head)] != head:
            what = f"the chat template changes the prompt of {row.id} once an answer follows"
            raise ConfigError(what, where="model", hint="use a template that renders both alike")
        made.append(Encoded(row, ids, len(head)))
    return made


def _ids(tokenizer: Any, messages: list[dict[str, str]], **options: bool) -> list[int]:
    ids = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False, **options)
    return list(ids)


def stop_ids(tokenizer: Any, ends: Sequence[int] = ()) -> frozenset[int]:
    """The ids at which generation ends: `ends`, by the model's own settings, and the tokenizer's."""
    return frozenset(id for id in (*ends, tokenizer.eos_token_id) if id is not None)
