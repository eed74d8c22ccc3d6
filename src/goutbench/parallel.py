"""Parallel work: a function applied to many items by a runner.

To add a runner, write a function like those below and add a line to RUNNERS.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import wait as wait_for
from typing import Any, Protocol, TypeVar

from goutbench.errors import GoutbenchError

Item = TypeVar("Item")
Result = TypeVar("Result")
ProgressListener = Callable[[Any], None]

_listener: ProgressListener | None = None


def report_progress(message: Any) -> None:
    """Send a picklable message from a running function to the `on_progress` of its `parallel_map`."""
    if _listener is not None:
        _listener(message)


class Runner(Protocol):
    """Calls a function on every item and yields the results as they arrive, in any order.

    Messages that the function gives to `report_progress` reach `on_progress`. The first exception
    ends the run. A runner with other processes needs a picklable function, items and results.
    """

    def __call__(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        workers: int,
        on_progress: ProgressListener,
    ) -> Iterator[Result]: ...


def available_cpus() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parallel_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int = 1,
    on_progress: ProgressListener = lambda message: None,
    runner: str | None = None,
) -> Iterator[Result]:
    """Call a function on every item and yield the results as they arrive, in any order.

    `runner` is a key of RUNNERS: by default processes for several workers, else the current thread.
    """
    count = min(workers, len(items))
    name = runner or ("processes" if count > 1 else "serial")
    return RUNNERS[name](function, items, count, on_progress)


def serial(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    on_progress: ProgressListener,
) -> Iterator[Result]:
    """A runner that calls the function in the current thread, in order."""
    global _listener
    previous, _listener = _listener, on_progress
    try:
        yield from map(function, items)
    finally:
        _listener = previous


def threads(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    on_progress: ProgressListener,
) -> Iterator[Result]:
    """A runner with threads, for functions that mostly wait for other programs, such as a sandbox.

    An interrupt does not wait for those that run: they end with this process.
    """
    global _listener
    previous, _listener = _listener, on_progress
    pool, interrupted = ThreadPoolExecutor(workers), False
    try:
        for future in as_completed([pool.submit(function, item) for item in items]):
            yield future.result()
    except (KeyboardInterrupt, GeneratorExit):
        interrupted = True
        raise
    finally:
        pool.shutdown(wait=not interrupted, cancel_futures=True)
        _listener = previous


def processes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    on_progress: ProgressListener,
) -> Iterator[Result]:
    """A runner with processes, for functions that compute. It kills them all after an error."""
    # spawn, not fork: the parent has threads (progress, pyarrow), and a fork would copy their locks
    context = multiprocessing.get_context("spawn")
    messages = context.SimpleQueue()
    forwarder = _Forwarder(messages, on_progress)
    forwarder.start()
    earlier_children = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(messages,))
    try:
        pending: set[Future[Result]] = {pool.submit(function, item) for item in items}
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BaseException as error:
        # a worker that is killed while it sends never releases the queue's lock: do not use the queue again
        for child in set(multiprocessing.active_children()) - earlier_children:
            _kill_group(child.pid)
        pool.shutdown(wait=True, cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            hint = "free some memory or use fewer --workers; the same command resumes the run"
            raise GoutbenchError("a worker process was killed", hint=hint) from None
        raise
    pool.shutdown(wait=True)
    messages.put(None)
    forwarder.join()
    if forwarder.error is not None:
        raise forwarder.error


class _Forwarder(threading.Thread):
    """Passes messages on until it reads None. It keeps reading after an error, or the workers would block."""

    def __init__(self, messages: Any, listener: ProgressListener) -> None:
        super().__init__(daemon=True)
        self._messages = messages
        self._listener = listener
        self.error: Exception | None = None

    def run(self) -> None:
        while (message := self._messages.get()) is not None:
            if self.error is None:
                try:
                    self._listener(message)
                except Exception as error:
                    self.error = error


def _kill_group(leader: int | None) -> None:
    """Kill a worker and the processes it started, such as `git clone`."""
    if leader is not None:
        for kill in (os.killpg, os.kill):  # a worker has no group until it has started
            with suppress(ProcessLookupError, PermissionError):
                kill(leader, signal.SIGKILL)


def _start_worker(messages: Any) -> None:
    """Set up a worker: it leads its own process group, ignores Ctrl-C and ends with its parent."""
    global _listener
    _listener = messages.put
    os.setpgid(0, 0)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        wait_for([parent.sentinel])
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=end_with_parent, daemon=True).start()


RUNNERS: dict[str, Runner] = {"serial": serial, "threads": threads, "processes": processes}
