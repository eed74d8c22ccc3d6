"""Reward functions as TRL's trainers take them: one for each part, or one for the total."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from goutbench.errors import ConfigError
from goutbench.execute.reward.parts import PARTS
from goutbench.execute.reward.session import Completion, RewardSession, Score

TOTAL = "total"
Rewards = list[float | None]
RewardFunction = Callable[..., Rewards | Awaitable[Rewards]]


def reward_functions(
    session: RewardSession, names: Sequence[str] = PARTS, *, asynchronous: bool = True
) -> list[RewardFunction]:
    """A reward function for each name: a part, or "total" for the reward as a whole.

    TRL calls them with columns of the training set: `pair_id`, and `focal`, the names of the functions under
    test (optional). All of them share one execution of each completion. They return None for an
    infrastructure error, so TRL gives that completion no advantage. In TRL's logs they are `build_reward` and
    so on. TRL awaits asynchronous functions together. Raises ConfigError for an unknown name.
    """
    for name in names:
        if name not in (*PARTS, TOTAL):
            hint = f"choose among {', '.join((*PARTS, TOTAL))}"
            raise ConfigError(f"no part of the reward is named {name!r}", where="names", hint=hint)
    make = _asynchronous if asynchronous else _synchronous
    return [make(session, name) for name in names]


def _asynchronous(session: RewardSession, name: str) -> Callable[..., Awaitable[Rewards]]:
    async def reward(
        completions: Sequence[Completion], pair_id: Sequence[str],
        focal: Sequence[Sequence[str]] | None = None, **_: Any,
    ) -> Rewards:  # fmt: skip
        columns = zip(completions, pair_id, focal or [()] * len(completions), strict=True)
        scores = await asyncio.gather(*(session.score(*row) for row in columns))
        return [_value(score, name) for score in scores]

    reward.__name__ = f"{name}_reward"
    return reward


def _synchronous(session: RewardSession, name: str) -> Callable[..., Rewards]:
    def reward(
        completions: Sequence[Completion], pair_id: Sequence[str],
        focal: Sequence[Sequence[str]] | None = None, **_: Any,
    ) -> Rewards:  # fmt: skip
        columns = zip(completions, pair_id, focal or [()] * len(completions), strict=True)
        scores = [session.submit(*row) for row in columns]
        return [_value(score.result(), name) for score in scores]

    reward.__name__ = f"{name}_reward"
    return reward


def _value(score: Score | None, name: str) -> float | None:
    if score is None:
        return None
    return score.reward if name == TOTAL else score.parts[name]
