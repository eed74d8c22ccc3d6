"""What runners share: the work, the items that wait for a worker, messages, and lost workers."""

import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
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
    affinity: Callable[[Item], str] = lambda item: ""
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
    """An item, the group whose items prefer one node, and how many workers it has killed."""

    item: Item
    group: str
    kills: int = 0


class Backlog(Generic[Item]):
    """Takes items from an iterable as they are needed, and `ahead` more to choose from.

    A node gets the next item of the group that it had last, then one of a group that no node has, then any:
    its trees and build caches are warm for the first, and nobody waits.
    """

    def __init__(self, items: Iterable[Item], affinity: Callable[[Item], str], ahead: int = 0) -> None:
        self._items = iter(items)
        self._affinity = affinity
        self._ahead = ahead
        self._waiting: list[WaitingItem[Item]] = []
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
        entry = min(self._waiting, key=lambda entry: self._rank(entry.group, node))
        self.taken["warm" if self._rank(entry.group, node) < 2 else "cold"] += 1
        self._waiting.remove(entry)
        self._nodes[entry.group] = self._latest[node] = node if node else ""
        self._latest[node] = entry.group
        return entry

    def put_back(self, entry: WaitingItem[Item]) -> None:
        """An item whose worker was lost: it comes first."""
        self._waiting.insert(0, entry)

    def _rank(self, group: str, node: str) -> int:
        """0 is best; equal ranks keep the order of the items."""
        if self._latest.get(node) == group:
            return 0
        owner = self._nodes.get(group)
        return 1 if owner == node else 2 if owner is None else 3

    def _fill(self) -> None:
        while not self._exhausted and len(self._waiting) <= self._ahead:
            try:
                item = next(self._items)
            except StopIteration:
                self._exhausted = True
                return
            self._waiting.append(WaitingItem(item, self._affinity(item)))


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
