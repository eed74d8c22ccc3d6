"""Work for the tests of runners: a module of its own, which workers in other processes can import."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from goutbench.errors import ConfigError
from goutbench.parallel import report_progress


def square(number: int) -> int:
    report_progress(f"squaring {number}")
    return number * number


def refuse(number: int) -> int:
    raise ConfigError(f"no {number}", where="here", hint="another one")


def slow_square(number: int) -> int:
    time.sleep(0.05)
    return number * number


class Opener:
    """Opens a function that knows its worker and its process; `folder` receives a file for each event."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def open(self, worker: int) -> Iterator[Callable[[int], tuple[int, int, int]]]:
        (self.folder / f"opened-{worker}-{os.getpid()}").touch()
        yield lambda item: self.call(worker, item)
        (self.folder / f"closed-{worker}-{os.getpid()}").touch()

    def call(self, worker: int, item: int) -> tuple[int, int, int]:
        """Items below 0 kill their worker; 100 kills it once."""
        once = self.folder / "killed once"
        if item < 0 or (item == 100 and not once.exists()):
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.01)
        return item, worker, os.getpid()


def lost(item: int) -> tuple[int, int, int]:
    return item, -1, -1
