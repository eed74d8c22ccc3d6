"""What a run of judging is asked for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """`window` is the judge's whole window in tokens (0: not known), counted by `tokenizer`; `budget`
    bounds the code shown for an item that is one function. `limit` items are drawn by `seed` (0: all).
    `revision` names the model's version where its name does not. `temperature` and `max_tokens` replace the
    judge folder's, and `schema` says whether its JSON schema is sent: not every server takes one.
    """

    window: int = 0
    tokenizer: str = "estimate"
    budget: int = 15_360
    limit: int = 0
    seed: int = 1
    revision: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    schema: bool = True
