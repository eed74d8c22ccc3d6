"""What is asked of a model, and how."""

from dataclasses import dataclass

from goutbench.prompts.prompt import CROSS_FILE_TOKENS


@dataclass(frozen=True, slots=True)
class Options:
    """`unit` is "file" (chunks of the whole file, assembled) or "function" (one item for each function).

    `budget` is a chunk's limit in tokens, `window` the model's whole window (0: not known), `split` a
    scheme and its split, as in "leakfree:test", or several: "leakfree:validation+test" (empty: every pair),
    `paths` a regular expression that the focal file's path must match. `pure` leaves only functions that
    take and give plain values and do nothing but compute. `cross_file_tokens` limits the cross-file context
    (0: none). `repair` is how often the errors
    of a candidate that does not build are handed back. `examples` in-context examples come from the
    training part of that scheme. `revision` names the model's version where its name does not. The rest is
    handed to the model.
    """

    unit: str = "file"
    budget: int = 15_360
    cross_file_tokens: int = CROSS_FILE_TOKENS
    window: int = 0
    split: str = ""
    limit: int = 0
    only: tuple[str, ...] = ()
    paths: str = ""
    pure: bool = False
    samples: int = 1
    repair: int = 0
    examples: int = 0
    seed: int = 1
    mode: str = "merge"
    revision: str = ""
    temperature: float | None = None
    max_tokens: int = 2048
    tokenizer: str = "estimate"
