"""The options of feedback rounds."""

from dataclasses import dataclass

from goutbench.errors import ConfigError
from goutbench.prompts.feedback.message import KINDS, check_kinds


@dataclass(frozen=True, slots=True)
class RoundOptions:
    """How many rounds there are, what the feedback between them is about, and when the run ends early.

    `rounds` counts the first answers, so 1 means no feedback. `feedback` are keys of `feedback.KINDS`. The
    limits are on the complete run, first answers included: model calls, tokens of prompts and replies, and
    cost in the unit of the price file; 0 is no limit. The first answers are always asked for in full.
    """

    rounds: int = 2
    feedback: tuple[str, ...] = tuple(KINDS)
    max_calls: int = 0
    max_total_tokens: int = 0
    max_cost: float = 0.0

    def __post_init__(self) -> None:
        check_kinds(self.feedback)
        if self.rounds < 1:
            raise ConfigError("--rounds must be at least 1")
        if self.rounds == 1 and (self.max_calls or self.max_total_tokens or self.max_cost):
            raise ConfigError(
                "limits are for rounds of feedback, and there is one round",
                where="--max-calls, --max-total-tokens, --max-cost",
                hint="give --rounds 2 or more, or ask for fewer items with --limit",
            )
        if min(self.max_calls, self.max_total_tokens, self.max_cost) < 0:
            raise ConfigError(
                "a limit must not be negative", where="--max-calls, --max-total-tokens, --max-cost"
            )
