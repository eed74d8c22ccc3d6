"""Training rows as token ids and labels.

Rows are tokenized here, once, and TRL gets the tokens, so that the preflight counts exactly what is trained
on. A test compares ids and labels with those of TRL's own preparation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from goutbench.errors import ConfigError, first_line

IGNORED = -100  # the label that torch's cross entropy ignores

Messages = tuple[tuple[str, str], ...]  # role and content
Sample = dict[str, list[int]]  # `input_ids` and `labels`


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A prompt and its completion. `id` hashes chunk and tests; `tests` is empty for a whole test file."""

    id: str
    pair_id: str
    repository: str
    functions: tuple[str, ...]
    tests: tuple[str, ...]
    prompt: Messages
    completion: str


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """A row's tokens before truncation; the first `prompt` tokens are the prompt."""

    row: TrainingRow
    ids: list[int]
    prompt: int

    def labels(self, loss: str) -> list[int]:
        """Labels for a loss on the "completion" or on "all" tokens."""
        start = self.prompt if loss == "completion" else 0
        return [IGNORED] * start + self.ids[start:]


def encode(rows: Sequence[TrainingRow], tokenizer: Any) -> list[EncodedRow]:
    """Tokenize rows with the tokenizer's chat template.

    Raises ConfigError if it has none, or if the template changes the prompt once an answer follows: training
    would use a different prompt from generation.
    """
    if not tokenizer.chat_template:
        raise ConfigError("the tokenizer has no chat template", where="model", hint="use an instruct model")
    encoded = []
    for row in rows:
        messages = [{"role": role, "content": content} for role, content in row.prompt]
        answer = {"role": "assistant", "content": row.completion}
        prompt = _token_ids(tokenizer, messages, add_generation_prompt=True)
        ids = _token_ids(tokenizer, [*messages, answer])
        if ids[: len(prompt)] != prompt:
            what = f"the chat template changes the prompt of {row.id} once an answer follows"
            raise ConfigError(what, where="model", hint="use a template that renders both the same")
        encoded.append(EncodedRow(row, ids, len(prompt)))
    return encoded


def _token_ids(tokenizer: Any, messages: list[dict[str, str]], **options: bool) -> list[int]:
    from jinja2 import TemplateError

    try:
        ids = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False, **options)
    except TemplateError as error:
        what = f"the chat template refuses the conversation: {first_line(error)}"
        raise ConfigError(what, where="model", hint="use a template for system, user and assistant") from None
    return list(ids)


def stop_ids(tokenizer: Any, end_ids: Sequence[int] = ()) -> frozenset[int]:
    """The ids that end generation: `end_ids`, from the model's own settings, and the tokenizer's."""
    return frozenset(id for id in (*end_ids, tokenizer.eos_token_id) if id is not None)
