"""Draws tasks evenly over repositories, sizes and complexities."""

import random
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

THIRDS = ("small", "medium", "large")
Item = TypeVar("Item", bound=Hashable)


def thirds(values: Mapping[Item, int]) -> dict[Item, str]:
    """The third of each item by its value; equal values are in the same third."""
    ordered = sorted(values.values())
    bounds = [ordered[len(ordered) * part // 3] for part in (1, 2)] if ordered else []
    return {item: THIRDS[sum(value >= bound for bound in bounds)] for item, value in values.items()}


def draw_evenly(strata: Mapping[Item, tuple[str, ...]], count: int, seed: int) -> list[Item]:
    """`count` items (0: all), in turns over the strata, each of which is in a random order.

    The first part of a stratum is its repository: repositories take turns, and within one its other strata.
    """
    shuffled = sorted(strata, key=str)
    random.Random(seed).shuffle(shuffled)
    queues: dict[str, dict[tuple[str, ...], list[Item]]] = defaultdict(lambda: defaultdict(list))
    for item in shuffled:
        queues[strata[item][0]][strata[item]].append(item)
    orders = {name: _in_turns([*parts.values()]) for name, parts in sorted(queues.items())}
    drawn = _in_turns([*orders.values()])
    return drawn[:count] if count else drawn


def _in_turns(queues: Sequence[Sequence[Item]]) -> list[Item]:
    longest = max(map(len, queues), default=0)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]
