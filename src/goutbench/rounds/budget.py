"""What a run may spend: calls, tokens and cost, and which of the next calls still fit."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from goutbench.config import Price
from goutbench.inference.calls import OVERFLOW
from goutbench.records import MODEL_ERROR, Completion, Prompt


class SpendingLimits(Protocol):
    """What a run may spend; 0 is no limit."""

    @property
    def max_calls(self) -> int: ...
    @property
    def max_total_tokens(self) -> int: ...
    @property
    def max_cost(self) -> float: ...


class Budget:
    """The limits of a run and what it has spent; a call without a reply costs nothing.

    A call fits if it stays within the limits even when its reply is as long as it may be. So no limit is
    exceeded, as far as the tokens of a prompt are counted as the provider counts them.
    """

    def __init__(self, limits: SpendingLimits, max_reply: int, price: Price | None) -> None:
        self._limits, self._max_reply, self._price = limits, max_reply, price
        self.calls, self.tokens, self.cost = 0, 0, 0.0

    def add(self, completions: Iterable[Completion]) -> None:
        """Count what these completions have cost."""
        for completion in completions:
            if completion.error not in (MODEL_ERROR, OVERFLOW):
                self.calls += 1
                self.tokens += completion.input_tokens + completion.output_tokens
                self.cost += completion.cost or 0.0

    def fitting(self, prompts: Sequence[Prompt]) -> list[bool]:
        """Which of these prompts fit together. One that is too long leaves room for those after it."""
        calls, tokens, cost = self.calls, self.tokens, self.cost
        fits = []
        for prompt in prompts:
            after = calls + 1, tokens + prompt.tokens + self._max_reply, cost + self._longest(prompt)
            fits.append(not self._exceeded(*after))
            calls, tokens, cost = after if fits[-1] else (calls, tokens, cost)
        return fits

    def limit_for(self, prompt: Prompt) -> str:
        """The option whose limit this prompt would exceed; empty if it fits."""
        tokens = self.tokens + prompt.tokens + self._max_reply
        return self._exceeded(self.calls + 1, tokens, self.cost + self._longest(prompt))

    def _longest(self, prompt: Prompt) -> float:
        """The cost of a call whose reply is as long as it may be."""
        return self._price.of(prompt.tokens, self._max_reply) if self._price else 0.0

    def _exceeded(self, calls: int, tokens: int, cost: float) -> str:
        limits = {
            "max-calls": (calls, self._limits.max_calls),
            "max-total-tokens": (tokens, self._limits.max_total_tokens),
            "max-cost": (cost, self._limits.max_cost),
        }
        return next((name for name, (value, limit) in limits.items() if limit and value > limit), "")
