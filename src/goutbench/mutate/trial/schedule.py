"""Tasks on several threads, the one with the smallest key first; a task may add further ones."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Sequence

from goutbench.execute.worker import Worker

Key = tuple[int, ...]
Task = Callable[[Worker], None]


class Schedule:
    """Runs tasks until none is left, or until `deadline` (of time.monotonic): then none is started."""

    def __init__(self, workers: Sequence[Worker], deadline: float) -> None:
        self._workers, self._deadline = workers, deadline
        self._tasks: list[tuple[Key, int, Task]] = []
        self._numbers = itertools.count()
        self._running = 0
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def add(self, key: Key, task: Task) -> None:
        with self._changed:
            heapq.heappush(self._tasks, (key, next(self._numbers), task))
            self._changed.notify()

    def run(self) -> None:
        """Run all tasks. Raises the first exception of one; an interrupt does not wait for those that run."""
        threads = [
            threading.Thread(target=self._work, args=(worker,), daemon=True) for worker in self._workers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)  # an interrupt arrives between two of these
        if self._error is not None:
            raise self._error

    def _work(self, worker: Worker) -> None:
        while (task := self._next()) is not None:
            try:
                task(worker)
            except BaseException as error:
                with self._changed:
                    self._error = self._error or error
            finally:
                with self._changed:
                    self._running -= 1
                    self._changed.notify_all()

    def _next(self) -> Task | None:
        """The next task; None at the end."""
        with self._changed:
            while not self._tasks and self._running and self._error is None:
                self._changed.wait()
            if not self._tasks or self._error is not None or time.monotonic() >= self._deadline:
                return None
            self._running += 1
            return heapq.heappop(self._tasks)[2]
