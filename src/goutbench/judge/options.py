"""The options of `judge`."""

from dataclasses import dataclass

from goutbench.records import CODE_TOKENS


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """Which items a run compares, and how it asks the judges.

    - `window` is the context window of the judge model (0: unlimited), and `budget` limits the code that the
      prompt shows for a function. Both count tokens of `tokenizer`.
    - `limit` draws items by `seed` (0: all).
    - `revision` is the version of the model, if its name does not include it.
    - `temperature` and `max_tokens` replace those of the judge; None keeps them.
    - `schema` sends the judge's JSON schema, which not every server accepts.
    """

    window: int = 0
    tokenizer: str = "estimate"
    budget: int = CODE_TOKENS
    limit: int = 0
    seed: int = 1
    revision: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    schema: bool = True
