"""The options of `generate`."""

from dataclasses import dataclass
from typing import Any, Self

from goutbench.prompts.library import CROSS_FILE_TOKENS, DEFAULT, load_prompt
from goutbench.records import CODE_TOKENS


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """Which items a run asks for, how it prompts, and how the model samples.

    - `unit` is "file" (chunks of a file, assembled into one candidate) or "function" (one item per
      function).
    - `prompt` is the name of a built-in prompt, or the folder of another one.
    - `budget` limits the code in a prompt, `cross_file_tokens` the cross-file context (0 disables it), and
      `window` is the context window of the model (0: unlimited). All three count tokens of `tokenizer`.
    - `split` is SCHEME:SPLIT or SCHEME:SPLIT+SPLIT, such as "leakfree:validation+test"; empty: all pairs.
      `examples` in-context examples come from the training split of that scheme.
    - `tasks` is a folder of tasks, whose items are asked about, and no others.
    - `only` lists pair ids, `paths` is a regular expression that the path of the focal file must match,
      `pure` selects pure functions, `concurrent` concurrent ones, and `limit` draws items by `seed` (0: all).
    - `samples` is the number of completions per prompt, and `mode` how completions become one file.
    - `revision` is the version of the model, if its name does not include it.
    """

    unit: str = "file"
    prompt: str = DEFAULT
    budget: int = CODE_TOKENS
    cross_file_tokens: int = CROSS_FILE_TOKENS
    window: int = 0
    split: str = ""
    limit: int = 0
    tasks: str = ""
    only: tuple[str, ...] = ()
    paths: str = ""
    pure: bool = False
    concurrent: bool = False
    samples: int = 1
    examples: int = 0
    seed: int = 1
    mode: str = "merge"
    revision: str = ""
    temperature: float | None = None
    max_tokens: int = 2048
    tokenizer: str = "estimate"

    @classmethod
    def for_prompt(cls, prompt: str, **options: Any) -> Self:
        """The options with the settings of a prompt, except where an option is not None.

        Raises ConfigError for a prompt that cannot be used.
        """
        chosen = {name: value for name, value in options.items() if value is not None}
        return cls(prompt=prompt, **(load_prompt(prompt).settings() | chosen))
