"""Runners within this process."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from itertools import count
from typing import Any, TypeVar

from goutbench.parallel.work import Work, listen

Item = TypeVar("Item")
Result = TypeVar("Result")


def serial(work: Work[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
    """A runner that calls the function in the current thread, in order."""
    previous = listen(work.on_progress)
    try:
        with work.opened(0) as function:
            yield from map(function, items)
    finally:
        listen(previous)


def threads(work: Work[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
    """A runner with threads, for functions that mostly wait for other programs, such as a sandbox.

    An interrupt does not wait for those that run: they end with this process.
    """
    previous = listen(work.on_progress)
    pool, interrupted = ThreadPoolExecutor(work.workers), False
    stack = ExitStack()
    call = _function_of_threads(work, stack)
    pending: set[Future[Result]] = set()
    waiting = iter(items)
    try:
        while True:
            for item in waiting:
                pending.add(pool.submit(call, item))
                if len(pending) >= work.workers:
                    break
            if not pending:
                break
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except (KeyboardInterrupt, GeneratorExit):
        interrupted = True
        raise
    finally:
        pool.shutdown(wait=not interrupted, cancel_futures=True)
        if not interrupted:
            stack.close()
        listen(previous)


def _function_of_threads(work: Work[Item, Result], stack: ExitStack) -> Callable[[Item], Result]:
    """The function, opened by each thread at its first item, and closed by the stack."""
    numbers, own, lock = count(), threading.local(), threading.Lock()

    def call(item: Item) -> Result:
        function: Any = getattr(own, "function", None)
        if function is None:
            manager = work.opened(next(numbers))
            function = own.function = manager.__enter__()
            with lock:
                stack.push(manager)
        result: Result = function(item)
        return result

    return call
