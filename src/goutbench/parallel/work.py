"""What runners share: the work, the items that wait for a worker, messages, and lost workers."""

import pickle
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, Generic, Protocol, TypeVar

from goutbench.errors import GoutbenchError

Item = TypeVar("Item")
Result = TypeVar("Result")
ProgressListener = Callable[[Any], None]

MOST_KILLS = 3
"""An item that killed so many workers is not tried again."""

_listener: ProgressListener | None = None


def report_progress(message: Any) -> None:
    """Send a picklable message from a running function to the `on_progress` of its `map_items`."""
    if _listener is not None:
        _listener(message)


def listen(listener: ProgressListener | None) -> ProgressListener | None:
    """Set who receives the messages of this process; returns who did before."""
    global _listener
    previous, _listener = _listener, listener
    return previous


@dataclass(frozen=True, slots=True)
class PerWorker(Generic[Item, Result]):
    """A function that needs something open: each worker opens it once, before its first item.

    `open` gets the number of the worker, which no other one has at the same time, and returns a context
    manager with the function. It exits when there is no more work.
    """

    open: Callable[[int], AbstractContextManager[Callable[[Item], Result]]]


@dataclass(frozen=True, slots=True)
class Crew:
    """The machines at work: how many, with how many workers, and why one is not used, if any (`notice`)."""

    nodes: int
    workers: int
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Work(Generic[Item, Result]):
    """A function to be called on items; the fields are parameters of `map_items`."""

    function: Callable[[Item], Result] | PerWorker[Item, Result]
    workers: int
    on_progress: ProgressListener = lambda message: None
    on_crew: Callable[[Crew], None] = lambda crew: None
    affinity: Callable[[Item], str] | None = None
    lost: Callable[[Item], Result] | None = None
    address: str = ""

    def opened(self, number: int) -> AbstractContextManager[Callable[[Item], Result]]:
        """The function of one worker."""
        return open_function(self.function, number)


def open_function(
    function: Callable[[Item], Result] | PerWorker[Item, Result], number: int
) -> AbstractContextManager[Callable[[Item], Result]]:
    """The function of the worker with this number."""
    return function.open(number) if isinstance(function, PerWorker) else nullcontext(function)


class Runner(Protocol):
    """Does the work on every item and yields the results as they arrive, in any order.

    It takes an item when a worker is free for it. Messages that the function gives to `report_progress` reach
    `on_progress`. The first exception ends the run. An item whose worker was killed is tried again, up to
    MOST_KILLS times in all; then its result is `lost(item)`, or the run ends. A runner with other processes
    needs a picklable function, items and results.
    """

    def __call__(self, work: Work[Item, Result], items: Iterable[Item]) -> Iterator[Result]: ...


@dataclass(eq=False, slots=True)
class WaitingItem(Generic[Item]):
    """An item, the group whose items prefer one node, its position, and how many workers it has killed."""

    item: Item
    group: str
    position: int
    kills: int = 0


class Backlog(Generic[Item]):
    """Takes items from an iterable as they are needed, and `ahead` more to choose from.

    A node gets the next item of the group that it had last, then one of a group that no node has, then any:
    its trees and build caches are warm for the first, and nobody waits. To choose takes time for each group
    that waits, not for each item.
    """

    def __init__(self, items: Iterable[Item], affinity: Callable[[Item], str] | None, ahead: int = 0) -> None:
        """Without `affinity` there is nothing to choose, and no item is taken ahead."""
        self._items = iter(items)
        self._affinity = affinity or (lambda item: "")
        self._ahead = ahead if affinity else 0
        self._waiting: dict[str, deque[WaitingItem[Item]]] = {}
        self._count = 0
        self._positions = count()
        self._positions_before = count(-1, -1)
        self._nodes: dict[str, str] = {}  # the node that had each group last
        self._latest: dict[str, str] = {}
        self._exhausted = False
        self.taken = Counter[str]()
        """How many items were taken by a node that was warm, and by one that was not."""

    def take(self, node: str = "") -> WaitingItem[Item] | None:
        """The best item for a node; None where no item waits."""
        self._fill()
        if not self._waiting:
            return None
        latest = self._latest.get(node)
        group = latest if latest in self._waiting else min(self._waiting, key=partial(self._rank, node))
        assert group is not None
        self.taken["warm" if group == latest or self._nodes.get(group) == node else "cold"] += 1
        entry = self._waiting[group].popleft()
        if not self._waiting[group]:
            del self._waiting[group]
        self._count -= 1
        self._nodes[group] = node
        self._latest[node] = group
        return entry

    def put_back(self, entry: WaitingItem[Item]) -> None:
        """An item whose worker was lost: it comes first."""
        entry.position = next(self._positions_before)
        self._waiting.setdefault(entry.group, deque()).appendleft(entry)
        self._count += 1

    def _rank(self, node: str, group: str) -> tuple[int, int]:
        """The lowest is best; groups that are as good keep the order of their first items."""
        owner = self._nodes.get(group)
        return 0 if owner == node else 1 if owner is None else 2, self._waiting[group][0].position

    def _fill(self) -> None:
        while not self._exhausted and self._count <= self._ahead:
            try:
                item = next(self._items)
            except StopIteration:
                self._exhausted = True
                return
            group = self._affinity(item)
            entry = WaitingItem(item, group, next(self._positions))
            self._waiting.setdefault(group, deque()).append(entry)
            self._count += 1


def after_kill(entry: WaitingItem[Item], backlog: Backlog[Item], work: Work[Item, Result]) -> list[Result]:
    """Put the item of a lost worker back, or return its result where it has killed too many.

    Raises GoutbenchError where the work has no such result.
    """
    entry.kills += 1
    if entry.kills < MOST_KILLS:
        backlog.put_back(entry)
        return []
    if work.lost is None:
        hint = "free some memory or use fewer --workers; the same command resumes the run"
        raise GoutbenchError(f"a worker process was killed {MOST_KILLS} times by the same item", hint=hint)
    return [work.lost(entry.item)]


def portable(error: Exception) -> Exception:
    """An error that another process can raise: itself, or one with its text."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return GoutbenchError(f"{type(error).__name__}: {error}")
    return error
