"""The one place that knows how work is spread: a runner is a function and a line in RUNNERS."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import wait as wait_for
from typing import Any, Protocol, TypeVar

from goutbench.errors import GoutbenchError

Item = TypeVar("Item")
Result = TypeVar("Result")
Listener = Callable[[Any], None]

_tell: Listener | None = None


def tell(message: Any) -> None:
    """Send a (picklable) message from inside a task to whoever started the run."""
    if _tell is not None:
        _tell(message)


class Runner(Protocol):
    """Calls `function` on every item, and yields results as they come, in any order.

    Messages given to `tell` inside the function reach `listen`. The first exception of a task ends the
    run. Function, items and results must be picklable.
    """

    def __call__(
        self, function: Callable[[Item], Result], items: Sequence[Item], workers: int, listen: Listener
    ) -> Iterator[Result]: ...


def available_cpus() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int = 1,
    listen: Listener = lambda message: None,
    runner: str | None = None,
) -> Iterator[Result]:
    """Call a function on every item with so many workers; see Runner."""
    count = min(workers, len(items))
    name = runner or ("processes" if count > 1 else "serial")
    return RUNNERS[name](function, items, count, listen)


def _serial(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int, listen: Listener
) -> Iterator[Result]:
    global _tell
    previous, _tell = _tell, listen
    try:
        yield from map(function, items)
    finally:
        _tell = previous


def _processes(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int, listen: Listener
) -> Iterator[Result]:
    # spawn, not fork: the parent has threads (progress, pyarrow), which a fork would copy half-alive
    context = multiprocessing.get_context("spawn")
    messages = context.SimpleQueue()
    listener = _Forwarding(messages, listen)
    listener.start()
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(messages,))
    try:
        pending: set[Future[Result]] = {pool.submit(function, item) for item in items}
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BaseException as error:
        # a worker killed while it sends holds the queue's lock for good: the queue is not used again
        for child in set(multiprocessing.active_children()) - others:
            _kill_group(child.pid)
        pool.shutdown(wait=True, cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            hint = "give it more memory or fewer --workers; the same command resumes"
            raise GoutbenchError("a worker process was killed", hint=hint) from None
        raise
    pool.shutdown(wait=True)
    messages.put(None)
    listener.join()
    if listener.error is not None:
        raise listener.error


class _Forwarding(threading.Thread):
    """Passes messages on until None comes; reads on when the listener fails: workers must not block."""

    def __init__(self, messages: Any, listen: Listener) -> None:
        super().__init__(daemon=True)
        self._messages = messages
        self._listen = listen
        self.error: Exception | None = None

    def run(self) -> None:
        while (message := self._messages.get()) is not None:
            if self.error is None:
                try:
                    self._listen(message)
                except Exception as error:
                    self.error = error


def _kill_group(leader: int | None) -> None:
    """Kill a worker and what it started, such as a git that is cloning."""
    if leader is not None:
        for kill in (os.killpg, os.kill):  # the group does not exist until the worker has begun
            with suppress(ProcessLookupError, PermissionError):
                kill(leader, signal.SIGKILL)


def _start_worker(messages: Any) -> None:
    """Set a worker up: it leads a group of its own, ignores Ctrl-C, and never outlives its parent."""
    global _tell
    _tell = messages.put
    os.setpgid(0, 0)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        wait_for([parent.sentinel])
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=end_with_parent, daemon=True).start()


RUNNERS: dict[str, Runner] = {"serial": _serial, "processes": _processes}
