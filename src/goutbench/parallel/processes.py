"""A runner with processes of this machine, which survives the death of its workers."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from typing import Any, Generic, TypeVar

from goutbench.errors import GoutbenchError
from goutbench.parallel.work import (
    Backlog,
    PerWorker,
    WaitingItem,
    Work,
    after_kill,
    listen,
    open_function,
    portable,
)

Item = TypeVar("Item")
Result = TypeVar("Result")

_READY, _MESSAGE, _RESULT, _ERROR = "ready", "message", "result", "error"
_END_SECONDS = 10.0  # between the end of a worker's pipe and that of its process

_main_module = threading.Lock()


def processes(work: Work[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
    """A runner with processes, for functions that compute, or that may kill their process.

    It kills them all after an error. A worker that was killed gets a successor.
    """
    backlog = Backlog(items, work.affinity)
    free = [_Worker(work, number) for number in range(work.workers)]
    busy: list[_Worker[Item, Result]] = []
    try:
        while True:
            while free and (entry := backlog.take()) is not None:
                worker = free.pop(0)
                worker.give(entry)
                busy.append(worker)
            if not busy:
                break
            ready = wait_for([worker.pipe for worker in busy])
            for worker in [worker for worker in busy if worker.pipe in ready]:
                try:
                    kind, content = worker.pipe.recv()
                except (EOFError, OSError, pickle.UnpicklingError):
                    worker.check_start()
                    busy.remove(worker)
                    free.append(worker.successor())
                    yield from after_kill(worker.entry, backlog, work)
                    continue
                if kind == _READY:
                    worker.ready = True
                    continue
                if kind == _MESSAGE:
                    work.on_progress(content)
                    continue
                if kind == _ERROR:
                    raise content
                busy.remove(worker)
                free.insert(0, worker)  # the last one that was used comes first: what it needs is in memory
                yield content
    except BaseException:
        for worker in (*free, *busy):
            worker.kill()
        raise
    for worker in free:
        worker.release()
    for worker in free:
        worker.join()


class _Worker(Generic[Item, Result]):
    """A process that calls the function on one item at a time; it starts with its first item."""

    def __init__(self, work: Work[Item, Result], number: int) -> None:
        self._work = work
        self._number = number
        self._process: Any = None
        self.ready = False
        self.pipe: Connection
        self.entry: WaitingItem[Item]

    def give(self, entry: WaitingItem[Item]) -> None:
        """Send an item, whose result comes through the pipe; the end of the pipe means that it was killed."""
        self.entry = entry
        if self._process is None:
            self._start()
        with suppress(OSError):  # it was killed between two items: the pipe ends
            self.pipe.send((entry.item,))

    def _start(self) -> None:
        # spawn, not fork: the parent has threads (progress, pyarrow), and a fork would copy their locks
        context = multiprocessing.get_context("spawn")
        self.pipe, remote = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(remote, self._work.function, self._number), daemon=False
        )
        with _without_main_module():
            self._process.start()
        remote.close()

    def check_start(self) -> None:
        """Raises GoutbenchError for a process that ended by itself before it was ready for an item.

        One that was killed may do better the next time; this one would not.
        """
        if self.ready:
            return
        self._process.join(_END_SECONDS)
        if (code := self._process.exitcode or 0) > 0:
            what = f"a worker process cannot start: it ended with exit code {code}"
            raise GoutbenchError(what, hint="its own error is in the output above")

    def successor(self) -> "_Worker[Item, Result]":
        """The worker that comes after this one, which was killed."""
        self.kill()
        return _Worker(self._work, self._number)

    def kill(self) -> None:
        """Kill the process, and those that it started, such as `git clone`."""
        if self._process is not None:
            for kill in (os.killpg, os.kill):  # a worker has no group until it has started
                with suppress(ProcessLookupError, PermissionError):
                    kill(self._process.pid, signal.SIGKILL)
            self._process.join()
            self.pipe.close()

    def release(self) -> None:
        """Let the process close what it has open, and end."""
        if self._process is not None:
            with suppress(OSError):
                self.pipe.send(None)

    def join(self) -> None:
        """Wait for the end of the process."""
        if self._process is not None:
            self._process.join()
            self.pipe.close()


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Processes that start in the block do not import the main module of this one.

    It may be a user's script without a guard, which would run again in each worker, and nothing that workers
    need is in it. `multiprocessing` reads these attributes, and has no option for it.
    """
    with _main_module:
        main = sys.modules["__main__"]
        names = ("__file__", "__spec__")
        hidden = {name: getattr(main, name) for name in names if hasattr(main, name)}
        try:
            for name in hidden:
                setattr(main, name, None)
            yield
        finally:
            for name, value in hidden.items():
                setattr(main, name, value)


def _serve(pipe: Connection, function: PerWorker[Any, Any] | Any, number: int) -> None:
    """Call the function on items from a pipe until it sends None.

    The worker leads its own process group, ignores Ctrl-C and ends with its parent.
    """
    os.setpgid(0, 0)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    lock = threading.Lock()

    def send(kind: str, content: Any) -> None:
        with lock:  # messages may come from other threads
            pipe.send((kind, content))

    send(_READY, None)
    listen(lambda message: send(_MESSAGE, message))
    try:
        with open_function(function, number) as call:
            while (item := pipe.recv()) is not None:
                send(_RESULT, call(*item))
    except Exception as error:
        send(_ERROR, portable(error))


def _end_with(sentinel: int) -> None:
    wait_for([sentinel])
    os.killpg(0, signal.SIGKILL)
